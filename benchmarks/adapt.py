"""The exported learner against PyTorch on test episodes: accuracy and episodes a second, one run.

    python -m benchmarks.adapt RUN --params params.yaml --episodes 300

Needs what `python -m stages.export RUN` wrote. ONNX Runtime reads adapt.onnx alone; PyTorch runs
the library's own inner loop on the same images, one episode at a time like ONNX Runtime and, for
what a batch gains, as the evaluate stage does, fifty at a time. Each uses one CPU thread; they take
turns, some episodes each, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.fewshot import export as fewshot
from lazyleap.fewshot.episodes import Episodes
from lazyleap.fewshot.measures import accuracies
from lazyleap.onnx.learned import Learned
from lazyleap.onnx.parity import RUNTIME, Array, Feed, session
from lazyleap.settings import load, resolve
from lazyleap.statistics import interval
from stages import folders, machine
from stages.program import run
from stages.trained import load_theta

STEPS = (1, 5, 10, 50)
TURN = 50  # episodes; also how many the evaluate stage adapts at once
CPU = torch.device("cpu")


def main(
    name: str,
    params: str = "params.yaml",
    episodes: Annotated[int, typer.Option(help="test episodes, the first of the fixed ones")] = 300,
    out: Annotated[str, typer.Option(help="folder of the numbers")] = "docs/results/adapt",
) -> None:
    """Compare run NAME's adapt.onnx with PyTorch at 1, 5, 10 and 50 steps."""
    setting = resolve(load(Path(params)), name)
    torch.set_num_threads(1)
    data = load_data(folders.images(setting.grid, setting.task_name, "test"))
    learned = fewshot.load(setting, load_theta(folders.trained(setting.grid, name), CPU), data)
    feeds = fewshot.feeds(learned, data, episodes, 0)
    file = folders.exported(setting.grid, name) / fewshot.ADAPT
    facts = {
        "run": name,
        "grid": setting.grid,
        "algorithm": setting.algorithm,
        "seed": setting.seed,
        "episodes": len(feeds),
        "test_digest": Episodes.load(data.folder / "episodes.npz").digest,
        "onnxruntime": RUNTIME,
        **machine.describe(CPU, 1),
    }
    print(json.dumps(facts, indent=1))
    rows = []
    for steps in STEPS:
        rows.append(compare(learned, file, feeds, data, steps))
        print(json.dumps(rows[-1]), flush=True)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps({**facts, "rows": rows}, indent=1) + "\n"
    (folder / f"{setting.grid}-{name}.json").write_text(content)
    print(table(rows))


def compare(
    learned: Learned, file: Path, feeds: Sequence[Feed], data: Prepared, steps: int
) -> dict[str, Any]:
    """One row: accuracies, how far they are apart, and episodes a second."""
    runtime = session(str(file))
    asked = [{**feed, "adaptation_steps": np.array(steps)} for feed in feeds]
    pixels = Pixels(data.split("test"), *learned.normalisation, CPU)  # type: ignore[arg-type]
    episodes = Episodes.load(data.folder / "episodes.npz").head(len(feeds))

    def batched(first: int) -> Array:
        turn = slice(first, first + TURN)
        some = Episodes(episodes.support[turn], episodes.query[turn])
        return accuracies(learned.problem, learned.theta, pixels, some, [steps])[steps]

    def each(answer: Callable[[Feed], Array]) -> Callable[[int], Array]:
        return lambda first: np.array([hits(answer, f) for f in asked[first : first + TURN]])

    ways = {
        "onnxruntime": each(lambda feed: runtime.run(None, dict(feed))[0]),
        "pytorch": each(learned.adapt),
        "pytorch_batched": batched,
    }
    hits(lambda feed: runtime.run(None, dict(feed))[0], asked[0])  # the first call warms up
    hits(learned.adapt, asked[0])
    turns = [{who: timed(way, first) for who, way in ways.items()} for first in starts(len(feeds))]
    found = {who: np.concatenate([turn[who][0] for turn in turns]) for who in ways}
    seconds = {who: np.array([turn[who][1] for turn in turns]) for who in ways}
    apart = found["onnxruntime"] - found["pytorch"]
    return {
        "steps": steps,
        **{who: interval(values) for who, values in found.items()},
        "points_apart": 100 * abs(float(apart.mean())),
        "episodes_that_differ": int((apart != 0).sum()),
        "episodes_per_second": {who: len(feeds) / float(s.sum()) for who, s in seconds.items()},
        "times_as_fast_as_pytorch": spread(seconds["pytorch"] / seconds["onnxruntime"]),
        "times_as_fast_as_batched": spread(seconds["pytorch_batched"] / seconds["onnxruntime"]),
    }


def starts(episodes: int) -> range:
    """Where each turn begins."""
    return range(0, episodes, TURN)


def hits(answer: Callable[[Feed], Array], feed: Feed) -> float:
    """Accuracy on an episode, whose queries are ordered by class."""
    logits = answer(feed)
    way = logits.shape[1]
    return float((logits.argmax(1) == np.arange(way).repeat(len(logits) // way)).mean())


def timed(way: Callable[[int], Array], first: int) -> tuple[Array, float]:
    """The accuracies of a turn, and its CPU seconds."""
    start = time.process_time()
    found = way(first)
    return found, time.process_time() - start


def spread(ratios: Array) -> dict[str, float]:
    """Median, least and largest over the turns."""
    return {
        "median": float(np.median(ratios)),
        "least": float(ratios.min()),
        "largest": float(ratios.max()),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown; episodes a second are of CPU time, one thread."""
    lines = [
        "| steps | ONNX Runtime | PyTorch | points apart | episodes that differ "
        "| episodes/s, ONNX Runtime | PyTorch | PyTorch, 50 at once | ONNX Runtime is |",
        "|---" * 9 + "|",
    ]
    for row in rows:
        scores = [row[who] for who in ("onnxruntime", "pytorch")]
        rates, times = row["episodes_per_second"], row["times_as_fast_as_pytorch"]
        cells = [
            str(row["steps"]),
            *(f"{100 * s['value']:.2f} +- {100 * s['ci95']:.2f}" for s in scores),
            f"{row['points_apart']:.3f}",
            f"{row['episodes_that_differ']} of {scores[0]['n']}",
            *(f"{rates[who]:.3g}" for who in ("onnxruntime", "pytorch", "pytorch_batched")),
            f"{times['median']:.1f} times as fast ({times['least']:.1f} to {times['largest']:.1f})",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run(main)
