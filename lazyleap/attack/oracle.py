"""The only access to the classifier under attack: scores for pixels, counted, and nothing else.

A search is given an :class:`Oracle`, never the classifier. What comes out is numbers without a
graph; what goes in is counted before the classifier sees it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lazyleap.classifiers.scores import (
    Outputs,
    Scores,
    lead,
    moved,
    require_finite,
    require_form,
    to_log_probabilities,
)
from lazyleap.errors import InputError


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
        self._low = torch.full((images,), torch.inf, dtype=torch.float64)
        self._high = -self._low
        self._ask, self._outputs, self._known = scores, outputs, False

    @property
    def queries(self) -> Tensor:
        """Queries spent so far, int64 ``[N]``, a copy: the count is the oracle's alone."""
        return self._spent.clone()

    def left(self, rows: Tensor) -> Tensor:
        """Queries that each of ``rows`` ``[n]`` may still cost, int64 ``[n]``."""
        return self.budget - self._spent[rows.cpu()].to(rows.device)

    @property
    def still(self) -> Tensor:
        """Images asked about several times whose scores never moved, bool ``[N]``.

        Of these no search has learned anything: the classifier answers a class alone, or is
        saturated, or constant.
        """
        return (self._spent > 1) & ~moved(self._low, self._high)

    def __call__(self, rows: Tensor, images: Tensor) -> Tensor:
        """Log-probabilities ``[n, classes]`` of ``images`` ``[n, C, H, W]``, no graph.

        ``rows`` ``[n]`` says on whose account each one is, in 0..N-1; a row may occur many times,
        and every image is one query.

        Raises:
            BudgetError: a row's budget would be passed. Nothing is counted or asked.
            InputError: a pixel outside 0..1 or not finite (nothing is counted or asked); scores
                that are not finite or not what ``outputs`` promised (counted: they were asked,
                but no outcome comes of them).
        """
        images = images.detach()
        _check_images(rows, images)
        self._count(rows)
        with torch.no_grad():
            parts = [
                self._answer(of, part)
                for of, part in zip(
                    torch.split(rows, self.chunk), torch.split(images, self.chunk), strict=True
                )
            ]
        found = torch.cat(parts)
        self._watch(rows.cpu(), lead(found).cpu())
        return found

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

    def _watch(self, rows: Tensor, leads: Tensor) -> None:
        self._low.scatter_reduce_(0, rows, leads, "amin")
        self._high.scatter_reduce_(0, rows, leads, "amax")

    def _answer(self, rows: Tensor, images: Tensor) -> Tensor:
        scores = self._ask(images).detach()
        if scores.ndim != 2 or scores.shape[0] != len(images) or scores.shape[1] < 2:
            raise InputError(
                f"classifier: scores of shape {list(scores.shape)} for {len(images)} images; "
                "needs [images, classes] with at least 2 classes"
            )
        require_finite(scores, self._outputs, rows)
        if self._outputs != "logits" or not self._known:  # one row of logits may look like that
            require_form(scores, self._outputs)
        self._known = True
        return to_log_probabilities(scores, self._outputs)


def _check_images(rows: Tensor, images: Tensor) -> None:
    if images.ndim != 4 or len(rows) != len(images) or not len(rows):
        raise InputError(
            f"oracle: images of shape {list(images.shape)} for rows of shape {list(rows.shape)}"
        )
    low, high = torch.aminmax(images)  # both are NaN when a pixel is
    if not (low >= 0 and high <= 1):
        raise InputError(f"oracle: pixels from {float(low)} to {float(high)}; valid: 0 to 1")
