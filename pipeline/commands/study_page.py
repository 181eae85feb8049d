"""What ``lazyleap study`` found, as the beginning of a page of docs/results/."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lazyleap.errors import InputError
from lazyleap.report import Chart, Column, Field
from stages.reporting import drawing
from stages.reporting.tables import csv_text
from stages.reporting.wording import scaled

HEADS = ("setting", "score", "difference", "95% interval", "p (Holm)", "seeds", "CPU s",
         "inner steps", "verdict")  # fmt: skip
Records = Sequence[Mapping[str, Any]]


def page(found: Mapping[str, Any], run: str, records: Records, path: Path) -> str:
    """Command, commit and hardware, a table and a figure a measure, and how to read them."""
    grid = found["grid"]
    titles = dict.fromkeys((row["metric"], row["title"]) for row in found["rows"])
    tables = [
        f"## {title[:1].upper()}{title[1:]}\n\n{_table(found['rows'], metric)}\n\n"
        f"![Difference of each setting, {title}]({_drawn(path, metric).name})"
        for metric, title in titles
    ]
    missing = f"Not finished: {', '.join(found['missing'])}." if found["missing"] else ""
    head = [
        f"# {grid}: each setting against {found['against']}",
        f"    lazyleap run --grid {grid}\n    lazyleap study judge {grid} --against {run}",
        f"Commit {_each(records, 'commit')}; {_machines(records)}. {HOW} {missing}".strip(),
    ]
    return "\n\n".join([*head, *tables]) + "\n"


HOW = (
    "Differences are paired over seeds and test items; the intervals are t-intervals over seeds "
    "and those over test items joined, and p is corrected for the settings compared (Holm). Inner "
    "steps: of a task in a whole training. Pays, does not: decided at the 5% level."
)


def _table(rows: Iterable[Mapping[str, Any]], metric: str) -> str:
    return markdown(HEADS, (row["words"] for row in rows if row["metric"] == metric))


COLUMNS = ("metric", "setting", "label", "value", "value_low", "value_high", "difference", "low",
           "high", "p", "adjusted", "seeds", "items", "cpu_seconds", "inner_steps",
           "equal_compute", "verdict")  # fmt: skip


def numbers(rows: Iterable[Mapping[str, Any]]) -> str:
    """The same as a CSV file, in the metric's own unit; a control has no difference.

    ``low`` and ``high`` are of the difference, ``value_low`` and ``value_high`` of the value.
    """
    return csv_text(COLUMNS, ({key: row[key] for key in COLUMNS} for row in rows))


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of words."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def figures(found: Mapping[str, Any], path: Path) -> dict[Path, str]:
    """SVG files beside a page: of each measure the differences with their intervals."""
    metrics = dict.fromkeys(row["metric"] for row in found["rows"])
    drawn = {metric: _figure(found, metric) for metric in metrics}
    return {
        _drawn(path, metric): drawing.static(chart, drawing.legends([chart]))[0]
        for metric, chart in drawn.items()
    }


def _drawn(path: Path, metric: str) -> Path:
    return path.with_name(f"{path.stem}-{metric.replace('@', '-')}.svg")


def _figure(found: Mapping[str, Any], metric: str) -> Chart:
    rows = [row for row in found["rows"] if row["metric"] == metric]
    of = Column(metric, rows[0]["title"], rows[0]["unit"])
    drawn = [
        {"setting": row["setting"], "verdict": row["verdict"]}
        | {"difference": scaled(row["difference"] or 0.0, of)}  # the control's is none
        | {end: scaled(row[end], of) for end in ("low", "high") if row[end] is not None}
        for row in rows
    ]
    unit = f" ({of.unit})" if of.unit else ""
    return Chart(
        metric,
        of.title,
        "Bars: 95% intervals.",
        "point",
        drawn,
        Field("difference", f"difference from {found['against']}{unit}", format=",.4~r"),
        Field("setting", "", "nominal"),
        Field("verdict", "verdict", "nominal"),
    )


def _each(records: Records, key: str) -> str:
    """The values that runs have, as one run has it or several."""
    said = (f"{one.get(key, 'unknown')}"[:60] for one in records)
    unclean = any(one.get("dirty") for one in records) and key == "commit"
    return ", ".join(dict.fromkeys(said)) + (" with uncommitted changes" if unclean else "")


def _machines(records: Records) -> str:
    """The processors or GPUs, with what torch's kernels use of them: one name has several kinds."""
    said = ((one.get("hardware", "unknown"), one.get("instruction_set")) for one in records)
    words = (f"{name} ({kind})" if kind else f"{name}" for name, kind in said)
    return ", ".join(dict.fromkeys(word[:100] for word in words))


def write(files: Mapping[Path, str]) -> None:
    """New files; InputError if one is there already, which somebody may have written on."""
    for path in files:
        if path.exists():
            raise InputError(f"{path}: is there already; choose another name")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
