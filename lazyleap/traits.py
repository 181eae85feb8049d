"""What an algorithm offers and an estimator needs: which goes with which follows, for new ones too.

An algorithm says in ``offers`` which of these sentences are true of it; an estimator says in
``needs`` which it relies on, and why. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from lazyleap.errors import InputError


class Trait(StrEnum):
    """A sentence about a meta-learning problem; its value completes "it needs that ..."."""

    START = "all of theta is where the task model starts"
    """``phi_0`` holds every meta-parameter, and each is moved by inner steps."""

    OUTSIDE = "no part of theta acts through the direction of a step alone"
    """Each part of theta is in the start, in the update or in the outer loss as well."""

    LINEAR = "an update is the parameters plus something linear in the direction"
    """As SGD with momentum is; SGD with weight decay and Adam are not."""

    DESCENT = "an update is the parameters minus one multiple of the direction"
    """Plain gradient descent at one rate: no momentum, no weight decay, no rate a parameter."""

    RESTS = "inner steps come to rest where their direction is zero"
    """Not so with weight decay in the update: there they rest at the optimum of another loss."""

    FIXED_UPDATE = "theta has no part in the update"
    """Not so where rates are learned."""

    ONE_BATCH = "all inner steps of a task may see one batch"
    """Not so where each step has a mini-batch of its own."""


Needs = Mapping[Trait, str]
"""What an estimator relies on, and what would be wrong without: words to follow "as"."""


def require(estimator: str, needs: Needs, algorithm: str, offers: Iterable[Trait] | None) -> None:
    """Refuse an estimator for an algorithm that lacks what it needs.

    A problem without ``offers`` (None) has said nothing of itself, and nothing is taken for
    granted.

    Raises:
        InputError: naming both and the first trait that is missing.
    """
    for trait, why in needs.items():
        if trait not in (offers or ()):
            silent = f"; if so, let it have offers = {{Trait.{trait.name}, ...}}"
            raise InputError(
                f"{estimator} does not go with {algorithm}: it needs that {trait}, as {why}"
                f"{silent if offers is None else ''}"
            )
