"""An inner loop as an ONNX ``Loop`` over one gradient step; the task model phi is what it carries.

What depends on none of what is carried stands before the loop and is computed once. A learner says
what it is given, what it learns from and by which loss, and what it is asked: see :class:`Writer`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper
from torch import Tensor, nn

from lazyleap.algorithms import MAML, MetaSGD
from lazyleap.algorithms.meta_sgd import RATE
from lazyleap.algorithms.sgd import parameters
from lazyleap.onnx.assembly import ALWAYS, loop_body, needed, split, to_model
from lazyleap.onnx.builder import Builder, Value
from lazyleap.onnx.gradient import Differentiable, Values
from lazyleap.trees import Tree

LOSSES = "support_losses"
Shape = Sequence[int | str]


def constants(problem: MAML, theta: Tree) -> dict[str, Tensor]:
    """What of theta no inner step changes: ANIL's body, Meta-SGD's rates."""
    if isinstance(problem, MetaSGD):
        return {n: p for n, p in theta.items() if n.startswith(RATE)}
    moving = problem.init(theta)
    return {n: p for n, p in theta.items() if n not in moving}


def unlearned(network: nn.Module, names: Collection[str]) -> dict[str, Tensor]:
    """What the network reads and theta lacks: frozen parameters and buffers."""
    held = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return {n: p.detach() for n, p in held.items() if n in names}


class Writer(ABC):
    """Writes the parts of one learner into one graph.

    Every graph has ``adaptation_steps []`` and ``inner_lr []`` among its inputs and
    ``support_losses [steps]``, the loss before each step, among its outputs.

    Args:
        network: its forward is read once.
        problem: MAML, ANIL or Meta-SGD, with the inner momentum of training.
        theta: what was meta-learned, in the tree of ``problem``; its dtype is the graph's.
        example: an input of the network with ``n > 1``.
        given: shapes of the graph's inputs by name, a word for a size that may change.
        integers: those of them that are int64.

    Raises:
        InputError: if the network has an operation without a gradient rule, or running
            statistics, which an inner loop would overwrite.
    """

    def __init__(
        self,
        network: nn.Module,
        problem: MAML,
        theta: Tree,
        example: Tensor,
        given: Mapping[str, Shape],
        integers: Collection[str] = (),
    ) -> None:
        self.network = Differentiable(network, example)
        self.optimizer, self.phi = problem.optimizer, dict(problem.init(theta))
        fixed = constants(problem, theta)
        fixed |= unlearned(network, set(self.network.names.values()) - {*fixed, *self.phi})
        self.builder = Builder(example.numpy().dtype)
        self.fixed = {n: self.builder.value(f"fixed/{n}", p.shape) for n, p in fixed.items()}
        self.weights = {f"theta/{n}": p for n, p in self.phi.items()}
        self.weights |= {f"fixed/{n}": p for n, p in fixed.items()}
        kinds = {"adaptation_steps": TensorProto.INT64} | dict.fromkeys(integers, TensorProto.INT64)
        every = {**given, "adaptation_steps": [], "inner_lr": []}
        self.inputs = [self.info(name, shape, kinds.get(name)) for name, shape in every.items()]

    @abstractmethod
    def support(self) -> Value:
        """What the network is given in an inner step."""

    @abstractmethod
    def loss(self, outputs: Value) -> tuple[Value, Value]:
        """The inner loss of what it answers, and its gradient with respect to that."""

    @abstractmethod
    def answer(self) -> list[ValueInfoProto]:
        """Writes what the task model answers after the loop; the outputs of the graph."""

    def starts(self) -> list[str]:
        """The values that the loop begins with: theta's."""
        return [f"theta/{n}" for n in self.phi]

    def model(self) -> onnx.ModelProto:
        """The whole graph."""
        self.learn()
        outputs = [*self.answer(), self.info(LOSSES, ["steps"])]
        builder = self.builder
        return to_model(builder.nodes, self.inputs, outputs, self.weights, builder.constants)

    def info(self, name: str, shape: Shape, kind: int | None = None) -> ValueInfoProto:
        """The description of a value; of the graph's own dtype unless said otherwise."""
        return helper.make_tensor_value_info(name, kind or self.builder.type, shape)

    def task_model(self, prefix: str) -> dict[str, Value]:
        """Phi at some place of the graph."""
        return {n: self.builder.value(prefix + n, p.shape) for n, p in self.phi.items()}

    def learn(self) -> None:
        """The loop: from what it starts with to ``adapted/*``."""
        starts = self.starts()
        self.builder.scope = "step/"
        before = self.task_model("step/phi/")
        after, loss = self.step(before)
        carried = [v.name for v in before.values()]
        ends = [*(v.name for v in after.values()), loss.name, *starts]
        nodes = needed(self.builder.nodes, ends)
        self.builder.nodes, inner = split(nodes, carried)
        infos = [
            [self.info(tree[n].name, p.shape) for n, p in self.phi.items()]
            for tree in (before, after)
        ]
        body = loop_body(inner, infos[0], [*infos[1], self.info(loss.name, [])])
        self.builder.nodes.append(self._loop(starts, body))

    def _loop(self, starts: Sequence[str], body: onnx.GraphProto) -> NodeProto:
        ends = [*(f"adapted/{n}" for n in self.phi), LOSSES]
        given = ["adaptation_steps", ALWAYS, *starts]
        return helper.make_node("Loop", given, ends, name="inner_loop", body=body)

    def step(self, phi: Values) -> tuple[dict[str, Value], Value]:
        """One inner step: phi after it, and the support loss before it."""
        moving = _parameters(phi)
        outputs, pull = self.network.linearise({**self.fixed, **moving}, self.support(), moving)
        loss, cotangent = self.loss(outputs)
        rate = self.builder.value("inner_lr")
        rates = {n: rate * self.fixed[RATE + n] if RATE + n in self.fixed else rate for n in moving}
        # The library's own update: it needs only + - * of its trees, which values have.
        update = cast(Any, self.optimizer.step)
        return update(phi, pull(cotangent), rates), loss

    def predict(self, inputs: Value) -> Value:
        """What the task model answers to ``inputs`` after the loop."""
        phi = _parameters(self.task_model("adapted/"))
        outputs, _ = self.network.linearise({**self.fixed, **phi}, inputs)
        return outputs


def _parameters(phi: Values) -> dict[str, Value]:
    named: dict[str, Value] = cast(Any, parameters)(phi)
    return named
