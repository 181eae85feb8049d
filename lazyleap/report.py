"""What a report shows of a kind of task, said and not drawn: measures, tables, charts, pictures.

A kind's ``report(task, groups)`` answers with a :class:`Report`; the report stage turns it into a
page, files and tables. A kind without one gets what its metrics.json says (:func:`plain`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from lazyleap import registry
from lazyleap.places import at
from lazyleap.results import Group, Score, unique

Cell = Score | str | float | int | None
Unit = Literal["", "%", "queries", "s", "MiB"]


@dataclass(frozen=True)
class Measure:
    """A metric in words; ``higher``: whether more is better, None where that cannot be said.

    ``beside``: another measure that must stand next to this one wherever it is shown.
    """

    metric: str
    title: str
    unit: Unit = ""
    higher: bool | None = None
    beside: Measure | None = None

    def of(self, group: Group, at: str = "") -> Score | None:
        """A setting's score, ``at`` a part of the test (``@NAME``); what cannot be is cut off."""
        score, most = group.score(self.metric + at), {"%": 1.0, "queries": math.inf}.get(self.unit)
        if score is None or score.low is None or score.high is None or most is None:
            return score
        return replace(score, low=max(0.0, score.low), high=min(most, score.high))


@dataclass(frozen=True)
class Column:
    """A column of a table: the key of its cells, its heading and their unit."""

    key: str
    title: str
    unit: Unit = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells by column; a cell that is missing or None is shown as a dash."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Cell]]
    note: str = ""


@dataclass(frozen=True)
class Field:
    """What a channel of a chart shows: a key of its rows (a plain word), in words.

    ``format``: d3's; ``scheme`` and ``middle`` are of a colour scale for numbers.
    """

    key: str
    title: str
    type: Literal["quantitative", "ordinal", "nominal"] = "quantitative"
    format: str = ""
    log: bool = False
    scheme: str = ""
    middle: float | None = None


@dataclass(frozen=True)
class Chart:
    """Rows and what is drawn of them.

    ``point``, each by itself, and ``line``, through measured points: with a bar from ``low`` to
    ``high`` where rows have them; ``step``: level from one measured point to the next; ``cell``:
    a rectangle of colour.
    ``colour`` and ``dash`` make the legend, which filters; ``text`` is written at each mark,
    ``tooltip`` what else is told of it.
    """

    name: str
    title: str
    caption: str
    mark: Literal["point", "line", "step", "cell"]
    rows: Sequence[Mapping[str, str | float | int | None]]
    x: Field
    y: Field
    colour: Field
    dash: Field | None = None
    facet: Field | None = None
    text: Field | None = None
    tooltip: Sequence[Field] = ()


@dataclass(frozen=True)
class Pictures:
    """PNG files under one heading, each with its caption; ``words``: what each of them shows."""

    name: str
    title: str
    files: Sequence[tuple[str, Path]]
    words: str


@dataclass(frozen=True)
class Published:
    """A figure that someone else printed, with a source that can be looked up.

    ``algorithm`` and ``estimator`` are those of ours that it stands beside.
    """

    method: str
    metric: str
    figure: float
    source: str
    algorithm: str
    estimator: str


@dataclass(frozen=True)
class Report:
    """All that is said of one task.

    ``heading``: what the task is, in a few words. ``asked``: the question its settings answer.
    ``sample``: what intervals are over, e.g. episodes; ``clusters``: what these are made of, e.g.
    test classes. ``compared``: measures that decide who wins, the headline first; ``further`` ones
    are shown only. ``notes``: what else one must know of the numbers. ``unlike``: in what published
    figures differ from ours.
    """

    heading: str
    asked: str
    sample: str
    clusters: str
    compared: Sequence[Measure]
    further: Sequence[Measure] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    pictures: Sequence[Pictures] = ()
    notes: Sequence[str] = ()
    published: Sequence[Published] = ()
    unlike: str = ""


def plain(task: Any, groups: Sequence[Group]) -> Report:
    """The report of a kind that describes none: every metric by its own name."""
    runs = [run for group in groups for run in group.runs]
    primary = runs[0].metrics["primary"]
    others = unique(name for run in runs for name in run.metrics["metrics"] if name != primary)
    higher = runs[0].metrics.get("higher")
    return Report(
        f"{task.kind} on {runs[0].metrics['dataset']}",
        f"Which setting has the best {primary} for the same training compute?",
        "items",
        "groups of them",
        [Measure(primary, primary, higher=higher)],
        [Measure(name, name) for name in others],
    )


def report_of(name: str) -> Callable[[Any, Sequence[Group]], Report]:
    """What a kind's settings are reported by: what serves this stage for it, or plainly."""
    found = getattr(at(registry.server(name, "report")), "report", plain)
    return cast(Callable[[Any, Sequence[Group]], Report], found)
