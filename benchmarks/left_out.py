"""What holds a gradient predictor back, and how to use it: on surrogates left out of training.

    python -m benchmarks.left_out 'first-order-k1,lazy-k5' --cpu-seconds 60 --out left-out.csv

Each run of the grid is meta-trained for the same CPU seconds on all surrogates but one, and judged
on that one, in turn for each of them: by the cosine of its maps with that surrogate's gradients, at
theta and after the horizon's steps, and by attacking it on held-out training images. No target and
no test image is touched, so what is chosen by this may be tested on them. Needs what
`lazyleap run --grid attack-study --only untrained` leaves.

Two bounds stand beside it: the cosine of that surrogate's gradients with the mean of the others',
which is what a predictor that knew those exactly would reach without adapting; and ZOO's and Square
Attack's queries on the same images.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pandas as pd
import torch
import typer
from torch import Tensor
from torch.nn.functional import normalize

from lazyleap.algorithms import MAML
from lazyleap.attack import evaluate
from lazyleap.attack.attempt import Search
from lazyleap.attack.campaign import attack, summary
from lazyleap.attack.chosen import Chosen
from lazyleap.attack.options import task
from lazyleap.attack.pairs import Pairs, sample
from lazyleap.attack.train import cosines, learner, surrogate_pairs, transfer
from lazyleap.bilevel import Adapts, Task
from lazyleap.blocks import Block
from lazyleap.budget import trained
from lazyleap.classifiers import store
from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError, nearest
from lazyleap.seeding import generator
from lazyleap.sentences import parse
from lazyleap.setting import Setting
from lazyleap.settings import load, resolve
from lazyleap.training.meta_learner import MetaLearner
from stages import budget, folders, machine
from stages.program import run

CPU = torch.device("cpu")
LEAST = 20  # meta-iterations
TIMED = 2.0  # CPU seconds of meta-training, by which the number that fits is reckoned
TASKS = 50  # of the surrogate left out
Row = dict[str, Any]
Options = Mapping[str, Any]


class Asked(NamedTuple):
    """What each run is given: CPU ``seconds``, how many ``images`` to attack, options to try.

    ``left``: surrogates to leave out, in turn; none: each. ``tried``: options of a predictor's
    search, none where nothing is to be attacked; ``alone``: of a search that needs no predictor.
    """

    seconds: float
    images: int
    left: Sequence[str]
    tried: Sequence[Options]
    alone: Sequence[Options]


def main(
    runs: Annotated[str, typer.Argument(help="of the grid, patterns with commas between")],
    params: str = "grids/attack-study/params.yaml",
    cpu_seconds: Annotated[float, typer.Option(help="of each meta-training")] = 60,
    images: Annotated[int, typer.Option(min=2, help="attacked on each surrogate")] = 100,
    search: Annotated[
        list[str] | None, typer.Option(help="options of a predictor's search to try besides, JSON")
    ] = None,
    alone: Annotated[
        list[str] | None, typer.Option(help="options of a search without one, as ZOO's, JSON")
    ] = None,
    change: Annotated[str, typer.Option(help="of the task's training and model, JSON")] = "{}",
    left: Annotated[list[str] | None, typer.Option(help="to leave out, of all surrogates")] = None,
    attacked: Annotated[bool, typer.Option(help="or cosines alone")] = True,
    out: Annotated[str, typer.Option(help="CSV of the numbers")] = "left-out.csv",
) -> None:
    """Train, judge, print and write a row for each run, surrogate left out and search."""
    torch.set_num_threads(1)
    facts = {**machine.describe(CPU, 1, "benchmarks"), "cpu_seconds": cpu_seconds, "images": images}
    settings = load(Path(params))
    tried, unaided = (
        [{}, *(read(what, one) for one in given or [])]
        for what, given in (("search", search), ("alone", alone))
    )
    if not attacked:
        tried, unaided = [], []
    asked = Asked(cpu_seconds, images, left or (), tried, unaided)
    rows: list[Row] = []
    for name in settings.matching(runs):
        setting = changed(resolve(settings, name), read("change", change))
        for row in judged(setting, asked):
            rows.append({"run": name, "change": change, **row})
            print(json.dumps(rows[-1]), flush=True)
    table = pd.DataFrame(rows)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(out, index=False, float_format="%.4f", lineterminator="\n")
    Path(out).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    shown = table.groupby(["run", "search"], sort=False).mean(numeric_only=True).reset_index()
    print(shown.to_markdown(index=False, floatfmt=".3f"))


def read(what: str, text: str) -> Options:
    """The options in a JSON object."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"{what} {text}: is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{what} {text}: is no JSON object")
    return found


def changed(setting: Setting, change: Options) -> Setting:
    """The setting with other options of its task's ``training`` and ``model``."""
    options, left = setting.task, dict(change)
    for block in ("training", "model"):
        part = getattr(options, block)
        known = {key: left.pop(key) for key in type(part).model_fields if key in left}
        options = options.model_copy(update={block: other(part, known, "change")})
    if left:
        raise InputError(f"change {change}: {', '.join(left)} is no option of training or model")
    return replace(setting, task=options)


