"""The tables of docs/results/neural-fields.md, from the runs that are finished.

    python -m benchmarks.fields_study --out docs/results

``benchmarks.fields_grid`` writes the settings; the page says how the runs come about. What stands
on it between the two marks is replaced, the text around is left; the numbers lie beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from benchmarks.fields_grid import CONFIRMATION, RATES, TUNING
from lazyleap.comparison import Candidate, Comparison, Outcome, Run, compare
from lazyleap.errors import InputError
from lazyleap.items import FILE, Items
from lazyleap.settings import load
from lazyleap.statistics import LEVEL, holm, interval
from stages import folders
from stages.program import run as program

METRICS = ("psnr@10", "psnr@100")
BEGIN, END = "<!-- tables: python -m benchmarks.fields_study -->", "<!-- end of the tables -->"
RIVAL = "exact-k3"
Out = Annotated[str, typer.Option(help="folder of the page and of its numbers")]


@dataclass(frozen=True)
class Finished:
    """A run that is trained and evaluated."""

    name: str
    seed: int
    metrics: dict[str, Any]
    record: dict[str, Any]
    items: Items

    @property
    def setting(self) -> str:
        """Its name without the seed."""
        return re.sub(r"-s\d+$", "", self.name)


def finished(grid: str) -> list[Finished]:
    """The runs of a grid that are done, in the file's order; none where there is no such grid."""
    path = Path("grids") / grid / "params.yaml"
    if not path.exists():
        return []
    found = []
    for name in load(path).runs:
        folder = folders.evaluated(grid, name)
        if (folder / "metrics.json").exists():
            metrics = json.loads((folder / "metrics.json").read_text())
            record = json.loads((folders.record(grid, name) / "record.json").read_text())
            items = Items.load(folder / FILE)
            found.append(Finished(name, metrics["seed"], metrics, record, items))
    return found


def tuned(runs: Sequence[Finished]) -> pd.DataFrame:
    """A row a run: validation PSNR, and what its training cost."""
    rows = [
        {"setting": run.name.rpartition("-")[0], "rate": RATES[run.name.rpartition("-")[2]]}
        | {metric: run.metrics["validation"][metric]["value"] for metric in METRICS}
        | {"ci95": run.metrics["validation"][METRICS[0]]["ci95"]}
        | {key: run.record[key] for key in ("meta_iterations", "train_cpu_seconds", "commit")}
        for run in runs
    ]
    return pd.DataFrame(rows)


