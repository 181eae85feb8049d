"""Tags, keys and columns: those that docs/metrics.md defines, and those that a run has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lazyleap.items import Items
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
    tags = {*events.Tags()["scalars"], *events.Tags()["images"]}
    return {re.sub(r"^class_weight/\d+$", "class_weight/NNN", tag) for tag in tags}


def undefined(grid: str, run: str) -> set[str]:
    """Keys and columns of a run's results and record that docs/metrics.md has no word for."""
    evaluated, record = (Path("artifacts") / part / grid / run for part in ("evaluate", "record"))
    metrics = json.loads((evaluated / "metrics.json").read_text())
    columns = Items.load(evaluated / "items.npz")
    scores = {re.sub(r"@\d+$", "@S", name) for name in metrics["metrics"]}
    for target in metrics.get("targets", ()):
        scores = {name.removesuffix(f"@{target}") for name in scores}
    found = {
        *metrics,
        *{key for score in metrics["metrics"].values() for key in score},
        *{f"metrics.{name}" for name in scores},
        *{f"about:{name}" for name in columns.about},
        *json.loads((record / "record.json").read_text()),
        *(evaluated / "curve.csv").read_text().split("\n", 1)[0].split(","),
    }
    text = (ROOT / "docs/metrics.md").read_text()
    words = set(re.findall(r"`([^`\s]+)`", text))
    return {key for key in found if not key.startswith("success@")} - words