def other(block: Block, changes: Options, where: str) -> Block:
    """The block with some options changed, checked as in params.yaml."""
    return parse(type(block), block.merged(block.model_dump(), changes), where)


def judged(setting: Setting, asked: Asked) -> Iterator[Row]:
    """A row for each surrogate, left out of the training, and each search that is tried on it."""
    data = load_data(folders.images(setting.grid, setting.task_name, "train"))
    if not issubclass(setting.algorithm_class, Adapts):
        for left, options in product(kept_out(setting, asked.left), asked.alone):
            search = evaluate.search(searching(setting, options), {}, data)
            attacked = attack_on(left, search, setting, data, asked)
            yield {"left_out": left, "search": json.dumps(options), **attacked}
        return
    _, held_out = surrogate_pairs(setting, data, CPU)
    of = dict(zip(setting.surrogates, held_out, strict=True))
    for left in kept_out(setting, asked.left):
        others = [name for name in setting.surrogates if name != left]
        taught, spent = train(replace(setting, surrogates=tuple(others)), data, asked.seconds)
        facts = spent | fidelity(setting, taught, of[left], [of[name] for name in others])
        if not asked.tried:
            yield {"left_out": left, "search": "", **facts}
        for options in asked.tried:
            search = evaluate.search(searching(setting, options), taught.theta, data)
            attacked = attack_on(left, search, setting, data, asked)
            yield {"left_out": left, "search": json.dumps(options), **facts, **attacked}


def kept_out(setting: Setting, asked: Sequence[str]) -> Sequence[str]:
    """The surrogates to leave out, in turn."""
    for name in asked:
        if name not in setting.surrogates:
            raise InputError(f"left {name}: no such surrogate; {nearest(name, setting.surrogates)}")
    return asked or setting.surrogates


def searching(setting: Setting, options: Options) -> Setting:
    """The setting with other options of its search."""
    given = setting.algorithm_options
    if issubclass(setting.algorithm_class, Adapts):
        searched = {"search": other(given.search, options, "search")}
        return replace(setting, algorithm_options=given.model_copy(update=searched))
    return replace(setting, algorithm_options=other(given, options, "alone"))


def train(setting: Setting, data: Prepared, seconds: float) -> tuple[MetaLearner, Row]:
    """Meta-trained for as many iterations as fit, by the time of some."""
    count = fitting(setting, seconds) if trained(setting) else 0
    made = learner(replace(setting, meta_iterations=max(count, 1)), data, CPU)
    assert isinstance(made, MetaLearner)
    start = time.process_time()
    for iteration in range(count):
        made.step(iteration, describe=False)
    made.check()
    return made, {"iterations": count, "cpu_seconds": time.process_time() - start}


def fitting(setting: Setting, seconds: float) -> int:
    """The meta-iterations that so many CPU seconds buy."""
    timing = budget.timing(replace(setting, device="cpu"))
    timing.measure(min(TIMED, seconds))
    return max(LEAST, round(seconds / timing.rounds[0]))


def fidelity(setting: Setting, taught: MetaLearner, left: Pairs, others: Sequence[Pairs]) -> Row:
    """Cosines with the gradients of the surrogate left out, at theta, adapted, and the bound."""
    options = task(setting).training
    size = {"support": options.support, "query": options.query}
    chance = generator(task(setting).draw.seed, "left out")
    tasks = sample([left], count=TASKS, chance=chance, horizon=setting.horizon, **size)
    before = [Task([], one.outer) for one in tasks]
    assert isinstance(taught.problem, MAML)
    return {
        "at_theta": transfer(taught.problem, before, taught.theta)["validation/score"],
        "adapted": transfer(taught.problem, tasks, taught.theta)["validation/score"],
        "mean_of_others": float(cosines(_mean(others), left.gradients).mean()),
    }


def _mean(others: Sequence[Pairs]) -> Tensor:
    """The mean of their directions."""
    return torch.stack([normalize(one.gradients.flatten(1)) for one in others]).mean(0)


def attack_on(name: str, search: Search, setting: Setting, data: Prepared, asked: Asked) -> Row:
    """Success and mean queries, a failure counted as the budget, on held-out training images."""
    start, images = time.process_time(), data.split("train")
    options = task(setting).test.model_copy(update={"images": asked.images})
    result = attack(
        search,
        options,
        name,
        store.load_scorer(data.folder.parent / "surrogates" / name, CPU),
        images,
        Chosen.load(data.folder / "held_out.npz", images),
        generator(0, "left out", name),
        CPU,
    )
    found = summary([result], options, 0)["metrics"]
    return {
        "success": found["success"]["value"],
        "queries": found["queries_mean_all"]["value"],
        "attack_cpu_seconds": time.process_time() - start,
    }


if __name__ == "__main__":
    run(main)
