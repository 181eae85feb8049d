"""The one door to the classifier under attack: scores for pixels, counted, and nothing else.

A search is given an :class:`Oracle`, never the classifier. What comes out is numbers without a
graph; what goes in is counted before the classifier sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from lazyleap.errors import InputError

Scores = Callable[[Tensor], Tensor]
"""Pixels ``[n, C, H, W]`` in 0..1 -> scores ``[n, classes]``."""
Outputs = Literal["log_probabilities", "logits", "probabilities"]

SMALLEST = 1e-30  # log 0 is not a number to subtract from; the floor of Du et al.'s own program
LOWEST = -1e4
TOLERANCE = 1e-3  # of a sum of probabilities, for scores in half precision


class BudgetError(InputError):
    """A question would go past an image's budget; the classifier was not asked."""


class Oracle:
    """Counts queries image by image and gives out class log-probabilities only.

    Args:
        scores: the classifier. It is called without a graph and, as every argument is detached,
            none can lead back through it.
        budget: queries an image may cost.
        images: how many images are attacked, N.
        outputs: what ``scores`` gives: ``log_probabilities``, ``logits`` or ``probabilities``
            (0 becomes 1e-30). Scores that are not these are refused.
        chunk: images the classifier is asked about in one call, which bounds the memory.
    """

    def __init__(
        self,
        scores: Scores,
        budget: int,
        images: int,
        *,
        outputs: Outputs = "log_probabilities",
        chunk: int = 256,
    ) -> None:
        if budget < 1 or images < 1 or chunk < 1:
            raise InputError(
                f"oracle: budget {budget}, images {images} and chunk {chunk} must be at least 1"
            )
        self.budget, self.chunk = budget, chunk
        self._spent = torch.zeros(images, dtype=torch.int64)
        self._ask, self._convert = scores, _CONVERT[outputs]

    @property
    def queries(self) -> Tensor:
        """Queries spent so far, int64 ``[N]``, a copy: the count is the oracle's alone."""
        return self._spent.clone()

    def left(self, rows: Tensor) -> Tensor:
        """Queries that each of ``rows`` ``[n]`` may still cost, int64 ``[n]``."""
        return self.budget - self._spent[rows.cpu()].to(rows.device)

    def __call__(self, rows: Tensor, images: Tensor) -> Tensor:
        """Log-probabilities ``[n, classes]`` of ``images`` ``[n, C, H, W]``, no graph.

        ``rows`` ``[n]`` says on whose account each one is, in 0..N-1; a row may occur many times,
        and every image is one query.

        Raises:
            BudgetError: a row's budget would be passed. Nothing is counted or asked.
            InputError: a pixel outside 0..1 or not finite (nothing is counted or asked); scores
                that are not finite or not what ``outputs`` promised (counted: they were asked).
        """
        images = images.detach()
        _check_images(rows, images)
        self._count(rows)
        with torch.no_grad():
            parts = [self._answer(part) for part in torch.split(images, self.chunk)]
        return torch.cat(parts)

    def _count(self, rows: Tensor) -> None:
        low, high = (int(row) for row in torch.aminmax(rows))
        if low < 0 or high >= len(self._spent):
            raise InputError(f"oracle: rows {low} to {high} of {len(self._spent)} images")
        spent = self._spent + torch.bincount(rows.cpu(), minlength=len(self._spent))
        if int(spent.max()) > self.budget:
            row = int(spent.argmax())
            raise BudgetError(
                f"oracle: image {row} would cost {int(spent[row])} queries, its budget is "
                f"{self.budget}"
            )
        self._spent = spent

    def _answer(self, images: Tensor) -> Tensor:
        scores = self._ask(images).detach()
        if scores.ndim != 2 or scores.shape[0] != len(images) or scores.shape[1] < 2:
            raise InputError(
                f"classifier: scores of shape {list(scores.shape)} for {len(images)} images; "
                "needs [images, classes] with at least 2 classes"
            )
        return self._convert(scores)


def _check_images(rows: Tensor, images: Tensor) -> None:
    if images.ndim != 4 or len(rows) != len(images) or not len(rows):
        raise InputError(
            f"oracle: images of shape {list(images.shape)} for rows of shape {list(rows.shape)}"
        )
    low, high = torch.aminmax(images)  # both are NaN when a pixel is
    if not (low >= 0 and high <= 1):
        raise InputError(f"oracle: pixels from {float(low)} to {float(high)}; valid: 0 to 1")


def _from_logits(scores: Tensor) -> Tensor:
    if not bool(scores.isfinite().all()):
        raise InputError("classifier: a score is not finite")
    return functional.log_softmax(scores, 1).clamp_min(LOWEST)


def _from_logs(scores: Tensor) -> Tensor:
    """Log 0 is a proper value here; a total other than 1 means that they are something else."""
    if bool((scores.isnan() | (scores == torch.inf)).any()):
        raise InputError("classifier: a score is not finite")
    _check_total(scores.logsumexp(1).exp(), "log-probabilities")
    return scores.clamp_min(LOWEST)


def _from_probabilities(scores: Tensor) -> Tensor:
    if not bool(scores.isfinite().all()):
        raise InputError("classifier: a score is not finite")
    if float(scores.min()) < 0:
        raise InputError(f"classifier: a probability of {float(scores.min())}; are these logits?")
    _check_total(scores.sum(1), "probabilities")
    return scores.clamp_min(SMALLEST).log()


def _check_total(total: Tensor, what: str) -> None:
    worst = float(total[(total - 1).abs().argmax()])
    if abs(worst - 1) > TOLERANCE:
        raise InputError(
            f"classifier: {what} add up to {worst:.4g} instead of 1; are these logits?"
        )


_CONVERT: dict[str, Callable[[Tensor], Tensor]] = {
    "logits": _from_logits,
    "log_probabilities": _from_logs,
    "probabilities": _from_probabilities,
}
