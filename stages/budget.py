"""Gives settings the same CPU budget: ``python -m stages.budget --params FILE --cpu-seconds 150``.

Times some meta-iterations of each setting and writes into params.yaml how many the budget buys;
validation and logging are not part of it, as in ``train_cpu_seconds`` of a record. Needs the
prepared data. What a run then does depends on params.yaml alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from lazyleap import registry
from lazyleap.budget import Timing, affordable, alike, in_turns, trained
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError, nearest
from lazyleap.places import at, made
from lazyleap.setting import Setting
from lazyleap.settings import Settings, load, resolve
from lazyleap.training.loop import Plan
from lazyleap.yamledit import put_all
from stages import folders, machine
from stages.program import Params, Traceback, run

CpuSeconds = Annotated[float, typer.Option(min=1e-3, help="of each training")]
Only = Annotated[str, typer.Option(help="runs whose names match, such as '*-long-*'")]
Rounds = Annotated[int, typer.Option(min=1, help="through all settings, in turns")]
Seconds = Annotated[float, typer.Option(min=0, help="of a round, a setting, at least")]


class Share(NamedTuple):
    """What a budget buys: of runs that cost the same, each ``meta_iterations``."""

    runs: list[str]
    meta_iterations: int
    cpu_ms: float  # of one


def main(
    cpu_seconds: CpuSeconds,
    params: Params = "params.yaml",
    only: Only = "*",
    rounds: Rounds = 5,
    seconds: Seconds = 1.0,
    traceback: Traceback = False,
) -> None:
    """Write meta_iterations of every run, equal for runs that cost the same."""
    for one in share_out(Path(params), cpu_seconds, only, rounds, seconds):
        milliseconds = f"{one.cpu_ms:.1f} CPU ms an iteration"
        names = ", ".join(one.runs)
        print(f"{one.meta_iterations} meta-iterations ({milliseconds}): {names}", file=sys.stderr)


def share_out(
    params: Path, cpu_seconds: float, only: str = "*", rounds: int = 5, seconds: float = 1.0
) -> list[Share]:
    """Time the settings, write what the budget buys, and say it.

    Args:
        params: the file, which is changed.
        cpu_seconds: of each training.
        only: patterns of run names, commas between them.
        rounds: through all settings, in turns; what slows a whole round down is left out.
        seconds: of a round, a setting, at least.

    Raises:
        InputError: if the data is not prepared, no run is meant, or the budget buys nothing; the
            file is then as it was.
    """
    settings = load(params)
    machine.use(settings.threads)
    groups = alike(chosen(settings, only))
    timings = [timing(group[0]) for group in groups]
    taken = in_turns(timings, rounds, seconds)
    found = [
        Share([one.name for one in group], affordable(cpu_seconds, cost), 1000 * cost)
        for group, cost in zip(groups, taken, strict=True)
    ]
    write(params, found)
    return found


def chosen(settings: Settings, only: str) -> list[Setting]:
    """The settings that are trained, of names that match.

    Raises:
        InputError: if there is none.
    """
    names = settings.matching(only)
    if not names:
        raise InputError(f"only '{only}': no run has such a name; {nearest(only, settings.runs)}")
    found = [setting for name in names if trained(setting := resolve(settings, name))]
    if not found:
        raise InputError(f"only '{only}': none of these runs is trained")
    return found


def timing(setting: Setting) -> Timing:
    """The learner as it starts, not yet timed; InputError if its data is not prepared."""
    device = machine.device(setting.device)
    data = load_data(folders.images(setting.grid, setting.task_name, "train"))
    server = made(at(registry.server(setting.task.kind, "train")))
    options = setting.task.training
    plan = Plan(setting.meta_iterations, options.log_every, options.validate_every)
    bounds = [until for until, _ in setting.growth]
    return Timing(server.learner(setting, data, device), plan, bounds=bounds)


def write(path: Path, shares: list[Share]) -> None:
    """Put the counts into the runs, all at once."""
    counts: dict[tuple[str, ...], int] = {
        ("runs", name, "meta_iterations"): one.meta_iterations
        for one in shares
        for name in one.runs
    }
    path.write_text(put_all(path.read_text(), counts, path))


if __name__ == "__main__":
    run(main)
