"""The default attack made small: four characters, seconds a setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import edit

TASK, CHARACTERS = "glyphs-attack", "ceoa"
META, ZOO, SQUARE = "attack-lazy-k5", "attack-zoo", "attack-square"
SURROGATES, TARGETS = ("glyphs-mlp", "glyphs-lenet"), ("glyphs-allconv",)


def shrink(params: dict[str, Any]) -> None:
    """In place: the attack alone, with two surrogates and a target."""
    params["device"] = "cpu"
    task = params["tasks"][TASK]
    params["tasks"] = {TASK: task}
    params["runs"] = {name: params["runs"][name] for name in (META, ZOO, SQUARE)}
    params["runs"][META]["horizon"] = 2
    for block, names in (("surrogates", SURROGATES), ("targets", TARGETS)):
        params[block] = {name: {**params[block][name], "batch": 8} for name in names}
    task["dataset"].update(
        size=16, characters=CHARACTERS, images_per_class={"train": 40, "test": 8}
    )
    task["draw"].update(images=12, held_out=40)
    task["model"]["width"] = 4
    task["training"].update(images=60, support=6, query=6, meta_iterations=4, validation_tasks=1)
    task["training"].update(validate_every=2, log_every=2)
    task["test"].update(budget=80, images=6, curve_points=8, resamples=50, triplets=2)
    params["algorithms"]["meta_attack"]["search"].update(coordinates=5, finetune_lr=0.001)
    params["algorithms"]["zoo"]["coordinates"] = 5


def make(folder: Path) -> None:
    """Let the project in ``folder`` be a small attack alone."""
    edit(folder / "params.yaml", shrink)
