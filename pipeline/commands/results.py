"""What the files of a grid say: ``lazyleap show`` and ``lazyleap compare``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lazyleap.comparison import Comparison
from lazyleap.errors import InputError, nearest
from lazyleap.report import Measure, report_of
from lazyleap.results import Group
from pipeline.commands.answers import Answer, table
from pipeline.plan import params_of
from stages import folders
from stages.reporting import inputs, verdict
from stages.reporting.wording import plural, said, shown

TRAINING = ("meta_iterations", "train_cpu_seconds", "peak_memory_mib", "device", "processor")
JUDGED = ("difference", "low", "high", "seeds", "items", "clusters", "p", "verdict", "cpu_seconds",
          "one_machine")  # fmt: skip


def show(run: str, grid: str | None) -> Answer:
    """One run: its setting, its scores, what its training took, where its files are.

    Raises:
        InputError: if there is no such run or it is not finished.
    """
    found = inputs.collect(params_of(grid))
    one = next((r for r in found.runs if r.name == run), None)
    if one is None:
        raise InputError(_why_not(found, run))
    name = found.settings.grid
    checks = inputs.checks(name, one)
    files = [path.as_posix() for path in _files(name, run)]
    content = {
        "run": run,
        "grid": name,
        "label": one.label,
        "metrics": one.metrics,
        "record": one.record,
        "checks": [{"ok": ok, "what": words} for ok, words in checks],
        "files": files,
    }
    scores = {name: one.score(name) for name in one.metrics["metrics"]}
    kept = [(name, shown(score, "")) for name, score in scores.items()]
    took = [(k, str(one.record[k])) for k in (*TRAINING, "commit", "finished") if k in one.record]
    lines = [f"{'ok' if ok else 'not'}: {words}" for ok, words in checks]
    tables = table(("metric", "value (95% interval)"), kept), table(("", ""), took)
    return Answer(content, (f"{run}: {one.label}", *tables, *lines, *files))


def _files(grid: str, run: str) -> Iterator[Path]:
    for folder in (folders.trained, folders.record, folders.evaluated, folders.exported):
        yield from (path for path in sorted(folder(grid, run).rglob("*")) if path.is_file())


def compare(first: str, second: str, grid: str | None) -> Answer:
    """The settings of two runs, over the seeds and the test items that both have.

    Raises:
        InputError: if one is not finished, both are of one setting, or their tasks differ.
    """
    found = inputs.collect(params_of(grid))
    a, b = (_group(found, name) for name in (first, second))
    tasks = [found.settings.runs[name].task for name in (first, second)]
    if tasks[0] != tasks[1]:
        raise InputError(f"'{first}' is of task '{tasks[0]}' and '{second}' of '{tasks[1]}'")
    if a is b:
        raise InputError(f"'{first}' and '{second}' are of one setting, {a.label}")
    options = found.settings.tasks[tasks[0]]
    measures = report_of(options.kind)(options, found.groups[tasks[0]]).compared
    rows = [_compared(a, b, measure) for measure in measures]
    content = {"first": a.label, "second": b.label, "task": tasks[0], "measures": rows}
    return Answer(content, (f"{a.label} against {b.label}", *map(_sentence, rows)))


def _group(found: inputs.Found, run: str) -> Group:
    """The setting that a run is a seed of."""
    for group in (group for groups in found.groups.values() for group in groups):
        if any(one.name == run for one in group.runs):
            return group
    raise InputError(_why_not(found, run))


def _why_not(found: inputs.Found, run: str) -> str:
    reason = next((m.reason for m in found.missing if m.name == run), None)
    return f"run '{run}': {reason or nearest(run, found.settings.runs)}"


def _compared(a: Group, b: Group, measure: Measure) -> dict[str, Any]:
    pairs = verdict.family([(a, b)], measure)
    return {
        "metric": measure.metric,
        "title": measure.title,
        "unit": measure.unit,
        "scores": [_score(group, measure) for group in (a, b)],
        "comparison": _judged(pairs[0]) if pairs else None,
    }


def _score(group: Group, measure: Measure) -> dict[str, Any] | None:
    found = measure.of(group)
    if found is None:
        return None
    numbers = {"value": found.value, "low": found.low, "high": found.high}
    return numbers | {"words": said(found, measure)}


def _judged(pair: Comparison) -> dict[str, Any]:
    return {key: getattr(pair, key) for key in JUDGED} | {"equal_compute": pair.equal_compute}


def _sentence(row: Mapping[str, Any]) -> str:
    scores = ["nothing" if score is None else score["words"] for score in row["scores"]]
    head, pair = f"{row['title']}: {scores[0]} against {scores[1]}", row["comparison"]
    if pair is None:
        return f"{head}; not compared: no seed or no test items in common"
    scale = 100 if row["unit"] == "%" else 1
    gap, low, high = (scale * pair[key] for key in ("difference", "low", "high"))
    why = "one seed decides nothing" if pair["seeds"] == 1 else f"p {pair['p']:.2g}"
    cost = " and ".join(f"{seconds:.0f}" for seconds in pair["cpu_seconds"])
    return (
        f"{head}; difference {gap:+.4g} ({low:.4g} .. {high:.4g}) {row['unit']}, the first is "
        f"{pair['verdict']} ({plural(pair['seeds'], 'seed')} in common, {why}); "
        f"training took {cost} CPU s{'' if pair['one_machine'] else ', of different machines'}"
    )
