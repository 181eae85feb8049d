"""The self-adapting learner: one ONNX file that learns a new task inside ONNX Runtime.

    support_images [S, C, H, W]   query_images [Q, C, H, W]   in 0..1, any S and Q from 1
    support_labels [S]            adaptation_steps []         inner_lr []
    -> query_logits [Q, N], support_losses [steps]

The inner loop is an ONNX ``Loop`` over one gradient step; the task model phi is what it carries.
What depends on the support set alone stands before the loop and is computed once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import onnx
import torch
from onnx import NodeProto, TensorProto, ValueInfoProto, helper
from torch import Tensor, nn

from lazyleap.algorithms import MAML, MetaSGD
from lazyleap.algorithms.meta_sgd import RATE
from lazyleap.algorithms.sgd import parameters
from lazyleap.onnx.assembly import ALWAYS, loop_body, needed, split, to_model
from lazyleap.onnx.builder import Builder, Value
from lazyleap.onnx.gradient import Differentiable, Values, cross_entropy
from lazyleap.onnx.learned import Learned
from lazyleap.trees import Tree


def export(learned: Learned) -> onnx.ModelProto:
    """The content of the file.

    ``inner_lr`` is alpha for MAML and ANIL. For Meta-SGD it multiplies the learned rates: 1 is
    what was meta-learned. Zero steps leave the meta-learned start as it is.

    Raises:
        InputError: if the network has an operation without a gradient rule, or running
            statistics, which an inner loop would overwrite.

    Cost: one trace of the network's forward, half a second for Conv-4.
    """
    writer = Writer(learned)
    writer.learn()
    logits = writer.answer()
    outputs = [writer.info(logits.name, ["Q", *logits.shape[1:]])]
    outputs.append(writer.info("support_losses", ["steps"]))
    builder, inputs = writer.builder, list(writer.inputs.values())
    return to_model(builder.nodes, inputs, outputs, writer.weights, builder.constants)


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


class Writer:
    """Writes the parts of one learner into one graph."""

    def __init__(self, learned: Learned) -> None:
        example = torch.rand(4, *learned.shape, dtype=learned.dtype)
        self.network = Differentiable(learned.network, example)
        self.optimizer, self.normalisation = learned.problem.optimizer, learned.normalisation
        self.phi = dict(learned.problem.init(learned.theta))
        fixed = constants(learned.problem, learned.theta)
        fixed |= unlearned(learned.network, set(self.network.names.values()) - {*fixed, *self.phi})
        self.builder, self.shape = Builder(example.numpy().dtype), learned.shape
        self.fixed = {n: self.builder.value(f"fixed/{n}", p.shape) for n, p in fixed.items()}
        self.weights = {f"theta/{n}": p for n, p in self.phi.items()}
        self.weights |= {f"fixed/{n}": p for n, p in fixed.items()}
        self.inputs = {
            "support_images": self.info("support_images", ["S", *self.shape]),
            "support_labels": self.info("support_labels", ["S"], TensorProto.INT64),
            "query_images": self.info("query_images", ["Q", *self.shape]),
            "adaptation_steps": self.info("adaptation_steps", [], TensorProto.INT64),
            "inner_lr": self.info("inner_lr", []),
        }

    def info(
        self, name: str, shape: Sequence[int | str], kind: int | None = None
    ) -> ValueInfoProto:
        """The description of a value; of the graph's own dtype unless said otherwise."""
        return helper.make_tensor_value_info(name, kind or self.builder.type, shape)

    def task_model(self, prefix: str) -> dict[str, Value]:
        """Phi at some place of the graph."""
        return {n: self.builder.value(prefix + n, p.shape) for n, p in self.phi.items()}

    def images(self, name: str) -> Value:
        """Input images, normalised."""
        mean, std = (self.builder.reals(m, (-1, 1, 1)) for m in self.normalisation)
        return ((self.builder.value(name) - mean) / std).sized((-1, *self.shape))

    def learn(self) -> None:
        """The loop: from ``theta/*`` to ``adapted/*``."""
        self.builder.scope = "step/"
        before = self.task_model("step/phi/")
        after, loss = self.step(before)
        carried = [v.name for v in before.values()]
        nodes = needed(self.builder.nodes, [*(v.name for v in after.values()), loss.name])
        self.builder.nodes, inner = split(nodes, carried)
        infos = [
            [self.info(tree[n].name, p.shape) for n, p in self.phi.items()]
            for tree in (before, after)
        ]
        body = loop_body(inner, infos[0], [*infos[1], self.info(loss.name, [])])
        self.builder.nodes.append(self._loop(body))

    def _loop(self, body: onnx.GraphProto) -> NodeProto:
        start = [f"theta/{n}" for n in self.phi]
        ends = [*(f"adapted/{n}" for n in self.phi), "support_losses"]
        given = ["adaptation_steps", ALWAYS, *start]
        return helper.make_node("Loop", given, ends, name="inner_loop", body=body)

    def step(self, phi: Values) -> tuple[dict[str, Value], Value]:
        """One inner step: phi after it, and the support loss before it."""
        moving = _parameters(phi)
        images = self.images("support_images")
        logits, pull = self.network.linearise({**self.fixed, **moving}, images, moving)
        loss, cotangent = cross_entropy(logits, self.builder.value("support_labels"))
        rate = self.builder.value("inner_lr")
        rates = {n: rate * self.fixed[RATE + n] if RATE + n in self.fixed else rate for n in moving}
        # The library's own update: it needs only + - * of its trees, which values have.
        update = cast(Any, self.optimizer.step)
        return update(phi, pull(cotangent), rates), loss

    def answer(self) -> Value:
        """What the task model answers to the queries after the loop."""
        self.builder.scope = "answer/"
        phi = _parameters(self.task_model("adapted/"))
        images = self.images("query_images")
        logits, _ = self.network.linearise({**self.fixed, **phi}, images)
        return self.builder.named(logits, "query_logits")


def _parameters(phi: Values) -> dict[str, Value]:
    named: dict[str, Value] = cast(Any, parameters)(phi)
    return named
