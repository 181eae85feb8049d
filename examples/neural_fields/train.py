"""The meta-learner of a setting: network, problem, estimator, images."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from lazyleap.algorithms import MAML
from lazyleap.bilevel import Task, adapt
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import Prepared
from lazyleap.errors import InputError
from lazyleap.estimators.together import quickest
from lazyleap.kind import Preview
from lazyleap.seeding import generator
from lazyleap.setting import Setting
from lazyleap.statistics import interval
from lazyleap.training.loop import Metrics, validated
from lazyleap.training.meta_learner import MetaLearner
from lazyleap.training.outer import OuterOptions
from lazyleap.trees import Tree
from neural_fields import measures
from neural_fields.images import Chosen, as_tasks, colours, held_out, picture
from neural_fields.options import task
from neural_fields.siren import problem_of

KEEP = "last"
SHOWN = 8  # images on TensorBoard


class Fields(MetaLearner):
    """The meta-learner of fields; ``fits(theta, n)``: held-out images and their fits, to see."""

    validation: tuple[Pixels, Indices]
    horizon: int

    def fits(self, count: int) -> tuple[Tensor, Tensor]:
        """The first held-out images and their fits after the horizon's steps, in 0..1."""
        pixels, chosen = self.validation
        assert isinstance(self.problem, MAML)
        some = chosen[:count]
        found = measures.along(self.problem, self.theta, pixels, some, [self.horizon])
        return (pixels[some] + 1) / 2, found[self.horizon]


def learner(setting: Setting, data: Prepared, device: torch.device) -> Fields:
    """The meta-learner of a setting: network, problem, estimator, images.

    Raises:
        InputError: if the inner rate leads away from an image instead of to it.
    """
    problem, start = problem_of(setting, data, device)
    options = task(setting).training
    pixels = colours(data, "train", device)
    validation = colours(data, held_out(data), device), Chosen.load(data, held_out(data)).images
    seen = trained_on(data)
    listens = (setting.option("listen") or "end") != "end"

    def tasks(images: Tensor, horizon: int, chance: np.random.Generator) -> list[Task]:
        return as_tasks(images, horizon, options.pixels, chance, shuffled=listens)

    def sample(iteration: int) -> list[Task]:
        chance = generator(setting.seed, "images", iteration)
        some = chance.choice(seen, options.meta_batch, replace=options.meta_batch > len(seen))
        return tasks(pixels[some], setting.horizon_at(iteration), chance)

    def unseen(count: int) -> list[Task]:
        images, chosen = validation
        chance = generator(setting.seed, "held out")
        return tasks(images[chosen[:count]], setting.horizon, chance)

    check_rate(problem, start, sample(0))
    made = Fields(
        problem,
        quickest(setting.make_estimator(), problem, start),
        start,
        OuterOptions.of(setting.algorithm_options.outer, setting.meta_iterations),
        sample=sample,
        accuracy=partial(_psnr, problem),
        score=partial(_score, problem, setting.horizon, *validation),
        scored="train/outer_psnr",
        held_out=unseen,
    )
    made.validation, made.horizon = validation, setting.horizon
    return made


def trained_on(data: Prepared) -> Indices:
    """Indices of the training images that are not held out."""
    everything = np.arange(data.info["splits"]["train"]["images"])
    if held_out(data) != "train":
        return everything
    return np.setdiff1d(everything, Chosen.load(data, held_out(data)).images)


def check_rate(problem: MAML, theta: Tree, tasks: list[Task]) -> None:
    """Refuse an inner rate at which the first image's fit gets worse from step to step.

    Raises:
        InputError: naming it.
    """
    batch, steps = tasks[0].outer, len(tasks[0].inner)
    with torch.no_grad():
        before, after = (
            float(problem.outer_loss(adapt(problem, theta, batch, n), theta, batch))
            for n in (0, steps)
        )
    if not after < before:
        raise InputError(
            f"inner_lr {problem.inner_lr:g}: too large, {steps} inner step"
            f"{'s' if steps > 1 else ''} from the untrained start bring the squared error of an "
            f"image from {before:.3g} to {after:.3g}; lower it"
        )


def pictures(learner: Fields) -> dict[str, Tensor]:
    """Images of the first meta-batch, in a row."""
    some = torch.stack([one.outer.targets for one in learner.sample(0)])
    pixels, chosen = learner.validation
    return {"images/first_meta_batch": picture(some[:SHOWN], *pixels[chosen[:1]].shape[2:])[None]}


def preview(learner: Fields) -> dict[str, Preview]:
    """Held-out images and what theta makes of them in the horizon's steps."""
    images, fits = learner.fits(SHOWN)
    both = torch.stack([images, fits.clamp(0, 1)], 1).flatten(0, 1)
    scores = [f"{score:.1f} dB" for score in measures.psnr(fits, images)]
    return {"fields/fits": Preview(both, [w for score in scores for w in ("image", score)])}


def classes(setting: Setting, data: Prepared) -> int:
    """The network's outputs: colours."""
    del setting
    count: int = data.info["channels"]
    return count


def _psnr(problem: MAML, phi: Tree, theta: Tree, task: Task) -> float:
    with torch.no_grad():
        found = problem.predict(phi, theta, task.outer.inputs)
    both = ((colours + 1) / 2 for colours in (found, task.outer.targets))
    return float(measures.psnr(*(each[None] for each in both)))


def _score(problem: MAML, horizon: int, pixels: Pixels, chosen: Indices, theta: Tree) -> Metrics:
    images = (pixels[chosen] + 1) / 2
    fits = measures.along(problem, theta, pixels, chosen, [horizon])
    found = measures.measured(measures.psnr, fits, images)[horizon]
    return validated(interval(found), float(measures.flat(images).mean()))
