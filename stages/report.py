"""Tables, charts and one page of a grid's results: ``python -m stages.report``."""

from __future__ import annotations

from pathlib import Path

from lazyleap.files import write_folder
from stages import contents, folders, stored
from stages.program import Params, Traceback, run
from stages.reporting.inputs import collect
from stages.reporting.page import build


def main(params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Report the runs that are finished, and name those that are missing."""
    path = Path(params)
    if path.suffix == ".json":  # what validate wrote of it, as DVC gives it
        path = Path(contents.read(path, "report", path.stem)["from"])
    found = collect(path)
    grid = found.settings.grid
    write_folder(folders.results(grid), build(found))
    stored.settle(path.parent / "dvc.lock", grid, [run.name for run in found.runs])


if __name__ == "__main__":
    run(main)
