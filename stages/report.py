"""Tables, charts and one page of a grid's results: ``python -m stages.report``."""

from __future__ import annotations

from pathlib import Path

from lazyleap.files import write_folder
from stages import folders
from stages.program import Params, Traceback, run
from stages.reporting.inputs import collect
from stages.reporting.page import build


def main(params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Report the runs that are finished, and name those that are missing."""
    found = collect(Path(params))
    write_folder(folders.results(found.settings.grid), build(found))


if __name__ == "__main__":
    run(main)
