"""All files of a grid's report: tables, charts and one page that works offline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lazyleap.config import Settings, TaskOptions
from stages.reporting import drawing, naming, tables
from stages.reporting.compare import Group, grouped
from stages.reporting.inputs import Finished, Missing
from stages.reporting.kinds import Kind, kind
from stages.reporting.published import Published
from stages.reporting.verdict import Verdict, caveats, judge

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Section:
    """One task of the page."""

    name: str
    kind: Kind
    task: TaskOptions
    runs: tuple[Finished, ...]
    groups: tuple[Group, ...]
    verdict: Verdict
    charts: tuple[drawing.Chart, ...]
    details: Any

    @property
    def heading(self) -> str:
        """What the task is, in a few words."""
        return self.kind.heading(self.task, self.runs)

    @property
    def protocol(self) -> list[str]:
        """How the numbers came about."""
        return self.kind.protocol(self.task, self.runs)

    @property
    def published(self) -> list[tuple[Published, list[Group]]]:
        """Published figures and our settings of the same algorithm and estimator."""
        return [
            (figure, [g for g in self.groups if figure.fits(g)])
            for figure in self.kind.published(self.task)
        ]

    @property
    def families(self) -> list[str]:
        """The colours in use, in the palette's order."""
        used = {naming.family(group.first.setting) for group in self.groups}
        return [family for family in naming.HUES if family in used]


def build(
    settings: Settings, finished: Sequence[Finished], missing: Sequence[Missing]
) -> dict[str, str | bytes]:
    """Every file of results/GRID by name; the same inputs give the same bytes."""
    sections = [
        section
        for name, task in settings.tasks.items()
        if (section := _section(name, task, [r for r in finished if r.setting.task_name == name]))
    ]
    files: dict[str, str | bytes] = {
        "summary.csv": tables.summary_table(finished).to_csv(index=False, lineterminator="\n"),
        "metrics.csv": tables.metrics_table(finished).to_csv(index=False, lineterminator="\n"),
        "summary.md": tables.markdown(settings.grid, finished, missing) + _more(sections),
        "report.html": _page(settings, finished, missing, sections),
    }
    for chart in (chart for section in sections for chart in section.charts):
        files |= {f"{chart.name}.svg": chart.svg, f"{chart.name}.png": chart.png}
    return files


def _more(sections: Sequence[Section]) -> str:
    """What the kinds of task add to summary.md."""
    said = [(s.name, s.kind.markdown(s.task, s.groups)) for s in sections]
    return "".join(f"\n## Task `{name}`\n\n{words}\n" for name, words in said if words)


def _section(name: str, task: TaskOptions, runs: Sequence[Finished]) -> Section | None:
    if not runs:
        return None
    own, groups = kind(task.kind), grouped(runs)
    return Section(
        name,
        own,
        task,
        tuple(runs),
        tuple(groups),
        judge(runs, own.HIGHER),
        tuple(own.charts(name, groups)),
        own.details(task, groups),
    )


def _page(
    settings: Settings,
    finished: Sequence[Finished],
    missing: Sequence[Missing],
    sections: Sequence[Section],
) -> str:
    records = [run.record for run in finished]
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            settings=settings,
            finished=finished,
            missing=missing,
            sections=sections,
            commits=sorted({record.commit or "not recorded" for record in records}),
            machines=sorted({_machine(run) for run in finished}),
            dates=sorted({record.finished[:10] for record in records if record.finished}),
            caveats=caveats,
            kind=lambda run: kind(run.setting.task.kind),
            definitions=tables.DEFINITIONS,
            hues=naming.HUES,
            ink=drawing,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "percent": lambda score: tables.percent(*score).replace(" ", "\N{NO-BREAK SPACE}"),
        "shown": lambda score: tables.shown(*score).replace(" ", "\N{NO-BREAK SPACE}"),
        "points": _points,
        "seconds": tables.seconds,
        "mib": tables.mib,
        "metric": tables.metric_words,
        "family": lambda group: naming.family(group.first.setting),
        "inline": _inline,
        "plain": _plain,
    }
    return environment


def _machine(run: Finished) -> str:
    record = run.record
    plural = "" if record.threads == 1 else "s"
    threads = "" if record.threads is None else f", {record.threads} thread{plural} a process"
    return f"{_plain(record.hardware)} ({record.device}{threads})"


def _points(gap: float, half: float) -> str:
    """A difference in percentage points with its half-width."""
    sign = "−" if round(gap, 3) < 0 else "+" if round(gap, 3) > 0 else ""
    return f"{sign}{abs(100 * gap):.1f} ± {100 * half:.1f}".replace(" ", "\N{NO-BREAK SPACE}")


def _plain(value: Any) -> str:
    """A recorded value as words."""
    if value is None:
        return "not recorded"
    if isinstance(value, dict):
        return ", ".join(f"{key} {found}" for key, found in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _inline(chart: drawing.Chart) -> Markup:
    """The SVG as part of the page: one image with words, no identifiers that could clash."""
    svg = re.sub(r'\bid="(\w+)"', rf'id="{chart.name}-\1"', chart.svg)
    svg = re.sub(r"url\(#(\w+)\)", rf"url(#{chart.name}-\1)", svg)
    head = Markup('<svg role="img" aria-label="{}. {}" ').format(chart.title, chart.words)
    return head + Markup(svg.removeprefix("<svg "))
