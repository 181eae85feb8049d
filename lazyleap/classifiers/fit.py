"""Brief training of a small classifier, and its accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lazyleap.classifiers.options import Classifier
from lazyleap.classifiers.scores import Scores, require_finite
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import DivergedError
from lazyleap.models.layout import channels_last
from lazyleap.seeding import generator
from lazyleap.statistics import proportion
from lazyleap.training.adam import Adam
from lazyleap.training.watch import Watch
from lazyleap.trees import not_finite

Rows = NDArray[np.int64]
Tick = Callable[[int, int, float], None]
"""Told steps done, steps in all, and the last loss."""
CPU = torch.device("cpu")
READ = 10  # steps from one look at the loss to the next
CHUNK = 500  # images a forward pass without a graph


def pixels(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Bytes ``[n, C, H, W]`` as numbers in 0..1, of torch's default dtype."""
    found = torch.from_numpy(np.array(images)).to(device, torch.get_default_dtype())
    return channels_last(found) / 255


def fit(network: nn.Module, data: ImageSet, rows: Rows, options: Classifier, tick: Tick) -> None:
    """Train ``network`` (pixels in 0..1 to logits) in place on some ``rows`` of the images.

    Adam, cross-entropy, the rate falls to 0 as a cosine; each epoch in an order of its own, the
    last smaller mini-batch left out. Leaves it in ``eval`` mode.

    Raises:
        DivergedError: when the loss is not finite, or a parameter or statistic in the end.
    """
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters: list[Tensor] = list(network.parameters())
    device, adam, watch = parameters[0].device, Adam(parameters), Watch()
    size = min(options.batch, len(rows))
    an_epoch = len(rows) // size
    total, done = options.epochs * an_epoch, 0
    for epoch in range(options.epochs):
        order = rows[generator(options.seed, "order", epoch).permutation(len(rows))]
        for batch in np.split(order[: an_epoch * size], an_epoch):
            rate = 0.5 * options.lr * (1 + math.cos(math.pi * done / total))
            loss = _loss(network, data, batch, device)
            watch.see(done, {"loss": loss})
            grads = torch.autograd.grad(loss, parameters, materialize_grads=True)
            with torch.no_grad():
                torch._foreach_copy_(parameters, adam.moved(parameters, list(grads), rate))
            done += 1
            if done % READ == 0 or done == total:
                tick(done, total, _read(watch, options))
    if name := not_finite(network.state_dict()):
        raise DivergedError(f"'{name}' is not finite after {done} steps; lower lr ({options.lr:g})")
    network.eval()


def _read(watch: Watch, options: Classifier) -> float:
    try:
        return watch.read()["loss"]
    except DivergedError as error:
        raise DivergedError(f"{error}; lower lr ({options.lr:g})") from error


def answers(scores: Scores, data: ImageSet, rows: Rows, device: torch.device) -> Tensor:
    """The scores ``[n, classes]`` of ``rows``, asked for in pieces."""
    parts = np.split(rows, range(CHUNK, len(rows), CHUNK))
    with torch.no_grad():
        return torch.cat([scores(pixels(data.images[part], device)) for part in parts])


def right(scores: Tensor, data: ImageSet, rows: Rows) -> NDArray[np.bool_]:
    """Which of ``rows`` have the largest of their ``scores`` at their label, ``[n]``.

    Raises:
        InputError: if a score is not finite, which would be nobody's largest.
    """
    require_finite(scores, "logits", torch.from_numpy(rows))
    found: NDArray[np.bool_] = scores.argmax(1).cpu().numpy() == data.labels[rows]
    return found


def accuracy(scores: Scores, data: ImageSet, rows: Rows) -> dict[str, float]:
    """The share of ``rows`` classified correctly, with ci95 and n, on the CPU."""
    return proportion(right(answers(scores, data, rows, CPU), data, rows))


def _loss(network: nn.Module, data: ImageSet, rows: Rows, device: torch.device) -> Tensor:
    labels = torch.from_numpy(data.labels[rows]).to(device)
    return functional.cross_entropy(network(pixels(data.images[rows], device)), labels)
