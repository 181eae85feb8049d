"""The weight that each class ended with, out of a run's TensorBoard events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stages import folders
from stages.reporting.compare import Group

TAG = "class_weight/"


def of_group(group: Group) -> NDArray[np.float64] | None:
    """Mean over the group's seeds of the last running means ``[C]``; 1: an even share of a batch.

    None if a run has no such events.
    """
    found = [of_run(folders.record(r.setting.grid, r.name) / "tensorboard") for r in group.runs]
    known = [weights for weights in found if weights is not None]
    return np.mean(known, axis=0) if len(known) == len(found) else None


def of_run(folder: Path) -> NDArray[np.float64] | None:
    """The last of a run, in the order of its labels. Cost: reads its events once."""
    if not folder.is_dir():
        return None
    events = EventAccumulator(str(folder), size_guidance={"scalars": 1, "images": 1})
    events.Reload()
    tags = sorted(tag for tag in events.Tags()["scalars"] if tag.startswith(TAG))
    return np.array([events.Scalars(tag)[-1].value for tag in tags]) if tags else None
