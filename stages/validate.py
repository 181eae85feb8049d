"""Checks the whole params.yaml before any other stage may start: ``python -m stages.validate``."""

from __future__ import annotations

from pathlib import Path

from lazyleap.settings import load
from stages import folders
from stages.program import Params, Traceback, run


def main(params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Refuse a params file with a typo, a wrong type or an impossible pair."""
    settings = load(Path(params))
    folder = folders.validated(settings.grid)
    folder.mkdir(parents=True, exist_ok=True)
    # Constant content: what depends on it waits for the check, but is not run anew by an edit.
    (folder / "ok").write_text("the parameters follow the schema\n")


if __name__ == "__main__":
    run(main)
