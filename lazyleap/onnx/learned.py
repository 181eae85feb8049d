"""What a run has meta-learned, and what PyTorch answers with it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lazyleap.algorithms import MAML, MetaSGD
from lazyleap.bilevel import Batch, step
from lazyleap.models import functional
from lazyleap.onnx.parity import Array, Feed
from lazyleap.trees import Tree


@dataclass(frozen=True)
class Learned:
    """A meta-learned start, how it learns, and the form of the images it is for.

    Args:
        network: maps normalised images ``[n, *shape]`` to logits ``[n, N]``.
        problem: MAML, ANIL or Meta-SGD, with the inner momentum of training.
        theta: what was meta-learned, in the tree of ``problem``; its dtype is the file's.
        shape: C, H, W.
        normalisation: mean and standard deviation of each channel, of pixels in 0..1.
    """

    network: nn.Module
    problem: MAML
    theta: Tree
    shape: tuple[int, ...]
    normalisation: tuple[Sequence[float], Sequence[float]]

    @property
    def dtype(self) -> torch.dtype:
        """Theta's."""
        return next(iter(self.theta.values())).dtype

    @property
    def rate(self) -> float:
        """The ``inner_lr`` to feed: alpha, or 1 where the rates themselves are learned."""
        return 1.0 if isinstance(self.problem, MetaSGD) else self.problem.inner_lr

    def double(self) -> Learned:
        """The same in float64."""
        network = deepcopy(self.network).double()  # its frozen parts serve the problem, too
        problem = replace(self.problem, forward=functional(network))
        theta = {n: p.double() for n, p in self.theta.items()}
        return replace(self, network=network, problem=problem, theta=theta)

    def adapt(self, feed: Feed) -> Array:
        """The query logits ``[Q, N]`` after learning the support set of ``feed``, in theta's dtype.

        ``feed`` holds the inputs of :mod:`lazyleap.onnx.learner`, but for ``inner_lr``, which
        is :attr:`rate`.
        """
        support = self._images(feed["support_images"])
        batch = Batch(support, torch.from_numpy(feed["support_labels"]))
        with torch.no_grad():
            phi = self.problem.init(self.theta)
            for _ in range(int(feed["adaptation_steps"])):
                phi = step(self.problem, phi, self.theta, batch)
            logits = self.problem.predict(phi, self.theta, self._images(feed["query_images"]))
        found: Array = logits.numpy()
        return found

    def _images(self, images: Array) -> Tensor:
        moments = (torch.tensor(m, dtype=self.dtype).view(-1, 1, 1) for m in self.normalisation)
        mean, std = moments
        return (torch.from_numpy(images).to(self.dtype) - mean) / std
