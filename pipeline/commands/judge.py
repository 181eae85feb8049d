"""``lazyleap study judge``: each setting of a finished grid held against one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lazyleap import study
from lazyleap.comparison import Comparison
from lazyleap.errors import InputError, nearest
from lazyleap.report import Measure, report_of
from lazyleap.results import Group
from lazyleap.settings import resolve
from pipeline.commands.answers import Answer, table
from pipeline.commands.study_page import HEADS, figures, numbers, page, write
from pipeline.plan import params_of
from stages.reporting import inputs, verdict
from stages.reporting.wording import said, scaled

PAYS = {"better": "pays", "worse": "does not", "undecided": "undecided"}
TIMES = {True: "", False: " (unequal CPU time)", None: " (CPU times of different machines)"}


def judge(grid: str, against: str, to: Path | None = None) -> Answer:
    """Every setting of a finished grid against the one that run ``against`` is of.

    Over the seeds and test items in common, at each common measure, corrected (Holm) for the
    settings compared; ``to``: a Markdown file to write it to, its numbers as CSV and SVG beside it.

    Raises:
        InputError: if nothing is finished, or ``against`` is no finished run, or ``to`` is there.
    """
    found = inputs.collect(params_of(grid))
    tasks = {task: groups for task, groups in found.groups.items() if _has(groups, against)}
    if not tasks:
        known = [run.name for run in found.runs]
        hint = nearest(against, known) if known else "no run is finished"
        raise InputError(f"--against {against}: no such finished run; {hint}")
    ((task, groups),) = tasks.items()
    control = next(group for group in groups if _has([group], against))
    options = found.settings.tasks[task]
    measures = [
        m for m in report_of(options.kind)(options, groups).compared if m.higher is not None
    ]
    work = {group.label: steps(resolve(found.settings, group.first.name)) for group in groups}
    rows = [row for m in measures for row in _judged(m, groups, control, work)]
    content = {"grid": grid, "task": task, "against": _named(control), "rows": rows}
    content["missing"] = [one.name for one in found.missing]
    shown = [
        table(HEADS, [tuple(row["words"]) for row in rows if row["metric"] == m.metric], m.title)
        for m in measures
    ]
    if to is not None:
        text = page(content, against, [run.record for run in found.runs], to)
        write({to: text, to.with_suffix(".csv"): numbers(rows), **figures(content, to)})
    return Answer(
        content, (f"{grid}: each setting against {_named(control)}", *shown, *_gaps(found))
    )


def _has(groups: Sequence[Group], run: str) -> bool:
    return any(one.name == run for group in groups for one in group.runs)


def _named(group: Group) -> str:
    """In a study's own grid as that calls it; elsewhere in the words of its options."""
    return study.shared_name({run.name: run.seed for run in group.runs}) or group.label


def _gaps(found: inputs.Found) -> list[str]:
    return [f"missing: {one.name}: {one.reason}" for one in found.missing]


def steps(setting: Any) -> int:
    """Inner steps of a task in a whole training: what the student's way costs on any machine."""
    return sum(setting.horizon_at(i) for i in range(setting.meta_iterations))


def _judged(
    measure: Measure, groups: Sequence[Group], control: Group, work: Mapping[str, int]
) -> list[dict[str, Any]]:
    pairs = verdict.family([(g, control) for g in groups if g is not control], measure)
    by_label = {pair.first: pair for pair in pairs}
    return [_row(measure, group, by_label.get(group.label), work[group.label]) for group in groups]


def _row(measure: Measure, group: Group, pair: Comparison | None, work: int) -> dict[str, Any]:
    score, cpu = measure.of(group), group.recorded("train_cpu_seconds")
    word = PAYS[pair.verdict] if pair else "control"
    equal = pair.equal_compute if pair else True
    gap = [scaled(x, measure) for x in (pair.difference, pair.low, pair.high)] if pair else []
    words = [
        _named(group),
        said(score, measure) if score else "",
        f"{gap[0]:+.2f}" if gap else "",
        f"{gap[1]:+.2f} .. {gap[2]:+.2f}" if gap else "",
        f"{pair.adjusted:.2g}" if pair else "",
        str(pair.seeds if pair else len(group.runs)),
        f"{cpu:.0f}",
        f"{work:,}",
        f"{word}{TIMES[equal]}",
    ]
    kept = ("difference", "low", "high", "p", "adjusted", "seeds", "items")
    numbers = {key: getattr(pair, key) if pair else None for key in kept}
    about = {
        "metric": measure.metric,
        "title": measure.title,
        "unit": measure.unit,
        "setting": _named(group),
        "label": group.label,
        "verdict": word,
        "words": words,
    }
    ends = {"value": "value", "value_low": "low", "value_high": "high"}
    value = {name: getattr(score, key, None) for name, key in ends.items()}
    cost = {"cpu_seconds": cpu, "inner_steps": work, "equal_compute": equal}
    return about | value | cost | numbers
