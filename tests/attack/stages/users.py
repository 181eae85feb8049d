"""A user's ONNX classifier, and params.yaml's words for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.attack.stages.project import TASK

CLASSES, SIDE = 4, 16


def model(path: Path, *, shape=("n", 1, SIDE, SIDE), outputs=CLASSES, last="logits", scale=1.0):
    """Template matching: brightness of each quarter of the image; ``last``: how it ends."""
    weights = np.zeros((SIDE, SIDE, outputs), np.float32)
    for c in range(outputs):
        weights[c % 4 * 4 : c % 4 * 4 + 4, :, c] = scale
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
    ]
    if last == "probabilities":
        nodes.append(helper.make_node("Softmax", ["scores"], ["out"]))
    elif last == "one-hot":
        nodes += [
            helper.make_node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0),
            helper.make_node("OneHot", ["best", "depth", "values"], ["out"]),
        ]
    elif last == "rarely nan":  # 0 / 0 where the first pixel is the brightest there is: LAST's
        nodes += [
            helper.make_node("Gather", ["flat", "place"], ["first"], axis=1),
            helper.make_node("Less", ["first", "edge"], ["fine"]),
            helper.make_node("Cast", ["fine"], ["factor"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["scores", "factor"], ["kept"]),
            helper.make_node("Div", ["kept", "factor"], ["out"]),
        ]
    elif last == "nan":
        nodes += [
            helper.make_node("Sub", ["scores", "scores"], ["zero"]),
            helper.make_node("Div", ["zero", "zero"], ["out"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["scores"], ["out"]))
    flat = weights.reshape(-1, outputs)
    if shape[1:] != (1, SIDE, SIDE):
        flat = np.zeros((int(np.prod(shape[1:])), outputs), np.float32)
    graph = helper.make_graph(
        nodes,
        "mine",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [shape[0], outputs])],
        [
            numpy_helper.from_array(flat, "weights"),
            numpy_helper.from_array(np.array(outputs), "depth"),
            numpy_helper.from_array(np.array([0, 1], np.float32), "values"),
            numpy_helper.from_array(np.array([0]), "place"),
            numpy_helper.from_array(np.float32(1.99), "edge"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, path)


def users_target(params, **changes):
    item = {
        "kind": "onnx", "task": TASK, "source": "mine.onnx", "input": "pixels", "mean": [0.5],
        "std": [0.25], "outputs": "logits", "classes": CLASSES,
    }  # fmt: skip
    params["targets"] = {"mine": {**item, **changes}}
