"""How near a fitted field comes to its image, after any number of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d

from lazyleap.algorithms import MAML
from lazyleap.bilevel import Task, step
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.pixels import Pixels
from lazyleap.errors import DivergedError
from lazyleap.estimators.together import SideBySide, engine, stacked
from lazyleap.trees import Tree
from neural_fields.images import as_tasks, picture

Numbers = NDArray[np.float64]
Look = Callable[[Tensor, Tensor], Tensor]
CHUNK = 16  # images side by side
LEAST = 1e-10  # squared error of pixels in 0..1; an exact fit has 100 dB
WINDOW, SIGMA = 11, 1.5


def psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, ``[...]``, of images ``[..., C, H, W]`` in 0..1."""
    error = (found - wanted).square().mean((-1, -2, -3))
    return -10 * error.clamp(min=LEAST).log10()


def ssim(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean structural similarity ``[n]`` of images ``[n, C, H, W]`` in 0..1, 1 where equal.

    The mean over channels and over all places where the window, Gaussian of standard deviation
    1.5, lies within the image; 11x11, or as large as fits. Source: Wang, Bovik, Sheikh and
    Simoncelli, IEEE Transactions on Image Processing, 2004, with its constants.
    """
    a, b = found.flatten(0, 1).unsqueeze(1), wanted.flatten(0, 1).unsqueeze(1)
    window = gaussian(min(WINDOW, *found.shape[-2:])).to(a)

    def mean(x: Tensor) -> Tensor:
        return conv2d(x, window)

    at, bt = mean(a), mean(b)
    va, vb, ab = mean(a * a) - at * at, mean(b * b) - bt * bt, mean(a * b) - at * bt
    light = (2 * at * bt + 0.01**2) / (at * at + bt * bt + 0.01**2)
    shape = (2 * ab + 0.03**2) / (va + vb + 0.03**2)
    return (light * shape).mean((1, 2, 3)).view(found.shape[:2]).mean(1)


def gaussian(side: int) -> Tensor:
    """A window ``[1, 1, side, side]`` that sums to 1."""
    line = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    bell = torch.exp(-(line**2) / (2 * SIGMA**2))
    window = bell[:, None] * bell
    return (window / window.sum())[None, None]


def flat(images: Tensor) -> Tensor:
    """The PSNR of the best single colour for each of ``images [n, C, H, W]`` in 0..1."""
    return psnr(images.mean((-1, -2), keepdim=True).expand_as(images), images)


def along(
    problem: MAML, theta: Tree, pixels: Pixels, chosen: Indices, steps: Iterable[int]
) -> dict[int, Tensor]:
    """Fitted images ``[n, C, H, W]`` in 0..1 after each number of ``steps``.

    One adaptation serves all of them. Cost: max(steps) first-order steps an image.

    Raises:
        DivergedError: if a fit is no number.
    """
    wanted = sorted(set(steps))
    size = CHUNK if engine(problem, theta) == "together" else 1
    parts = []
    for first in range(0, len(chosen), size):
        images = pixels[chosen[first : first + size]]
        tasks = as_tasks(images, 1)
        some = SideBySide(problem, len(tasks)) if size > 1 else problem
        fits = _adapt(some, theta, stacked(tasks) if size > 1 else tasks[0], wanted)
        parts.append(picture(fits, *images.shape[2:]).view(len(wanted), *images.shape))
    return dict(zip(wanted, torch.cat(parts, 1), strict=True))


@torch.no_grad()
def _adapt(problem: MAML | SideBySide, theta: Tree, task: Task, wanted: Sequence[int]) -> Tensor:
    """``[len(wanted), ..., n, C]``."""
    fits, phi = [], problem.init(theta)
    for taken in range(wanted[-1] + 1):
        if taken in wanted:
            fits.append(problem.predict(phi, theta, task.outer.inputs))
            if not bool(fits[-1].isfinite().all()):
                raise DivergedError(
                    f"after {taken} inner steps the fit of an image is no number: inner_lr is too "
                    "large for so many steps"
                )
        if taken < wanted[-1]:
            phi = step(problem, phi, theta, task.inner[0])
    return torch.stack(fits)


def measured(look: Look, fits: Mapping[int, Tensor], images: Tensor) -> dict[int, Numbers]:
    """What ``look`` (:func:`psnr` or :func:`ssim`) says of each image, ``[n]``, by steps."""
    return {s: look(found, images).double().cpu().numpy() for s, found in fits.items()}
