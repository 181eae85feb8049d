"""Checks the whole params.yaml before any other stage: ``python -m stages.validate``.

What each stage reads of it, and which files make its result, goes to a file of the stage, which it
depends on. Classifiers that params.yaml names no more are removed: what depends on a folder of them
would not notice.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lazyleap.files import replacing
from lazyleap.settings import Settings, load
from stages import folders
from stages.contents import write_json
from stages.program import Params, Traceback, run
from stages.resolve import Resolver


def main(params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Refuse a params file with a typo, a wrong type or an impossible pair."""
    settings = load(Path(params))
    contents = list(Resolver(params, settings).all())
    tidy(settings)
    with replacing(folders.validated(settings.grid)) as folder:
        for content in contents:
            path = folder / content["stage"] / f"{content['key']}.json"
            path.parent.mkdir(exist_ok=True)
            write_json(path, content)


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