def tuning_table(table: pd.DataFrame) -> str:
    """Settings by rates, best first; of each its best rate in bold."""
    rates = sorted(RATES.values())
    best = table.loc[table.groupby("setting")[METRICS[0]].idxmax()].set_index("setting")
    lines = [
        f"| setting | iterations | {' | '.join(f'rate {rate:g}' for rate in rates)} |",
        f"|---|---|{'---|' * len(rates)}",
    ]
    for setting, chosen in best.sort_values(METRICS[0], ascending=False).iterrows():
        own = table[table["setting"] == setting].set_index("rate")
        cells = [_cell(own, rate, bold=rate == chosen["rate"]) for rate in rates]
        lines.append(f"| {setting} | {chosen['meta_iterations']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(own: pd.DataFrame, rate: float, *, bold: bool) -> str:
    if rate not in own.index:
        return "not run"
    words = " / ".join(f"{own.loc[rate, metric]:.2f}" for metric in METRICS)
    return f"**{words}**" if bold else words


def candidates(runs: Sequence[Finished]) -> list[Candidate]:
    """Settings with their seeds, for paired comparison."""
    names = dict.fromkeys(run.setting for run in runs)
    return [
        Candidate(
            name,
            tuple(
                Run(run.seed, run.items, run.record["train_cpu_seconds"])
                for run in runs
                if run.setting == name
            ),
        )
        for name in names
    ]


def compared(runs: Sequence[Finished]) -> list[tuple[str, Comparison]]:
    """Each setting against the rival, under both metrics; Holm's correction over all of these."""
    every = candidates(runs)
    rival = next((one.name for one in every if one.name.startswith(RIVAL)), None)
    if rival is None or len(every) < 2:
        return []
    found = [
        (metric, pair)
        for metric in METRICS
        for pair in compare(every, metric, higher=True, against=rival)
    ]
    adjusted = holm([pair.p for _, pair in found])
    return [(metric, _judged(pair, p)) for (metric, pair), p in zip(found, adjusted, strict=True)]


def _judged(pair: Comparison, p: float) -> Comparison:
    ahead: Outcome = "better" if pair.difference > 0 else "worse"
    return replace(pair, adjusted=p, verdict=ahead if p <= 1 - LEVEL else "undecided")


def confirmed_table(runs: Sequence[Finished]) -> str:
    """Settings by metrics, means over seeds with their t-interval, best first."""
    lines = [
        "| setting | seeds | PSNR after 10 steps | after 100 | CPU s |",
        "|---|---|---|---|---|",
    ]
    rows = [(one, *(_over_seeds(one, metric) for metric in METRICS)) for one in candidates(runs)]
    for one, *scores in sorted(rows, key=lambda row: -row[1]["value"]):
        words = (f"{s['value']:.2f} ({s['low']:.2f} .. {s['high']:.2f})" for s in scores)
        lines.append(
            f"| {one.name} | {len(one.runs)} | {' | '.join(words)} | {one.cpu_seconds:.0f} |"
        )
    return "\n".join(lines)


def _over_seeds(one: Candidate, metric: str) -> dict[str, float]:
    return interval(np.array([run.items.values[metric].mean() for run in one.runs]))


def pairs_table(pairs: Sequence[tuple[str, Comparison]]) -> str:
    """What the differences to the rival are."""
    lines = [
        "| setting | metric | minus " + RIVAL + " (dB) | seeds | p, adjusted | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for metric, pair in pairs:
        gap = f"{pair.difference:+.2f} ({pair.low:+.2f} .. {pair.high:+.2f})"
        end = f"{pair.seeds} | {pair.adjusted:.2g} | {pair.verdict}"
        lines.append(f"| {pair.first} | {metric} | {gap} | {end} |")
    return "\n".join(lines)


def sections(folder: Path) -> list[str]:
    """Tables in Markdown; the numbers are written into the folder."""
    made: list[str] = []
    if runs := finished(TUNING):
        table = tuned(runs)
        _csv(table, folder / "tuning.csv")
        made += ["### Chosen: validation images, one seed", tuning_table(table)]
    for path in sorted(Path("grids").glob(f"{CONFIRMATION}*")):
        if path.name == TUNING or not (runs := finished(path.name)):
            continue
        pairs = compared(runs)
        _csv(pd.DataFrame([{"metric": m} | vars(p) for m, p in pairs]), folder / f"{path.name}.csv")
        made += [f"### Judged: fresh seeds (`{path.name}`)", confirmed_table(runs)]
        made += [pairs_table(pairs)] * bool(pairs)
    return made


def _csv(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format="%.4f", lineterminator="\n")


def main(out: Out = "docs/results") -> None:
    """Write the numbers, and the tables into the page."""
    made = sections(Path(out) / "neural-fields")
    if not made:
        raise InputError(f"no run of the grid {TUNING} is finished")
    fill(Path(out) / "neural-fields.md", "\n\n".join(made))
    print("\n\n".join(made))


def fill(page: Path, tables: str) -> None:
    """Replace what stands between the marks of a page.

    Raises:
        InputError: if there is no such page, or it has no marks.
    """
    text = page.read_text() if page.exists() else ""
    head, mark, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (mark and end):
        raise InputError(f"{page}: has no place for the tables, from '{BEGIN}' to '{END}'")
    page.write_text(f"{head}{mark}\n\n{tables}\n\n{end}{tail}")


if __name__ == "__main__":
    program(main)
