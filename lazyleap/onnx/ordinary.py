"""Ordinary exports: a network as it is, from pixels in 0..1 to its outputs."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn

from lazyleap.models.normalised import Normalised
from lazyleap.onnx.exporter import MAX_BATCH, to_onnx

__all__ = ["Normalised", "WithFeatures", "export"]


class WithFeatures(nn.Module):
    """A network's logits ``[n, classes]`` and what its ``head`` reads, the features ``[n, d]``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.head = network.get_submodule("head")
        self.body = network
        # The network is the caller's no more: its head is moved out of it.
        self.body.head = nn.Identity()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and features."""
        features = self.body(images)
        return self.head(features), features


def export(
    module: nn.Module,
    shape: Sequence[int],
    *,
    outputs: Sequence[str] = ("logits",),
    given: str = "images",
) -> onnx.ModelProto:
    """An ONNX file's content: input ``given [batch, *shape]``, any batch from 1; then ``outputs``.

    Serves classifiers, gradient predictors (image to image) and feature extractors alike. Its
    dtype is the module's. Raises what ``torch.onnx.export`` raises when the module cannot be said
    in ONNX. Cost: one trace, about a second for Conv-4.
    """
    dtype = next(module.parameters()).dtype
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    example = torch.rand(4, *shape, dtype=dtype)  # not 1, which torch would take for fixed
    return to_onnx(
        module.requires_grad_(False),
        (example,),
        inputs=[given],
        outputs=outputs,
        dynamic=[{0: batch}],
    )
