"""Several tasks a call: a leading task dimension T around a learner."""

from __future__ import annotations

import onnx
from onnx import GraphProto, ModelProto, ValueInfoProto, helper

TASK_INPUTS = ("support_images", "support_labels", "query_images")


def over_tasks(learner: ModelProto) -> ModelProto:
    """The learner of ``[T, S, ...]`` and ``[T, Q, ...]``: to ``[T, Q, N]`` and ``[T, steps]``.

    The tasks of a call have S and Q in common, and steps and rate; T is any number from 1. They
    are learned one after another, each as alone: this saves calls, not arithmetic.
    """
    model = ModelProto()
    model.CopyFrom(learner)
    graph = model.graph
    tasks = [v for v in graph.input if v.name in TASK_INPUTS]
    body = helper.make_graph(
        list(graph.node), "one_task", [_copy(v) for v in tasks], [_copy(v) for v in graph.output]
    )
    _rename(body, {v.name: f"task/{v.name}" for v in (*tasks, *graph.output)})
    outputs = [v.name for v in graph.output]
    scan = helper.make_node(
        "Scan", [v.name for v in tasks], outputs, "tasks", body=body, num_scan_inputs=len(tasks)
    )
    del graph.node[:]
    graph.node.append(scan)
    for value in (*tasks, *graph.output):
        _lead(value)
    onnx.checker.check_model(model, full_check=True)
    return model


def _copy(value: ValueInfoProto) -> ValueInfoProto:
    copied = ValueInfoProto()
    copied.CopyFrom(value)
    return copied


def _rename(graph: GraphProto, names: dict[str, str]) -> None:
    """Rename values in a graph and in the graphs inside it."""
    for node in graph.node:
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename(attribute.g, names)
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)


def _lead(value: ValueInfoProto) -> None:
    """Put the dimension T before the others."""
    shape = value.type.tensor_type.shape
    others = list(shape.dim)
    del shape.dim[:]
    shape.dim.add().dim_param = "T"
    shape.dim.extend(others)
