"""What the report does with each kind of task. A new kind is one entry here and one module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lazyleap.config import FewShotTask
from stages.reporting import fewshot
from stages.reporting.compare import Group
from stages.reporting.drawing import Chart
from stages.reporting.inputs import Finished


@dataclass(frozen=True)
class Kind:
    """One kind of task: its name for people, which way is better, and what it adds to the page."""

    title: str
    higher_is_better: bool
    charts: Callable[[str, Sequence[Group]], list[Chart]]
    protocol: Callable[[FewShotTask, Sequence[Finished]], list[str]]
    published: Callable[[FewShotTask], list[fewshot.Published]]


KINDS: dict[str, Kind] = {
    "fewshot": Kind("few-shot", True, fewshot.drawings, fewshot.protocol, fewshot.published),
}
