"""Studies: ``lazyleap study tune``, ``tuned``, ``confirm`` and ``judge``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lazyleap import study, yamlfile
from lazyleap.comparison import Comparison
from lazyleap.errors import InputError, nearest
from lazyleap.report import Measure, report_of
from lazyleap.results import Group
from lazyleap.results import Run as Finished
from lazyleap.setting import RATE, Setting
from lazyleap.settings import load, resolve
from lazyleap.study import Run
from pipeline import project
from pipeline.commands.answers import Answer, table
from pipeline.commands.study_page import HEADS, markdown, numbers, page, write
from pipeline.plan import params_of, plan
from stages.reporting import inputs, verdict
from stages.reporting.wording import said

TUNING, CONFIRMATION = "-tuning", "-confirmation"
PAYS = {"better": "pays", "worse": "does not", "undecided": "undecided"}
TIMES = {True: "", False: " (unequal CPU time)", None: " (CPU times of different machines)"}


def tune(
    grid: str,
    outer: Sequence[float],
    inner: Sequence[float],
    plain: Sequence[float] = (),
    only: str | None = None,
) -> Answer:
    """Write the grid GRID-tuning: each setting of GRID at each of the same rates.

    Raises:
        InputError: if that grid is there already, or GRID is no base of a study.
    """
    path = params_of(grid)
    meant = plan(grid, only).runs
    runs = {name: run for name, run in yamlfile.read(path)["runs"].items() if name in meant}
    return _write(f"{grid}{TUNING}", path, study.tuning(load(path), runs, outer, inner, plain))


def tuned(grid: str, by: str | None, to: Path | None = None) -> Answer:
    """What validation says of the runs of GRID-tuning that are finished, the best setting first.

    ``by`` as in :func:`confirm`; ``to``: a Markdown file to write the table to.

    Raises:
        InputError: if none is finished, or ``to`` is there.
    """
    found = inputs.collect(params_of(f"{grid}{TUNING}"))
    if not found.runs:
        raise InputError(f"study tuned {grid}: {_first(found.missing)}")
    scores = {run.name: validated(run, by) for run in found.runs}
    best = study.chosen(scores)
    ranked = sorted(best, key=lambda setting: -scores[best[setting]])
    rows = [
        _tried(run, resolve(found.settings, run.name), run.name == best[setting])
        for setting in ranked
        for run in found.runs
        if study.setting_of(run.name) == setting
    ]
    heads = tuple(dict.fromkeys(key for row in rows for key in row))
    words = [tuple(_cell(row.get(head)) for head in heads) for row in rows]
    if to is not None:
        write({to: markdown(heads, words) + "\n"})
    content = {"grid": grid, "rows": rows, "missing": [one.name for one in found.missing]}
    missing = [f"missing: {_first(found.missing)}"] if found.missing else []
    return Answer(content, (table(heads, words), *missing))


def _tried(run: Finished, own: Setting, best: bool) -> dict[str, Any]:
    outer, said = own.option("outer") or {}, run.metrics.get("validation", {})
    scores = {name: one["value"] for name, one in said.items()}
    return {
        "setting": study.setting_of(run.name),
        "inner rate": own.option("inner_lr"),
        "outer rate": outer.get("lr"),
        **({"rate": own.task.training.lr} if hasattr(own.task.training, RATE) else {}),
        **(scores or {"best": validated(run, None)}),
        "iterations": own.meta_iterations,
        "CPU s": run.record["train_cpu_seconds"],
        "chosen": best,
    }


def _first(missing: Sequence[inputs.Missing]) -> str:
    one, more = missing[0], len(missing) - 1
    return f"{one.name}: {one.reason}" + (f"; {more} more" if more else "")


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else ""
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def confirm(
    grid: str, seeds: Sequence[int], by: str | None, only: str | None = None, times: int = 1
) -> Answer:
    """Write GRID-confirmation: each setting at the rates that GRID-tuning found, with new seeds.

    Args:
        grid: the base.
        seeds: fresh ones.
        by: the validation score that chooses, such as ``accuracy@5``; None: the best of them.
        only: patterns of runs of the tuning, commas between, where some settings go on alone.
        times: as many meta-iterations; more than one makes the grid GRID-confirmation-TIMES.

    Raises:
        InputError: if the tuning is not finished, or the seeds are not fresh.
    """
    path, meant = params_of(f"{grid}{TUNING}"), plan(f"{grid}{TUNING}", only).runs
    found = inputs.collect(path)
    if missing := [one for one in found.missing if one.name in meant]:
        raise InputError(_first(missing))
    scores = {run.name: validated(run, by) for run in found.runs if run.name in meant}
    tried = {name: run for name, run in yamlfile.read(path)["runs"].items() if name in meant}
    if times > 1:
        each = {name: resolve(found.settings, name).meta_iterations for name in meant}
        tried = {n: run | {"meta_iterations": times * each[n]} for n, run in tried.items()}
    runs = study.confirmation(tried, scores, seeds)
    name = f"{grid}{CONFIRMATION}" + (f"-{times}" if times > 1 else "")
    answer = _write(name, path, runs)
    best = study.chosen(scores)
    rows = [(name, run, f"{scores[run]:.4f}") for name, run in best.items()]
    shown = table(("setting", "best in validation", "score"), rows)
    return Answer(answer.content | {"chosen": best, "scores": scores}, (shown, *answer.shown))


def validated(run: Finished, by: str | None) -> float:
    """What validation said of a run, larger is better; of several scores ``a,b`` their mean."""
    scores: Mapping[str, Any] = run.metrics.get("validation", {})
    asked = [name.strip() for name in by.split(",")] if by is not None else []
    for name in asked:
        if name not in scores:
            known = nearest(name, scores) if scores else "it has none by name"
            raise InputError(f"--by {by}: run '{run.name}' has no such validation score; {known}")
    if not asked and not scores:
        return float(run.record["best_validation"])
    values = [float(one["value"]) for name, one in scores.items() if not asked or name in asked]
    return sum(values) / len(values) if asked else max(values)


def _write(name: str, base: Path, runs: Mapping[str, Run]) -> Answer:
    path = Path("grids") / name / "params.yaml"
    if path.exists():
        raise InputError(f"{path}: is there already; remove the folder to start over")
    project.new_grid(name, study.with_runs(base.read_text(), runs))
    plan(name)  # checked whole
    content = {"grid": name, "params": path.as_posix(), "runs": list(runs)}
    return Answer(content, (f"{path}: {len(runs)} runs; lazyleap run --grid {name}",))


def judge(grid: str, against: str, to: Path | None = None) -> Answer:
    """Every setting of a finished grid against the one that run ``against`` is of.

    Over the seeds and test items in common, at each common measure, corrected (Holm) for the
    settings compared; ``to``: a Markdown file to write it to, its numbers in a CSV file beside it.

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
    content = {"grid": grid, "task": task, "against": control.label, "rows": rows}
    content["missing"] = [one.name for one in found.missing]
    shown = [
        table(HEADS, [tuple(row["words"]) for row in rows if row["metric"] == m.metric], m.title)
        for m in measures
    ]
    if to is not None:
        text = page(content, against, [run.record for run in found.runs])
        write({to: text, to.with_suffix(".csv"): numbers(rows)})
    return Answer(content, (f"{grid}: each setting against {control.label}", *shown, *_gaps(found)))


def _has(groups: Sequence[Group], run: str) -> bool:
    return any(one.name == run for group in groups for one in group.runs)


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
    scale = 100 if measure.unit == "%" else 1
    word = PAYS[pair.verdict] if pair else "control"
    equal = pair.equal_compute if pair else True
    gap = [scale * x for x in (pair.difference, pair.low, pair.high)] if pair else []
    words = [
        group.label,
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
        "setting": group.label,
        "verdict": word,
        "words": words,
    }
    value = score.value if score else None
    cost = {"cpu_seconds": cpu, "inner_steps": work, "equal_compute": equal}
    return about | {"value": value} | cost | numbers
