"""All files of a grid's report; the page holds its script, its data and its pictures."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lazyleap.report import Cell, Chart, Report, Table, report_of
from lazyleap.results import Group, Score, unique
from lazyleap.settings import Settings, resolve
from lazyleap.views import view
from stages.reporting import (
    caveats,
    common,
    compared,
    drawing,
    grids,
    inputs,
    tables,
    verdict,
    wording,
)
from stages.reporting.inputs import Found

HERE = Path(__file__).parent
STRIP = 3  # times as wide as high


@dataclass(frozen=True)
class Section:
    """One task of the page."""

    name: str
    options: Any
    groups: tuple[Group, ...]
    report: Report
    compared: Sequence[dict[str, Any]] = ()  # estimators with the exact gradient, if asked for

    @property
    def parameters(self) -> str:
        """The task's block of params.yaml."""
        return yaml.safe_dump(self.options.model_dump(), sort_keys=False)

    @property
    def digests(self) -> list[str]:
        """What the runs were tested on."""
        return unique(run.metrics["test_digest"] for group in self.groups for run in group.runs)

    @cached_property
    def verdicts(self) -> list[verdict.Verdict]:
        """One a compared measure, the headline first."""
        return [verdict.judge(self.groups, measure) for measure in self.report.compared]

    @cached_property
    def links(self) -> dict[str, str]:
        """Where on the page each setting is told of in full, by its label."""
        return {group.label: f"run-{group.first.name}" for group in self.groups}

    @cached_property
    def charts(self) -> list[Chart]:
        """The kind's own charts among those of all kinds."""
        shared = common.charts(self.groups, self.report.compared[:1])
        return [*shared, *self.report.charts, *compared.charts(self.compared)]

    @cached_property
    def legends(self) -> list[drawing.Legend]:
        """What colours and dashes stand for in them."""
        return drawing.legends(self.charts)

    @property
    def answers(self) -> list[str]:
        """Who is best, under each measure."""
        return [verdict.lead(one) for one in self.verdicts]

    @property
    def sure(self) -> list[str]:
        """How sure that is."""
        said = verdict.sure(self.verdicts[0], self.report.sample, self.report.clusters)
        return said + caveats.caveats(self.groups)

    @cached_property
    def settings(self) -> Table:
        """All settings, best first."""
        measures = [*self.report.compared, *self.report.further]
        return grids.settings(self.groups, measures, self.verdicts[0])

    @property
    def tables(self) -> list[Table]:
        """What follows it."""
        pairs = grids.pairs(self.groups, self.verdicts[0])
        found = [pairs, *self.report.tables, compared.table(self.compared)]
        return [*found, grids.published(self.groups, self.report)]

    @property
    def budgets(self) -> Table:
        """What each CPU budget buys, under the headline measure."""
        return grids.budgets(self.verdicts[0])


def build(found: Found) -> dict[str, str | bytes]:
    """Every file of results/GRID by name; the same inputs give the same bytes."""
    sections = [_section(found, task, groups) for task, groups in found.groups.items()]
    parts = [
        (
            f"Task `{s.name}`: {s.report.heading}",
            [s.report.asked, *s.answers],
            [s.budgets, s.settings],
            s.sure,
        )
        for s in sections
    ]
    files: dict[str, str | bytes] = {
        "summary.csv": tables.summary_csv(found),
        "metrics.csv": tables.metrics_csv(found),
        "pairs.csv": tables.pairs_csv({s.name: s.verdicts for s in sections}),
        "summary.md": tables.summary_md(found, parts),
        "report.html": _page(found, sections),
    }
    for name, chart, legends in _named(sections):
        files[f"{name}.svg"], files[f"{name}.png"] = drawing.static(chart, legends)
    return files


def _section(found: Found, task: str, groups: Sequence[Group]) -> Section:
    options = found.settings.tasks[task]
    beside = compared.rows(found.settings.grid, groups)
    return Section(task, options, tuple(groups), report_of(options.kind)(options, groups), beside)


def _named(sections: Sequence[Section]) -> list[tuple[str, Chart, list[drawing.Legend]]]:
    """Every chart with the name of its files and the legends that its task shares."""
    return [(f"{s.name}-{chart.name}", chart, s.legends) for s in sections for chart in s.charts]


def _page(found: Found, sections: Sequence[Section]) -> str:
    drawn = {
        name: {"spec": drawing.spec(chart, legends)} | drawing.usable(chart)
        for name, chart, legends in _named(sections)
    }
    values = {s.name: {one.field.key: one.values for one in s.legends} for s in sections}
    light, dark = drawing.config(drawing.LIGHT), drawing.config(drawing.DARK)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            found=found,
            sections=sections,
            data=_json({"charts": drawn, "legends": values, "light": light, "dark": dark}),
            bundle=drawing.bundle() if drawn else "",
            style=(HERE / "page.css").read_text(),
            script=(HERE / "page.js").read_text(),
            definitions=tables.DEFINITIONS,
            parameters=lambda run: yaml.safe_dump(
                _parameters(found.settings, run.name), sort_keys=False
            ),
            committed=inputs.committed,
            checks=lambda run: inputs.checks(found.settings.grid, run),
        )
    )


def _json(content: Any) -> str:
    """JSON that may stand in a script element whatever its strings are."""
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "shown": wording.shown,
        "title": wording.unit_title,
        "number": _sortable,
        "facts": _facts,
        "base64": lambda path: base64.b64encode(path.read_bytes()).decode(),
        "strip": _strip,
    }
    return environment


def _strip(path: Path) -> bool:
    """Whether a PNG file is so long that it wants a row of the page to itself."""
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    return bool(width >= STRIP * height)


def _sortable(cell: Cell) -> float | None:
    """What a cell is sorted by if it is a number."""
    value = cell.value if isinstance(cell, Score) else cell
    return value if isinstance(value, int | float) else None


def _facts(content: dict[str, Any]) -> list[tuple[str, str]]:
    """A JSON file's plain entries as words."""
    return [(key.replace("_", " "), _plain(value)) for key, value in content.items()]


def _plain(value: Any) -> str:
    if value is None:
        return wording.DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(found)}" for key, found in value.items())
    if isinstance(value, list):
        return " ".join(map(_plain, value))
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _parameters(settings: Settings, run: str) -> dict[str, Any]:
    """All that a run was trained and tested with."""
    setting = resolve(settings, run)
    return view(setting, "train") | {"test": setting.asked()["test"]}
