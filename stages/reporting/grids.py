"""The tables of every kind of task: settings, what each budget buys, pairs, published figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lazyleap.comparison import Comparison
from lazyleap.noted import MIN_FACTOR
from lazyleap.report import Cell, Column, Measure, Report, Table
from lazyleap.results import Group, Score
from stages.reporting.verdict import Budget, Verdict
from stages.reporting.wording import listed

SETTING = Column("setting", "setting")
Row = Mapping[str, Cell]


def settings(groups: Sequence[Group], measures: Sequence[Measure], verdict: Verdict) -> Table:
    """A row a setting, best first: how it stands, what is measured, and what it cost."""
    words = {s.group.label: s.word for s in verdict.field}
    ranked = [s.group for s in verdict.field] + [g for g in groups if g.label not in words]
    columns = [
        SETTING,
        Column("verdict", "against the best"),
        *(Column(m.metric, m.title, m.unit) for m in measures),
        Column("cpu", "training CPU", "s"),
        Column("memory", "peak memory", "MiB"),
        Column("iterations", "meta-iterations"),
        Column("least", "smallest factor"),
        Column("seeds", "seeds"),
    ]
    rows: list[dict[str, Cell]] = [
        {m.metric: m.of(group) for m in measures}
        | {"setting": group.label, "verdict": words.get(group.label), "seeds": len(group.runs)}
        | {"cpu": group.recorded("train_cpu_seconds")}
        | {"memory": group.recorded("peak_memory_mib")}
        | {"iterations": int(group.recorded("meta_iterations"))}
        | {"least": _least(group)}
        for group in ranked
    ]
    return Table("settings", "All settings", _used(columns, rows), rows, _SETTINGS)


def _least(group: Group) -> Cell:
    """The smallest factor that a step was found to stretch a direction by, of all seeds."""
    found = [run.metrics[MIN_FACTOR] for run in group.runs if MIN_FACTOR in run.metrics]
    return min(found) if found else None


_SETTINGS = (
    "In brackets: 95% intervals, over the test sample or, with several seeds, over these; time and "
    "memory are means over seeds. The first measure decides the order and the verdict. Smallest "
    "factor: of an inner step, where the estimator looks; below 0 a leap may turn the "
    "gradient round there: the command fidelity says what that costs."
)


def budgets(verdict: Verdict) -> Table:
    """The best setting that each CPU budget buys, and which others are not clearly worse."""
    measure = verdict.measure
    columns = [Column("cpu", "training CPU from", "s"), Column("setting", "best within it")]
    columns += [Column(m.metric, m.title, m.unit) for m in (measure, measure.beside) if m]
    columns += [
        Column("undecided", "not distinguishable from it"),
        Column("behind", "clearly behind"),
    ]
    rows = [_budget(one, measure) for one in verdict.budgets]
    return Table("budgets", "At equal training compute", columns, rows, _BUDGETS)


_BUDGETS = (
    "A row for each budget at which a costlier setting takes the lead: the best of those that "
    "trained for no more CPU time (costs within a tenth count as equal)."
)


def _budget(budget: Budget, measure: Measure) -> dict[str, Cell]:
    best = budget.field[0].group
    named = [s.group.label for s in budget.field[1:] if s.word != "behind"]
    behind = sum(s.word == "behind" for s in budget.field)
    scores: dict[str, Cell] = {m.metric: m.of(best) for m in (measure, measure.beside) if m}
    return scores | {
        "cpu": budget.cpu_seconds,
        "setting": best.label,
        "undecided": listed(named) if named else "none",
        "behind": behind,
    }


def pairs(groups: Sequence[Group], verdict: Verdict) -> Table:
    """Every pair of settings under the headline measure."""
    by_label = {group.label: group for group in groups}
    unit = verdict.measure.unit
    columns = [
        Column("first", "first"),
        Column("second", "second"),
        Column("differ", "differ in"),
        Column("difference", f"first minus second, {verdict.measure.title}", unit),
        Column("verdict", "the first is"),
        Column("cpu", "CPU time, first / second"),
        Column("seeds", "seeds in common"),
    ]
    rows = [_pair(one, by_label) for one in verdict.pairs]
    note = (
        f"{len(rows)} comparisons, corrected together (Holm): a pair is decided less easily here "
        "than in the table above, where each setting meets the best alone. Intervals are not "
        "corrected."
    )
    return Table("pairs", "Settings in pairs", columns, rows, note)


def _pair(one: Comparison, groups: Mapping[str, Group]) -> dict[str, Cell]:
    known = one.low == one.low  # NaN: no spread was seen
    gap = Score(one.difference, one.low if known else None, one.high if known else None)
    first, second = one.cpu_seconds
    return {
        "first": one.first,
        "second": one.second,
        "differ": _differ(groups[one.first], groups[one.second]),
        "difference": replace(gap, signed=True),
        "verdict": one.verdict,
        "cpu": round(first / second, 2) if second and one.one_machine else None,
        "seeds": one.seeds,
    }


def _differ(one: Group, other: Group) -> str:
    """What of two settings is not the same, in the words of params.yaml."""
    a, b = one.first, other.first
    keys = ("algorithm", "estimator", "horizon", "options")
    return ", ".join(key for key in keys if getattr(a, key) != getattr(b, key))


def published(groups: Sequence[Group], report: Report) -> Table:
    """Figures of others, and our settings of the same algorithm and estimator."""
    rows: list[dict[str, Cell]] = []
    for figure in report.published:
        said: dict[str, Cell] = {"method": figure.method, "figure": figure.figure}
        said["source"] = figure.source
        ours = [g for g in groups if _same(g, figure.algorithm, figure.estimator)]
        rows += [said | {"setting": g.label, "ours": report.compared[0].of(g)} for g in ours] or [
            said
        ]
    unit = report.compared[0].unit
    columns = [Column("method", "published method"), Column("figure", "published", unit)]
    columns += [Column("source", "source"), Column("setting", "our setting of that method")]
    columns += [Column("ours", f"ours, {report.compared[0].title}", unit)]
    note = f"Not like for like: {report.unlike}" if rows else ""
    return Table("published", "Published figures for these data", columns, rows, note)


def _same(group: Group, algorithm: str, estimator: str) -> bool:
    return (group.first.algorithm, group.first.estimator) == (algorithm, estimator)


def _used(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """Without columns that no row has anything in."""
    return [c for c in columns if any(row.get(c.key) is not None for row in rows)]
