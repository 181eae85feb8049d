"""Checks the whole params.yaml before any other stage may start: ``python -m stages.validate``.

Classifiers that it names no more are removed: what depends on a folder of them would not notice.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lazyleap.settings import Settings, load
from stages import folders
from stages.program import Params, Traceback, run


def main(params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Refuse a params file with a typo, a wrong type or an impossible pair."""
    settings = load(Path(params))
    tidy(settings)
    folder = folders.validated(settings.grid)
    folder.mkdir(parents=True, exist_ok=True)
    # Constant content: what depends on it waits for the check, but is not run again after an edit.
    (folder / "ok").write_text("the parameters follow the schema\n")


def tidy(settings: Settings) -> None:
    """Remove surrogates and targets that no setting may see any more; DVC's cache has them."""
    asked = {
        *(
            folders.surrogate(settings.grid, c.task, name)
            for name, c in settings.surrogates.items()
        ),
        *(folders.target(settings.grid, c.task, name) for name, c in settings.targets.items()),
    }
    for pattern in ("*/train/surrogates/*", "*/test/targets/*"):
        for folder in (Path("data/prepare") / settings.grid).glob(pattern):
            if folder not in asked and folder.is_dir():
                shutil.rmtree(folder)


if __name__ == "__main__":
    run(main)
