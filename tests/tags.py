"""TensorBoard tags: those that docs/metrics.md defines, and those that a run has."""

from __future__ import annotations

import re
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import ROOT

ALL = "Of all kinds of task"


def defined(*sections: str) -> set[str]:
    """The tags of the tables under the lines that start with ``sections``."""
    text = (ROOT / "docs/metrics.md").read_text().split("\n## ")[1]
    parts = {part.split("\n", 1)[0]: part for part in re.split(r"\n(?=Of )", text)}
    chosen = [part for first, part in parts.items() if first.startswith(sections)]
    assert len(chosen) == len(sections)
    return set(re.findall(r"^\| `(\w+/\w+)` \|", "\n".join(chosen), re.M))


def logged(folder: Path) -> set[str]:
    """The tags of a finished run's events, a class or a target standing for all of them."""
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = {*events.Tags()["scalars"], *events.Tags()["images"]} - {"hparam/validation_score"}
    return {re.sub(r"^class_weight/\d+$", "class_weight/NNN", tag) for tag in tags}
