"""What the report does with each kind of task. A new kind is one entry here and one module."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from stages.reporting.compare import Group
from stages.reporting.drawing import Chart
from stages.reporting.inputs import Finished
from stages.reporting.published import Published


class Kind(Protocol):
    """What a module of a kind has; ``task`` is its block of params.yaml.

    ``HIGHER``: whether more of the primary metric is better. ``MEASURE``, ``BEST``: its name, and
    that of its best value. ``SAMPLE``: what test intervals are over. ``NOTE``: what the headline
    number is. ``TEMPLATE``: shown after the table of all settings, with ``details`` to draw on;
    None for nothing. ``ALONE``: whether it stands in for what the page says of all kinds, too.
    """

    HIGHER: bool
    MEASURE: str
    BEST: str
    SAMPLE: str
    NOTE: str
    TEMPLATE: str | None
    ALONE: bool

    def heading(self, task: Any, runs: Sequence[Finished]) -> str:
        """What the task is, in a few words."""
        ...

    def kept(self, score: float) -> str:
        """The recorded validation score in words."""
        ...

    def charts(self, name: str, groups: Sequence[Group]) -> list[Chart]:
        """Drawings; their files are named ``NAME-...``."""
        ...

    def protocol(self, task: Any, runs: Sequence[Finished]) -> list[str]:
        """How the numbers came about, a sentence each."""
        ...

    def published(self, task: Any) -> list[Published]:
        """Figures for the very same data; none for any other."""
        ...

    def unlike(self, task: Any) -> str:
        """In what ours and the published ones differ."""
        ...

    def details(self, task: Any, groups: Sequence[Group]) -> Any:
        """For the template."""
        ...

    def markdown(self, task: Any, groups: Sequence[Group]) -> str:
        """What summary.md says of the task besides its rows; empty for nothing."""
        ...


_MODULES = {name: f"stages.reporting.{name}" for name in ("fewshot", "longtail", "attack")}


def kind(name: str) -> Kind:
    """The module of a task's ``kind``."""
    return cast(Kind, import_module(_MODULES[name]))
