"""Smaller files of a run: what each saves, and what it costs in accuracy on test episodes.

    python -m benchmarks.smaller RUN --params params.yaml --episodes 300

Needs what `python -m stages.export RUN` wrote. Tried on adapt.onnx and model.onnx: weights stored
in half precision; weights stored in 8 bits, a scale for each output channel; and 8-bit arithmetic
by `onnxruntime.quantization.quantize_dynamic`. adapt.onnx is judged after learning, model.onnx by
its features: a query belongs to the class whose mean of support features is nearest.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import torch
import typer
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from lazyleap.datasets.store import load as load_data
from lazyleap.fewshot import export as fewshot
from lazyleap.onnx.parity import RUNTIME, Array, Feed, session
from lazyleap.onnx.smaller import LEAST, half
from lazyleap.settings import load, resolve
from lazyleap.statistics import interval
from stages import folders, machine
from stages.program import run
from stages.trained import load_theta

CPU = torch.device("cpu")
STEPS = (1, 5, 10, 50)
Judge = Callable[[ModelProto], Array]


def main(
    name: str,
    params: str = "params.yaml",
    episodes: Annotated[int, typer.Option(help="test episodes, the first of the fixed ones")] = 300,
    out: Annotated[str, typer.Option(help="folder of the numbers")] = "docs/results/adapt",
) -> None:
    """Compare smaller variants of run NAME's files with the files themselves."""
    setting = resolve(load(Path(params)), name)
    torch.set_num_threads(1)
    data = load_data(folders.images(setting.grid, setting.task_name, "test"))
    learned = fewshot.load(setting, load_theta(folders.trained(setting.grid, name), CPU), data)
    feeds = fewshot.feeds(learned, data, episodes, 0)
    folder = folders.exported(setting.grid, name)
    facts = {
        "run": name,
        "grid": setting.grid,
        "seed": setting.seed,
        "episodes": len(feeds),
        "onnxruntime": RUNTIME,
        **machine.describe(CPU, 1),
    }
    print(json.dumps(facts, indent=1))
    adapt, model = (onnx.load(folder / file) for file in (fewshot.ADAPT, fewshot.MODEL))
    rows = compare(fewshot.MODEL, "features", model, lambda m: nearest(m, feeds))
    for steps in STEPS:
        asked = [{**feed, "adaptation_steps": np.array(steps)} for feed in feeds]
        rows += compare(fewshot.ADAPT, f"{steps} steps", adapt, partial(learn, feeds=asked))
    content = json.dumps({**facts, "rows": rows}, indent=1) + "\n"
    place = Path(out) / f"{setting.grid}-{name}-smaller.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)
    print(table(rows))


def compare(file: str, what: str, model: ModelProto, judge: Judge) -> list[dict[str, Any]]:
    """A row for each variant; differences are between accuracies on the same episode."""
    rows: list[dict[str, Any]] = []
    whole = judge(model)
    for variant, make in VARIANTS.items():
        try:
            made = make(model)
        except ValueError as error:
            rows.append({"file": file, "after": what, "variant": variant, "refused": str(error)})
            continue
        found = whole if made is model else judge(made)
        rows.append(
            {
                "file": file,
                "after": what,
                "variant": variant,
                "bytes": made.ByteSize(),
                "accuracy": interval(found),
                "points_lost": {k: 100 * v for k, v in interval(whole - found).items() if k != "n"},
                "episodes_that_differ": int((found != whole).sum()),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def eight_bits(model: ModelProto) -> ModelProto:
    """Weights of two dimensions and more in int8, a scale for each row; computed in float32."""
    small = ModelProto()
    small.CopyFrom(model)
    graph, nodes, more = small.graph, [], []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST:
            continue
        name, array = tensor.name, numpy_helper.to_array(tensor)
        if len(array.shape) < 2:
            continue
        scale = np.abs(array).reshape(len(array), -1).max(1) / np.float32(127)
        rounded = np.round(array / scale.reshape(-1, *[1] * (array.ndim - 1))).astype(np.int8)
        tensor.CopyFrom(numpy_helper.from_array(rounded, f"int8/{name}"))
        more.append(numpy_helper.from_array(scale.astype(np.float32), f"scale/{name}"))
        inputs = [tensor.name, more[-1].name]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [name], name=name, axis=0))
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(more)
    onnx.checker.check_model(small, full_check=True)
    return small


def dynamic(model: ModelProto) -> ModelProto:
    """What `quantize_dynamic` makes of it, inside the loop too."""
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        before.write_bytes(model.SerializeToString())
        options = {"EnableSubgraph": True}
        quantize_dynamic(before, after, weight_type=QuantType.QInt8, extra_options=options)
        return onnx.load(after)


VARIANTS: dict[str, Callable[[ModelProto], ModelProto]] = {
    "as exported": lambda model: model,
    "half": half,
    "8-bit weights": eight_bits,
    "8-bit arithmetic": dynamic,
}


def learn(model: ModelProto, feeds: Sequence[Feed]) -> Array:
    """Accuracy of each episode after learning."""
    run_on = session(model)
    return np.array([hits(run_on.run(None, dict(feed))[0]) for feed in feeds])


def nearest(model: ModelProto, feeds: Sequence[Feed]) -> Array:
    """Accuracy of each episode by the nearest mean of features."""
    run_on = session(model)

    def features(images: Array) -> Array:
        found: Array = run_on.run(["features"], {"images": images})[0]
        return found

    def answer(feed: Feed) -> Array:
        labels, support = feed["support_labels"], features(feed["support_images"])
        means = np.stack([support[labels == c].mean(0) for c in range(labels.max() + 1)])
        apart = features(feed["query_images"])[:, None] - means
        scores: Array = -np.square(apart).sum(2)
        return scores

    return np.array([hits(answer(feed)) for feed in feeds])


def hits(scores: Array) -> float:
    """Accuracy on queries that are ordered by class."""
    way = scores.shape[1]
    return float((scores.argmax(1) == np.arange(way).repeat(len(scores) // way)).mean())


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| file | judged after | weights | kB | accuracy | points lost | episodes that differ |",
        "|---" * 7 + "|",
    ]
    for row in rows:
        if "refused" in row:
            cells = [f"`{row['file']}`", row["after"], row["variant"], "", row["refused"], "", ""]
            lines.append(f"| {' | '.join(cells)} |")
            continue
        accuracy, lost = row["accuracy"], row["points_lost"]
        cells = [
            f"`{row['file']}`",
            row["after"],
            row["variant"],
            f"{row['bytes'] / 1000:.0f}",
            f"{100 * accuracy['value']:.2f} +- {100 * accuracy['ci95']:.2f}",
            f"{lost['value']:.3f} +- {lost['ci95']:.3f}",
            str(row["episodes_that_differ"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run(main)
