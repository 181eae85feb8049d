"""The default long tail made small: four characters, a second a setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stages import evaluate, export, prepare, train
from tests.conftest import edit

TASK, CLASSES = "glyphs-lt", "ceoa"
RUNS = ("lt-cross-entropy", "lt-reweight-lazy-k5", "lt-weight-net-lazy-k5")


def shrink(params: dict[str, Any]) -> None:
    """In place; horizons of 5 become 3, and LDAM joins the settings."""
    task = params["tasks"][TASK]
    task["dataset"].update(size=16, characters=CLASSES, images_per_class={"train": 34, "test": 12})
    task["draw"].update(imbalance=10, meta_per_class=4)
    task["model"]["width"] = 4
    task["training"].update(batch=8, meta_batch=12, meta_iterations=12, validate_every=6)
    task["training"].update(log_every=4)
    task["test"].update(many=15, few=5)


def only_longtail(params: dict[str, Any]) -> None:
    """The long tail alone."""
    params |= {"device": "cpu", "surrogates": {}, "targets": {}}
    params["tasks"] = {TASK: params["tasks"][TASK]}
    runs = {name: params["runs"][name] for name in RUNS}
    for run in runs.values():
        run["horizon"] = min(run["horizon"], 3)
    params["runs"] = runs | {"ldam": runs["lt-cross-entropy"] | {"algorithm": "ldam_drw"}}
    shrink(params)


def finish(folder: Path, *runs: str) -> None:
    """All stages of some runs but the report; the current folder must be ``folder``."""
    prepare.main(TASK)
    for run in runs:
        train.main(run)
        evaluate.main(run)
        export.main(run)
    assert (folder / "artifacts").is_dir()


def make(folder: Path) -> None:
    """Let the project in ``folder`` be a long tail alone."""
    edit(folder / "params.yaml", only_longtail)
