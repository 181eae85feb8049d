"""The exported learner against PyTorch on test episodes: accuracy and episodes a second, one run.

    python benchmarks/adapt.py RUN --params params.yaml --episodes 300

Needs what `python -m stages.export RUN` wrote. ONNX Runtime reads adapt.onnx alone; PyTorch runs
the library's own inner loop on the same images, one episode at a time like ONNX Runtime and, for
what a batch gains, as the evaluate stage does, fifty at a time. Both use one CPU thread.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.evaluation.fewshot import accuracies
from lazyleap.export import fewshot
from lazyleap.export.learned import Learned
from lazyleap.export.parity import RUNTIME, Array, Feed, session
from lazyleap.settings import load, resolve
from lazyleap.tasks.fewshot import Episodes, Pixels
from stages import folders, machine
from stages.program import run
from stages.trained import load_theta

STEPS = (1, 5, 10, 50)
CPU = torch.device("cpu")


def main(
    name: str,
    params: str = "params.yaml",
    episodes: Annotated[int, typer.Option(help="test episodes, the first of the fixed ones")] = 300,
    out: Annotated[str, typer.Option(help="folder of the table and its numbers")] = "docs/results",
) -> None:
    """Compare run NAME's adapt.onnx with PyTorch at 1, 5, 10 and 50 steps."""
    setting = resolve(load(Path(params)), name)
    torch.set_num_threads(1)
    data = load_data(folders.images(setting.grid, setting.task_name, "test"))
    learned = fewshot.load(setting, load_theta(folders.trained(setting.grid, name), CPU), data)
    feeds = fewshot.feeds(learned, data, episodes, 0)
    file = folders.exported(setting.grid, name) / fewshot.ADAPT
    rows = [compare(learned, file, feeds, data, steps) for steps in STEPS]
    facts = {
        "run": name,
        "grid": setting.grid,
        "algorithm": setting.algorithm,
        "episodes": len(feeds),
        "onnxruntime": RUNTIME,
        **machine.describe(CPU, 1),
        "command": shlex.join(["python", *sys.argv]),
    }
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"adapt-{setting.grid}-{name}"
    (folder / f"{stem}.json").write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")
    (folder / f"{stem}.md").write_text(table(facts, rows))
    print(table(facts, rows))


def compare(
    learned: Learned, file: Path, feeds: Sequence[Feed], data: Prepared, steps: int
) -> dict[str, Any]:
    """One row: accuracies, their largest difference on an episode, and episodes a second."""
    runtime = session(str(file))
    asked = [{**feed, "adaptation_steps": np.array(steps)} for feed in feeds]
    onnx, onnx_rate = judge(lambda feed: runtime.run(None, dict(feed))[0], asked)
    plain, plain_rate = judge(learned.adapt, asked)
    batched, batched_rate = in_batches(learned, data, len(feeds), steps)
    return {
        "steps": steps,
        "onnxruntime": float(onnx.mean()),
        "pytorch": float(plain.mean()),
        "pytorch_batched": float(batched.mean()),
        "points_apart": 100 * abs(float(onnx.mean() - plain.mean())),
        "episodes_that_differ": int((onnx != plain).sum()),
        "onnxruntime_episodes_per_second": onnx_rate,
        "pytorch_episodes_per_second": plain_rate,
        "pytorch_batched_episodes_per_second": batched_rate,
    }


def judge(answer: Callable[[Feed], Array], feeds: Sequence[Feed]) -> tuple[Array, float]:
    """Accuracy of each episode, and episodes a CPU second; the first one warms up."""
    answer(feeds[0])
    start = time.process_time()
    logits = [answer(feed) for feed in feeds]
    rate = len(feeds) / (time.process_time() - start)
    hits = []
    for feed, found in zip(feeds, logits, strict=True):
        way = found.shape[1]
        labels = np.arange(way).repeat(len(feed["query_images"]) // way)
        hits.append(float((found.argmax(1) == labels).mean()))
    return np.array(hits), rate


def in_batches(learned: Learned, data: Prepared, count: int, steps: int) -> tuple[Array, float]:
    """What the evaluate stage does."""
    pixels = Pixels(data.split("test"), *learned.normalisation, CPU)  # type: ignore[arg-type]
    episodes = Episodes.load(data.folder / "episodes.npz").head(count)
    start = time.process_time()
    found = accuracies(learned.problem, learned.theta, pixels, episodes, [steps])[steps]
    return found, count / (time.process_time() - start)


def table(facts: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """Markdown; episodes a second are of CPU time, one thread."""
    lines = [
        f"# `adapt.onnx` of {facts['grid']}/{facts['run']} against PyTorch",
        "",
        f"{facts['episodes']} test episodes, one CPU thread; {facts['hardware']}; "
        f"{facts['onnxruntime']}, torch {facts['torch']}; commit {facts['commit']}"
        f"{' (edited)' if facts['dirty'] else ''}; `{facts['command']}`",
        "",
        "| steps | accuracy, ONNX Runtime | PyTorch | points apart | episodes that differ "
        "| episodes/s, ONNX Runtime | PyTorch | PyTorch, 50 at once |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        rates = [row[f"{who}_episodes_per_second"] for who in ("onnxruntime", "pytorch")]
        rates.append(row["pytorch_batched_episodes_per_second"])
        lines.append(
            f"| {row['steps']} | {100 * row['onnxruntime']:.2f} % | {100 * row['pytorch']:.2f} % "
            f"| {row['points_apart']:.2f} | {row['episodes_that_differ']} | "
            + " | ".join(f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}" for rate in rates)
            + " |"
        )
    lines += ["", "Episodes a second of CPU time, adaptation and queries together."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run(main)
