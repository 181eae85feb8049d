"""The files beside the page: a row a run and metric as CSV, and summary.md for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lazyleap.report import Table
from lazyleap.results import Run
from stages.reporting.inputs import Found, overrides
from stages.reporting.verdict import Verdict
from stages.reporting.wording import plural, shown, unit_title

DEFINITIONS: dict[str, str] = {
    "run": "the run's name in params.yaml: a setting with its seed",
    "grid": "the set of runs, one params.yaml",
    "task": "the task of params.yaml: data, network, budget, test",
    "dataset": "the data set's name",
    "algorithm": "what is meta-learned, or the baseline",
    "estimator": "how the meta-gradient is computed; none for a baseline",
    "horizon": "k, the inner steps of meta-training",
    "options": "what else the run sets, KEY=VALUE; its details on the page have all parameters",
    "seed": "of everything random in training; what is tested on is the same for all seeds",
    "metric": "its name in metrics.json; docs/metrics.md says what it is",
    "unit": "of value, low and high; none where they are fractions of 1, or counts",
    "value": "the score",
    "low": "where the 95% interval of the value begins; over test items, of this one run",
    "high": "where it ends",
    "n": "test items",
    "at_chance": "whether a constant or a random answer would do as well, within the interval",
    "meta_iterations": "updates of the meta-parameters that training made",
    "train_cpu_seconds": "CPU seconds of meta-training, all threads, without validation and logs",
    "peak_memory_mib": "largest memory of training before it validates, MiB (on a GPU: its own)",
    "device": "what training ran on",
    "commit": "the project's git commit that trained it",
}


def metrics_csv(found: Found) -> str:
    """Every metric of every run."""
    return csv_text(
        DEFINITIONS, (_row(found, run, m) for run in found.runs for m in run.metrics["metrics"])
    )


def summary_csv(found: Found) -> str:
    """One row a run: its primary metric."""
    return csv_text(DEFINITIONS, (_row(found, run, run.metrics["primary"]) for run in found.runs))


PAIRS = ("task", "metric", "first", "second", "difference", "low", "high")
JUDGED = ("seeds", "items", "clusters", "p", "adjusted", "verdict")


def pairs_csv(verdicts: Mapping[str, Sequence[Verdict]]) -> str:
    """Every pair of settings that was compared; see docs/metrics.md."""
    return csv_text(
        (*PAIRS, *JUDGED),
        (
            {"task": task, "metric": v.measure.metric}
            | {key: getattr(one, key) for key in (*PAIRS[2:], *JUDGED)}
            for task, each in verdicts.items()
            for v in each
            for one in v.pairs
        ),
    )


def csv_text(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as a CSV file has it; empty where a value is None."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _row(found: Found, run: Run, metric: str) -> dict[str, Any]:
    score = run.score(metric)
    asked = found.settings.runs[run.name]
    more = overrides(found.settings, run.name).items()
    own: dict[str, Any] = {"run": run.name, "grid": found.settings.grid, "task": asked.task}
    own |= {"dataset": run.metrics["dataset"], "algorithm": run.algorithm}
    own |= {"estimator": run.estimator, "horizon": run.horizon, "seed": run.seed}
    own |= {"options": "; ".join(f"{key}={value}" for key, value in more), "metric": metric}
    own["unit"] = run.metrics.get("units", {}).get(metric, "")
    scored = {key: getattr(score, key) for key in ("value", "low", "high", "n")}
    scored["at_chance"] = bool(score and score.chance)
    recorded = ("meta_iterations", "train_cpu_seconds", "peak_memory_mib", "device", "commit")
    return own | scored | {key: run.record.get(key) for key in recorded}


def markdown(table: Table) -> str:
    """A table as Markdown."""
    rows = [
        [shown(row.get(c.key), c.unit).replace("|", "\\|") for c in table.columns]
        for row in table.rows
    ]
    heads = [unit_title(c) for c in table.columns]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


Part = tuple[str, Sequence[str], Sequence[Table], Sequence[str]]
"""A task's heading, sentences, tables, and how sure that is."""


def summary_md(found: Found, parts: Sequence[Part]) -> str:
    """What the page says first of each task, and its table of settings."""
    finished, total = len(found.runs), len(found.settings.runs)
    said = [f"# Grid `{found.settings.grid}`: {finished} of {plural(total, 'run')} finished"]
    for heading, sentences, tables, sure in parts:
        said += [f"## {heading}", *sentences, "\n".join(f"- {one}" for one in sure)]
        for table in (table for table in tables if table.rows):
            said += [f"{table.title}:", markdown(table)]
    if found.missing:
        said += ["## Missing", "\n".join(f"- `{m.name}`: {m.reason}" for m in found.missing)]
    return "\n\n".join(said) + "\n"
