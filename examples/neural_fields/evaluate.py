"""PSNR and SSIM of a setting's fits of the test images, along the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lazyleap.algorithms import MAML
from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import DivergedError
from lazyleap.estimators.together import engine
from lazyleap.items import Items
from lazyleap.kind import CURVE, Verdict
from lazyleap.setting import Setting
from lazyleap.statistics import cells, interval, marked
from lazyleap.trees import Tree
from neural_fields import measures
from neural_fields.images import Chosen, colours, held_out
from neural_fields.options import FieldTest, task
from neural_fields.siren import problem_of

STRIP = "strip-{}"
Fits = Mapping[int, Tensor]


def judge(setting: Setting, theta: Tree, data: Prepared, device: torch.device) -> Verdict:
    """All test images, after each number of steps; validation images at the common ones.

    The strips of pictures show the first test images: each as it is, then its fits.
    """
    test, k = task(setting).test, setting.horizon
    problem, _ = problem_of(setting, data, device)
    chosen = Chosen.load(data, "test").images
    steps = {*points(test.curve_steps), *test.steps, *test.shown, k}
    images, fits = fitted(setting, problem, theta, data, "test", device, steps)
    scores = {
        name: measures.measured(look, fits, images)
        for name, look in (("psnr", measures.psnr), ("ssim", measures.ssim))
    }
    common = sorted({*test.steps, k})
    items = Items({f"{name}@{s}": of[s] for name, of in scores.items() for s in common})
    flat = {"psnr": measures.flat(images), "ssim": measures.ssim(_grey(images), images)}
    metrics = {
        name: marked(interval(of), float(flat[name.partition("@")[0]].mean()))
        for name, of in items.values.items()
    }
    rows = [
        (s, *cells(interval(scores["psnr"][s])), *cells(interval(scores["ssim"][s])))
        for s in points(test.curve_steps)
    ]
    header = (*CURVE, *(f"ssim{end}" for end in ("", "_low", "_high", "_ci95")))
    about: dict[str, Any] = {
        "metrics": metrics,
        "units": {name: "dB" for name in metrics if name.startswith("psnr")},
        "primary": f"psnr@{test.steps[0]}",
        "own": f"psnr@{k}",
        "validation": _validation(setting, problem, theta, data, device),
        "engine": engine(problem, theta),
        "test_digest": Chosen(chosen).digest,
    }
    return Verdict(about, [header, *rows], items, pictures=strips(images, fits, test))


def points(last: int) -> list[int]:
    """The steps that a curve is drawn at: all up to ten, then every fifth, and the last."""
    return sorted({*range(min(last, 10) + 1), *range(15, last, 5), last})


def fitted(
    setting: Setting,
    problem: MAML,
    theta: Tree,
    data: Prepared,
    part: str,
    device: torch.device,
    steps: set[int],
) -> tuple[Tensor, Fits]:
    """The chosen images ``[n, C, H, W]`` of one split in 0..1, and their fits by steps."""
    pixels, chosen = colours(data, part, device), Chosen.load(data, part).images
    try:
        found = measures.along(problem, theta, pixels, chosen, steps)
    except DivergedError as error:
        raise DivergedError(f"{setting.name}: {error} ({problem.inner_lr:g})") from error
    return (pixels[chosen] + 1) / 2, found


def _validation(
    setting: Setting, problem: MAML, theta: Tree, data: Prepared, device: torch.device
) -> dict[str, Any]:
    """PSNR at the common steps, to choose settings by."""
    seen = load_data(data.folder.parents[1] / "train" / "images")
    steps = {*task(setting).test.steps}
    images, fits = fitted(setting, problem, theta, seen, held_out(seen), device, steps)
    scores = measures.measured(measures.psnr, fits, images)
    return {f"psnr@{s}": interval(scores[s]) for s in sorted(steps)}


def _grey(images: Tensor) -> Tensor:
    """Each image as its one best colour."""
    return images.mean((-1, -2), keepdim=True).expand_as(images)


def strips(images: Tensor, fits: Fits, test: FieldTest) -> dict[str, Tensor]:
    """``[1, 1 + shown, C, H, W]`` of each of the first images: the image, then its fits."""
    return {
        f"fields/{STRIP.format(i)}": torch.stack(
            [images[i], *(fits[s][i].clamp(0, 1) for s in test.shown)]
        )[None]
        for i in range(min(test.pictures, len(images)))
    }
