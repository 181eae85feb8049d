"""Grids of a study: ``lazyleap study tune``, ``tuned`` and ``confirm``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lazyleap import study, yamlfile
from lazyleap.errors import InputError, nearest
from lazyleap.results import Run as Finished
from lazyleap.setting import RATE, Setting
from lazyleap.settings import load, resolve
from lazyleap.study import Run
from pipeline import project
from pipeline.commands.answers import Answer, table
from pipeline.commands.study_page import markdown, write
from pipeline.plan import params_of, plan
from stages.reporting import inputs

TUNING, CONFIRMATION = "-tuning", "-confirmation"


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
    ranked = sorted(best, key=lambda setting: study.rank(scores[best[setting]]), reverse=True)
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
    rows = [(name, run, _cell(scores[run])) for name, run in best.items()]
    shown = table(("setting", "best in validation", "score"), rows)
    return Answer(answer.content | {"chosen": best, "scores": scores}, (shown, *answer.shown))


def validated(run: Finished, by: str | None) -> float | None:
    """What validation said of a run, larger is better; of several scores ``a,b`` their mean.

    None: nothing, for what has nothing to train is not validated either.
    """
    scores: Mapping[str, Any] = run.metrics.get("validation", {})
    if not scores and run.record["best_validation"] is None:
        return None
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
