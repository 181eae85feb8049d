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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor

from lazyleap.algorithms import MAML
from lazyleap.attack import evaluate
from lazyleap.attack.attempt import Search
from lazyleap.attack.chosen import Chosen, goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.options import task
from lazyleap.attack.oracle import Oracle
from lazyleap.attack.pairs import Pairs, sample
from lazyleap.attack.train import cosines, learner, surrogate_pairs, transfer
from lazyleap.bilevel import Adapts, Task
from lazyleap.classifiers import store
from lazyleap.classifiers.fit import pixels
from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.seeding import generator
from lazyleap.setting import Setting
from lazyleap.settings import load, resolve
from lazyleap.training.meta_learner import MetaLearner
from stages import folders, machine
from stages.program import run

CPU = torch.device("cpu")
TIMED = 20  # meta-iterations, of which the number that fits is reckoned
TASKS = 50  # of the surrogate left out
Row = dict[str, Any]


def main(
    runs: Annotated[str, typer.Argument(help="of the grid, patterns with commas between")],
    params: str = "grids/attack-study/params.yaml",
    cpu_seconds: Annotated[float, typer.Option(help="of each meta-training")] = 60,
    images: Annotated[int, typer.Option(help="attacked on each surrogate")] = 100,
    search: Annotated[list[str] | None, typer.Option(help="options to try besides, JSON")] = None,
    change: Annotated[str, typer.Option(help="of the task's training and model, JSON")] = "{}",
    out: Annotated[str, typer.Option(help="CSV of the numbers")] = "left-out.csv",
) -> None:
    """Train, judge, print and write a row for each run, surrogate left out and search."""
    torch.set_num_threads(1)
    settings = load(Path(params))
    rows: list[Row] = []
    for name in settings.matching(runs):
        setting = changed(resolve(settings, name), json.loads(change))
        data = load_data(folders.images(setting.grid, setting.task_name, "train"))
        for left in setting.surrogates:
            tried = [{}, *map(json.loads, search or [])]
            for row in judged(setting, data, left, cpu_seconds, images, tried):
                rows.append({"run": name, "change": change, "left_out": left, **row})
                print(json.dumps(rows[-1]), flush=True)
    table = pd.DataFrame(rows)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(out, index=False, float_format="%.4f", lineterminator="\n")
    facts = {**machine.describe(CPU, 1, "benchmarks"), "cpu_seconds": cpu_seconds, "images": images}
    Path(out).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    shown = table.groupby(["run", "search"], sort=False).mean(numeric_only=True).reset_index()
    print(shown.to_markdown(index=False, floatfmt=".3f"))


def changed(setting: Setting, change: Mapping[str, Any]) -> Setting:
    """The setting with other options of its task's ``training`` and ``model``."""
    options, left = setting.task, dict(change)
    for block in ("training", "model"):
        part = getattr(options, block)
        known = {key: left.pop(key) for key in type(part).model_fields if key in left}
        options = options.model_copy(update={block: part.model_copy(update=known)})
    if left:
        raise InputError(f"change {change}: {', '.join(left)} is no option of training or model")
    return replace(setting, task=options)


def judged(
    setting: Setting,
    data: Prepared,
    left: str,
    seconds: float,
    images: int,
    tried: Sequence[Mapping[str, Any]],
) -> list[Row]:
    """A row for each search that is tried on the surrogate ``left``."""
    _, held_out = surrogate_pairs(setting, data, CPU)
    of = dict(zip(setting.surrogates, held_out, strict=True))
    victim = Victim(setting, data, left, images)
    if not issubclass(setting.algorithm_class, Adapts):
        return [{"search": "", **victim.attacked(evaluate.search(setting, {}, data))}]
    others = tuple(name for name in setting.surrogates if name != left)
    taught, trained = train(replace(setting, surrogates=others), data, seconds)
    facts = trained | fidelity(setting, taught, of[left], [of[name] for name in others])
    rows = []
    for options in tried:
        given = setting.algorithm_options
        asked = given.model_copy(update={"search": given.search.model_copy(update=options)})
        found = evaluate.search(replace(setting, algorithm_options=asked), taught.theta, data)
        rows.append({"search": json.dumps(options), **facts, **victim.attacked(found)})
    return rows


def train(setting: Setting, data: Prepared, seconds: float) -> tuple[MetaLearner, Row]:
    """Meta-trained for as many iterations as fit, by the time of the first."""
    count = setting.meta_iterations and _fitting(setting, data, seconds)
    made = learner(replace(setting, meta_iterations=max(count, 1)), data, CPU)
    assert isinstance(made, MetaLearner)
    start = time.process_time()
    for iteration in range(count):
        made.step(iteration, describe=False)
    made.check()
    return made, {"iterations": count, "cpu_seconds": time.process_time() - start}


def _fitting(setting: Setting, data: Prepared, seconds: float) -> int:
    made = learner(setting, data, CPU)
    made.step(0, describe=False)  # what is paid once
    start = time.process_time()
    for iteration in range(TIMED):
        made.step(iteration, describe=False)
    return max(TIMED, round(TIMED * seconds / (time.process_time() - start)))


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
    each = [one.gradients.flatten(1) for one in others]
    return sum((torch.nn.functional.normalize(part) for part in each), torch.tensor(0.0))


class Victim:
    """A surrogate under attack, on the first held-out images that it classifies correctly."""

    def __init__(self, setting: Setting, data: Prepared, name: str, images: int) -> None:
        self._options, self._name = task(setting).test, name
        self._network = store.load_network(data.folder.parent / "surrogates" / name, CPU)
        shown = data.split("train")
        held_out = Chosen.load(data.folder / "held_out.npz", shown)
        with torch.no_grad():
            found = self._network(pixels(shown.images[held_out.rows], CPU)).argmax(1).numpy()
        right = np.flatnonzero(found == shown.labels[held_out.rows])[:images]
        chosen = held_out.only(right)
        self._clean = pixels(shown.images[chosen.rows], CPU)
        self._goal = goal(chosen, shown.labels, self._options.goal, CPU)

    def attacked(self, search: Search) -> Row:
        """Its success and mean queries, a failure counted as the budget, and the CPU seconds."""
        options, start = self._options, time.process_time()
        oracle = Oracle(self._network, options.budget, len(self._clean), outputs="logits")
        limit = Limit(options.norm, options.epsilon)
        chance = generator(0, "left out", self._name)
        outcome = search.run(oracle, self._clean, self._goal, limit, chance)
        spent = torch.where(outcome.success, outcome.queries, options.budget).double()
        return {
            "success": float(outcome.success.double().mean()),
            "queries": float(spent.mean()),
            "attack_cpu_seconds": time.process_time() - start,
        }


if __name__ == "__main__":
    run(main)
