"""The table of a long-tailed task: a row a setting, seeds taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lazyleap.longtail.options import LongTailTask
from stages.reporting import classes
from stages.reporting.compare import Group
from stages.reporting.naming import words
from stages.reporting.published import Published
from stages.reporting.tables import percent, seconds

ERRORS = {
    "error %": "error",
    "many %": "error@many",
    "medium %": "error@medium",
    "few %": "error@few",
}
COLUMNS = (
    *("algorithm", "estimator", "k", "placement", "weighted step", "IF", "seeds"),
    *ERRORS,
    *("calibration error %", "CPU", "published %"),
)


def of_task(
    task: LongTailTask, groups: Sequence[Group], published: Sequence[Published]
) -> list[tuple[Group, dict[str, str]]]:
    """Rows in the order of the settings, as words; :data:`COLUMNS`."""
    return [(group, _row(task, group, published)) for group in groups]


def table(rows: Sequence[dict[str, str]]) -> str:
    """Rows as Markdown; columns that are empty everywhere are left out."""
    found = pd.DataFrame(rows)
    return str(found.loc[:, (found != "").any()].to_markdown(index=False, disable_numparse=True))


def _row(task: LongTailTask, group: Group, published: Sequence[Published]) -> dict[str, str]:
    setting = group.first.setting
    baseline = setting.estimator == "none"
    metrics = classes.metrics(group.first)
    factor = max(metrics.train_images) / min(metrics.train_images)
    leaps = f", {setting.leaps} leaps" if (setting.leaps or 1) > 1 else ""
    found = {
        "algorithm": setting.algorithm,
        "estimator": "" if baseline else setting.estimator,
        "k": "" if baseline else str(setting.horizon),
        "placement": f"{words(setting.placement) or ''}{leaps}",
        "weighted step": setting.weighted_step or "" if setting.horizon > 1 else "",
        "IF": f"{task.draw.imbalance or factor:.4g}",
        "seeds": str(len(group.runs)),
    }
    for column, metric in ERRORS.items():
        scored = group.under(metric)
        found[column] = _percent(scored) if scored else ""
    gaps = [classes.metrics(run).calibration_error for run in group.runs]
    figure = next((p for p in published if p.fits(group)), None)
    return found | {
        "calibration error %": f"{100 * float(np.mean(gaps)):.1f}",
        "CPU": seconds(group.cpu_seconds),
        "published %": f"{figure.figure:.2f}" if figure else "",
    }


def _percent(group: Group) -> str:
    """Without the unit, which the column has."""
    return percent(group.value, group.half).removesuffix(" %")
