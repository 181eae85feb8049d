"""The self-adapting learner: one ONNX file that learns a new task inside ONNX Runtime.

    support_images [S, C, H, W]   query_images [Q, C, H, W]   in 0..1, any S and Q from 1
    support_labels [S]            adaptation_steps []         inner_lr []
    -> query_logits [Q, N], support_losses [steps]

How it learns is in :mod:`lazyleap.onnx.inner_loop`.
"""

from __future__ import annotations

import onnx
import torch
from onnx import ValueInfoProto

from lazyleap.onnx.builder import Value
from lazyleap.onnx.gradient import cross_entropy
from lazyleap.onnx.inner_loop import Shape, Writer
from lazyleap.onnx.learned import Learned


def export(learned: Learned) -> onnx.ModelProto:
    """The content of the file.

    ``inner_lr`` is alpha for MAML and ANIL. For Meta-SGD it multiplies the learned rates: 1 is
    what was meta-learned. Zero steps leave the meta-learned start as it is.

    Raises:
        InputError: if the network has an operation without a gradient rule, or running
            statistics, which an inner loop would overwrite.

    Cost: one trace of the network's forward, half a second for Conv-4.
    """
    return ImageWriter(learned).model()


class ImageWriter(Writer):
    """A learner of labelled images, by cross-entropy."""

    def __init__(self, learned: Learned) -> None:
        self.shape, self.normalisation = learned.shape, learned.normalisation
        given: dict[str, Shape] = {
            "support_images": ["S", *self.shape],
            "support_labels": ["S"],
            "query_images": ["Q", *self.shape],
        }
        super().__init__(
            learned.network,
            learned.problem,
            learned.theta,
            torch.rand(4, *learned.shape, dtype=learned.dtype),
            given,
            integers=["support_labels"],
        )

    def images(self, name: str) -> Value:
        """Input images, normalised."""
        mean, std = (self.builder.reals(m, (-1, 1, 1)) for m in self.normalisation)
        return ((self.builder.value(name) - mean) / std).sized((-1, *self.shape))

    def support(self) -> Value:
        """The support images."""
        return self.images("support_images")

    def loss(self, outputs: Value) -> tuple[Value, Value]:
        """Cross-entropy to the support labels."""
        return cross_entropy(outputs, self.builder.value("support_labels"))

    def answer(self) -> list[ValueInfoProto]:
        """The logits of the queries."""
        self.builder.scope = "answer/"
        logits = self.builder.named(self.predict(self.images("query_images")), "query_logits")
        return [self.info(logits.name, ["Q", *logits.shape[1:]])]
