"""Puts written operations together: what is needed, what goes into a loop, the model around."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import onnx
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from lazyleap.onnx.exporter import IR_VERSION, OPSET
from lazyleap.trees import Tree

ALWAYS = "always"  # an absent condition is legal, but onnx's reference evaluator then never starts


def needed(nodes: Sequence[NodeProto], outputs: Collection[str]) -> list[NodeProto]:
    """The nodes that the outputs depend on, in order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def split(
    nodes: Iterable[NodeProto], carried: Collection[str]
) -> tuple[list[NodeProto], list[NodeProto]]:
    """The nodes that do not depend on the carried values, and those that do."""
    inside = set(carried)
    parts: tuple[list[NodeProto], list[NodeProto]] = ([], [])
    for node in nodes:
        depends = bool(inside.intersection(node.input))
        inside.update(node.output if depends else ())
        parts[depends].append(node)
    return parts


def loop_body(
    nodes: Sequence[NodeProto], carried: Sequence[ValueInfoProto], after: Sequence[ValueInfoProto]
) -> GraphProto:
    """The body of an ONNX ``Loop`` that goes on as often as it is told to."""
    iteration = helper.make_tensor_value_info("step/iteration", TensorProto.INT64, [])
    go, on = (
        helper.make_tensor_value_info(f"step/{name}", TensorProto.BOOL, [])
        for name in ("go", "go_on")
    )
    pass_on = helper.make_node("Identity", [go.name], [on.name], name=on.name)
    return helper.make_graph(
        [*nodes, pass_on], "inner_step", [iteration, go, *carried], [on, *after]
    )


def to_model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    weights: Tree,
    constants: Mapping[str, TensorProto],
) -> ModelProto:
    """A checked model that holds ``weights`` under their names."""
    tensors = [numpy_helper.from_array(p.detach().numpy(), n) for n, p in weights.items()]
    always = numpy_helper.from_array(np.array(True), ALWAYS)
    graph = helper.make_graph(
        nodes, "self_adapting_learner", inputs, outputs, [*tensors, *constants.values(), always]
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    model.producer_name = "lazyleap"
    onnx.checker.check_model(model, full_check=True)
    return model
