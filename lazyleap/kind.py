"""What each kind of task does at each stage; the stages themselves know no kind.

A module here says in ``KEEP`` which theta a training ends with, and has functions: ``draw`` what
chance decides once for all settings, the ``learner`` of a setting, ``pictures`` of what it sees
and a ``glimpse`` of what it makes of it, ``judge`` what it learned, and ``classes``, how many
outputs that has.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

import torch
from numpy.typing import NDArray
from torch import Tensor

from lazyleap.bilevel import Tree
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.items import Items
from lazyleap.settings import Setting
from lazyleap.training.loop import Learner


class Drawn(Protocol):
    """Something drawn by chance that can be stored and has a digest."""

    @property
    def digest(self) -> str:
        """sha256 of the content."""
        ...

    def save(self, path: Path) -> None:
        """Write it, equal bytes for equal content."""
        ...


CURVE = ("step", "accuracy", "low", "high", "ci95")
"""What every curve.csv begins with."""


class Verdict(NamedTuple):
    """``metrics`` for metrics.json; ``curve`` rows for curve.csv, the header first.

    ``items``: what the metrics are means of. ``arrays`` by file name, and ``pictures``: image
    grids by name, as for training.
    """

    metrics: dict[str, Any]
    curve: list[tuple[Any, ...]]
    items: Items
    arrays: Mapping[str, NDArray[Any]] = {}
    pictures: Mapping[str, Tensor] = {}


class Glimpse(NamedTuple):
    """Some images ``[n, C, H, W]`` that the learner was given, and a few words under each."""

    images: Tensor
    words: list[str]


class Kind(Protocol):
    """What a module in this package has."""

    KEEP: Literal["best", "last"]

    def draw(self, sets: Mapping[str, ImageSet], options: Any) -> dict[str, Drawn]:
        """File name, below the task's prepared folder, to what is stored there."""
        ...

    def learner(self, setting: Setting, data: Prepared, device: torch.device) -> Learner:
        """What the training loop trains; ``data`` is the task's ``train/images``."""
        ...

    def pictures(self, learner: Learner) -> dict[str, Tensor]:
        """Image grids ``[rows, columns, C, H, W]`` by TensorBoard tag, shown once."""
        ...

    def glimpse(self, learner: Learner) -> dict[str, Glimpse]:
        """By TensorBoard tag, shown at every validation; empty where there is nothing to see."""
        ...

    def classes(self, setting: Setting, data: Prepared) -> int:
        """The number of the network's outputs."""
        ...

    def judge(self, setting: Setting, theta: Tree, data: Prepared, device: torch.device) -> Verdict:
        """Metrics of ``theta``; ``data`` is the task's ``test/images``."""
        ...


_MODULES = {name: f"lazyleap.{name}.kind" for name in ("fewshot", "longtail", "attack")}


def kind(name: str) -> Kind:
    """The module of a task's ``kind``."""
    return cast(Kind, import_module(_MODULES[name]))
