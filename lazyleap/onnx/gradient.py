"""Reverse-mode differentiation of a network inside ONNX, by :mod:`lazyleap.onnx.rules`.

Neither ``torch.export`` nor the ONNX exporter can say ``autograd.grad``. So the network is read
forward, by ``torch.export``, and its graph is walked here, forward and backward; each step of the
walk writes its ONNX operations. So no private call is needed, nor a trace of the gradient, which
would take ten times as long as that of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from lazyleap.errors import InputError
from lazyleap.onnx.builder import Shape, Value
from lazyleap.onnx.exporter import MAX_BATCH, quiet
from lazyleap.onnx.rules import RULES, Pullback

Values = Mapping[str, Value]


class Differentiable:
    """A network as a graph whose output can be pulled back onto its parameters.

    ``names`` are those of the parameters and buffers that it reads, by their place in the graph.

    Args:
        network: maps ``[n, ...]`` to ``[n, ...]``; its forward is read once, by ``torch.export``.
        example: an input with ``n > 1``.

    Raises:
        InputError: naming the first operation that has no rule, or if the network reads a tensor
            that is no part of it.
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
        with quiet():
            program = torch.export.export(network, (example,), dynamic_shapes=({0: batch},))
        self.nodes = [n for n in program.graph.nodes if n.op in ("placeholder", "call_function")]
        signature = program.graph_signature
        self.names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        held = {n.name for n in self.nodes if n.op == "placeholder"} - self.names.keys()
        if len(held) > len(signature.user_inputs):
            raise InputError(
                "the network reads a tensor that is no parameter or buffer: register it as one"
            )
        (output,) = program.graph.output_node().args[0]
        self.output: fx.Node = output
        for node in self.nodes:
            if node.op == "call_function" and node.target not in RULES:
                raise InputError(f"operation {node.target} has no gradient rule for export")

    def linearise(
        self, parameters: Values, inputs: Value, wanted: Collection[str] = ()
    ) -> tuple[Value, Callable[[Value], dict[str, Value]]]:
        """The network's output, and its pullback onto the parameters ``wanted``."""
        values: dict[fx.Node, Value] = {}
        pullbacks: dict[fx.Node, Pullback] = {}
        builder, scope = inputs.builder, inputs.builder.scope
        for node in self.nodes:
            builder.scope = f"{scope}{node.name}/"
            if node.op == "placeholder":
                name = self.names.get(node.name)
                values[node] = inputs if name is None else parameters[name]
            else:
                args, kwargs = fx.map_arg((node.args, node.kwargs), cast(Any, values.__getitem__))
                y, pullbacks[node] = RULES[node.target](*args, **kwargs)
                values[node] = y.sized(_shape(node))
        builder.scope = scope

        def pull(cotangent: Value) -> dict[str, Value]:
            return self._pull(cotangent, pullbacks, self._moving(wanted))

        return values[self.output], pull

    def _moving(self, wanted: Collection[str]) -> set[fx.Node]:
        """The nodes that the wanted parameters reach."""
        found: set[fx.Node] = set()
        for node in self.nodes:
            if self.names.get(node.name) in wanted or found.intersection(node.all_input_nodes):
                found.add(node)
        return found

    def _pull(
        self, cotangent: Value, pullbacks: Mapping[fx.Node, Pullback], moving: set[fx.Node]
    ) -> dict[str, Value]:
        grads, builder = {self.output: cotangent}, cotangent.builder
        scope = builder.scope
        for node in reversed([n for n in self.nodes if n in moving and n in pullbacks]):
            builder.scope = f"{scope}{node.name}/back/"
            tensors = [a for a in node.args if isinstance(a, fx.Node)]
            for source, grad in zip(tensors, pullbacks[node](grads[node]), strict=False):
                if source in moving:
                    grads[source] = grads[source] + grad if source in grads else grad
        builder.scope = scope
        return {self.names[n.name]: g for n, g in grads.items() if n.op == "placeholder"}


def _shape(node: fx.Node) -> Shape:
    """The node's shape, -1 for a size that is not a number: the batch."""
    value: Any = node.meta["val"]
    return tuple(size if isinstance(size, int) else -1 for size in value.shape)


def cross_entropy(logits: Value, labels: Value) -> tuple[Value, Value]:
    """The mean loss over ``logits [n, classes]`` and its gradient with respect to them.

    ``labels [n]`` are integers; a label that is no class counts as no class, silently.
    """
    op, classes = logits.builder.op, range(logits.shape[1])
    hot = op("Unsqueeze", labels, (1,)).equals(classes)
    count = logits.builder.real(op("Size", labels))
    logs = op("LogSoftmax", logits, axis=1)
    return (logs * hot).sum(0, 1) / count * -1.0, (op("Exp", logs) - hot) / count
