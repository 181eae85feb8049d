"""What a reader must know before believing a difference; only what the files show."""

from __future__ import annotations

from collections.abc import Sequence

from lazyleap.results import Group, Run, unique
from stages.reporting.wording import listed

NOISY = 0.15  # wall over CPU time of one thread from which on a machine counts as shared


def caveats(groups: Sequence[Group]) -> list[str]:
    """A sentence each."""
    runs = [run for group in groups for run in group.runs]
    said = [_timing(groups), *_machines(runs)]
    for words, key in (
        ("Trained from a working tree with uncommitted changes", "dirty"),
        ("Interrupted and resumed", "resumed"),
    ):
        if named := [run.name for run in runs if run.record.get(key)]:
            said.append(f"{words}: {listed(named)}.")
    commits = {run.record.get("commit") for run in runs}
    if len(commits) > 1:
        said.append(f"Runs are of {len(commits)} commits: see each setting.")
    digests = {run.metrics["test_digest"] for run in runs}
    if len(digests) > 1:
        said.append("Not all runs met the same test data: those are not compared with each other.")
    return said + unique(words for run in runs for words in run.metrics.get("warnings", []))


def _timing(groups: Sequence[Group]) -> str:
    """How far CPU times of equal work lie apart."""
    spreads = []
    for group in groups:
        seconds = [float(run.record["train_cpu_seconds"]) for run in group.runs]
        if len(seconds) > 1 and max(seconds) > 0:
            spreads.append((max(seconds) - min(seconds)) / max(seconds))
    if not spreads:
        return "CPU time was measured once a setting."
    return f"CPU times of the seeds of one setting differ by up to {100 * max(spreads):.0f} %."


def _machines(runs: Sequence[Run]) -> list[str]:
    said = []
    if len(kinds := sorted({run.machine for run in runs})) > 1:
        said.append(
            "The runs were on different machines, so their CPU times do not compare: "
            f"{'; '.join(kinds)}."
        )
    if any(run.record["device"] != "cpu" for run in runs):
        said.append("CPU seconds leave out what an accelerator did.")
    waits = [_waited(run) for run in runs]
    if max(waits) > NOISY:
        said.append(
            f"Wall time is up to {100 * max(waits):.0f} % longer than CPU time: the machine was "
            "shared, and times are the noisier for it."
        )
    return said


def _waited(run: Run) -> float:
    """By what share a single thread's wall time exceeds its CPU time."""
    cpu, wall = run.record["train_cpu_seconds"], run.record.get("train_wall_seconds", 0)
    return wall / cpu - 1 if run.record.get("threads") == 1 and cpu else 0.0
