"""No meta-gradient at all: for baselines, which learn by rules or not at all."""

from __future__ import annotations

from typing import ClassVar

from lazyleap.blocks import Block, Empty


class NoGradient:
    """What params.yaml calls ``none``; it cannot be called."""

    Options: ClassVar[type[Block]] = Empty
