"""What a classifier's answers must be before anything is counted by them, and what they tell.

Scores are ``[n, classes]``, an image a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from lazyleap.errors import InputError
from lazyleap.seeding import generator

Scores = Callable[[Tensor], Tensor]
"""Pixels ``[n, C, H, W]`` in 0..1 -> scores ``[n, classes]``."""
Outputs = Literal["log_probabilities", "logits", "probabilities"]

SMALLEST = 1e-30  # log 0 is not a number to subtract from; the floor of Du et al.'s own program
LOWEST = -1e4
TOLERANCE = 1e-3  # of a sum of probabilities, for scores in half precision
STILL = 1e-6  # nats, times the margin or 1: what rounding alone may do
WIDTH, COPIES = 0.02, 4  # of a small change, pixels in 0..1; changed copies an image
ENOUGH = 0.9  # of the images, whose scores must move
LISTED = 5  # images that a refusal names


def require_finite(scores: Tensor, outputs: Outputs, images: Tensor) -> None:
    """Nothing, if all scores are numbers; of log-probabilities minus infinity is one.

    ``images`` int64 ``[n]``: how to call each row in the sentence.

    Raises:
        InputError: saying how many images have other scores, and which.
    """
    fine = scores.isfinite()
    if outputs == "log_probabilities":
        fine |= scores == -torch.inf
    wrong = images[~fine.all(1).to(images.device)]
    if len(wrong):
        each = sorted(set(wrong.tolist()))
        named = ", ".join(map(str, each[:LISTED])) + (", ..." if len(each) > LISTED else "")
        raise InputError(
            f"classifier: scores are not finite (NaN or infinite) in {len(wrong)} of "
            f"{len(scores)} answers, of image {named}: nothing can be counted by them"
        )


def require_form(scores: Tensor, outputs: Outputs) -> None:
    """Nothing, if finite scores can be what ``outputs`` says they are.

    Raises:
        InputError: probabilities that are negative or do not sum to 1, log-probabilities likewise,
            or logits that are probabilities in every row: an attack on those would see the
            gradient vanish wherever the classifier is sure.
    """
    if outputs == "logits":
        if bool((scores >= 0).all()) and _off(scores.sum(1)) <= TOLERANCE:
            raise InputError(
                "classifier: logits that lie in 0..1 and sum to 1 are probabilities: declare them "
                "(outputs: probabilities)"
            )
    elif outputs == "probabilities":
        if float(scores.min()) < 0:
            raise InputError(
                f"classifier: a probability of {float(scores.min()):.4g}; are these logits?"
            )
        _check_total(scores.sum(1), outputs)
    else:
        _check_total(scores.logsumexp(1).exp(), "log-probabilities")


def to_log_probabilities(scores: Tensor, outputs: Outputs) -> Tensor:
    """The same as finite log-probabilities; a probability of 0 becomes 1e-30."""
    if outputs == "probabilities":
        return scores.clamp_min(SMALLEST).log()
    logs = functional.log_softmax(scores, 1) if outputs == "logits" else scores
    return logs.clamp_min(LOWEST)


def lead(logs: Tensor) -> Tensor:
    """By how much the likeliest class leads the next one, in nats, ``[n]``."""
    best = logs.double().topk(2).values
    return best[:, 0] - best[:, 1]


def moved(low: Tensor, high: Tensor) -> Tensor:
    """Whether numbers between ``low`` and ``high`` differ by more than rounding, bool ``[n]``."""
    return high - low > STILL * high.abs().clamp_min(1)


def signal(scores: Scores, images: Tensor, outputs: Outputs) -> dict[str, Any]:
    """The share of images whose scores move when all pixels do, a little.

    An answer of a class alone (one-hot), a constant one and a saturated softmax stay where they
    are: an attack that reads scores then searches blindly, and its failure says nothing of the
    classifier's robustness.

    Args:
        scores: the classifier.
        images: ``[n, C, H, W]``, pixels in 0..1.
        outputs: what the scores are.

    ``{"moved": share, "images": n, "width": of the change}``. Cost: 5 answers an image.
    """
    rows, chance, leads = torch.arange(len(images)), generator(0, "signal"), []
    for copy in range(1 + COPIES):
        signs = torch.from_numpy(chance.choice([-1.0, 1.0], images.shape)).to(images)
        with torch.no_grad():
            found = scores((images + WIDTH * signs).clamp(0, 1) if copy else images)
        require_finite(found, outputs, rows)
        leads.append(lead(to_log_probabilities(found, outputs)))
    every = torch.stack(leads)
    share = moved(every.amin(0), every.amax(0)).double().mean()
    return {"moved": float(share), "images": len(images), "width": WIDTH}


def warning(found: dict[str, Any]) -> str | None:
    """What :func:`signal` found, as a sentence, where it found too little to attack by."""
    if found["moved"] >= ENOUGH:
        return None
    return (
        f"its scores move for {100 * found['moved']:.0f} % of {found['images']} images when every "
        f"pixel changes by {found['width']}: it answers classes alone or is saturated, and an "
        "attack that finds nothing says nothing of its robustness"
    )


def _off(total: Tensor) -> float:
    return float((total - 1).abs().max())


def _check_total(total: Tensor, what: str) -> None:
    if _off(total) > TOLERANCE:
        worst = float(total[(total - 1).abs().argmax()])
        raise InputError(
            f"classifier: {what} add up to {worst:.4g} instead of 1; are these logits?"
        )
