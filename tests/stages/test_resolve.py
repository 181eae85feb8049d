"""What each stage is given: the files it is made by, and what it reads of params.yaml."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import resolve
from tests.conftest import ROOT

Content = dict[str, Any]
Contents = dict[tuple[str, str], Content]
RUNS = ("train", "evaluate", "export")


def given(params: str = "params.yaml") -> Contents:
    found = resolve.Resolver(params, resolve.load(Path(params))).all()
    return {(one["stage"], one["key"]): one for one in found}


@cache
def top() -> tuple[dict[str, Any], Contents]:
    """The default grid's parameters, and what its stages are given."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        return yaml.safe_load(Path("params.yaml").read_text()), given()
    finally:
        os.chdir(before)


def by(file: str) -> dict[str, set[str]]:
    """Stages that a file makes, with their keys."""
    found: dict[str, set[str]] = {}
    for (stage, key), content in top()[1].items():
        if file in content["files"]:
            found.setdefault(stage, set()).add(key)
    return found


def runs(fits: Callable[[dict[str, Any]], bool]) -> set[str]:
    return {name for name, run in top()[0]["runs"].items() if fits(run)}


GLYPHS = runs(lambda run: run["task"] == "glyphs")
ATTACK = runs(lambda run: run["task"] == "glyphs-attack")
ALL = runs(lambda _: True)
EXACT = runs(lambda run: run["estimator"] == "exact")
WALKED = runs(lambda run: run["estimator"] != "none")
PLACED = runs(lambda run: run["estimator"] not in ("none", "reptile"))
TASKS = {"glyphs", "glyphs-lt", "glyphs-attack"}


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("lazyleap/estimators/placement.py", {"train": PLACED}),
        ("lazyleap/estimators/exact.py", {"train": EXACT}),
        ("lazyleap/algorithms/anil.py", dict.fromkeys(
            RUNS, runs(lambda run: run["algorithm"] == "anil")
        )),
        ("lazyleap/attack/campaign.py", {"evaluate": ATTACK}),
        ("lazyleap/fewshot/train.py", {"train": GLYPHS}),
        ("lazyleap/fewshot/evaluate.py", {"evaluate": GLYPHS}),
        ("lazyleap/fewshot/measures.py", {"train": GLYPHS, "evaluate": GLYPHS}),
        ("lazyleap/datasets/glyphs.py", {"prepare": TASKS}),
        ("lazyleap/datasets/characters.py", {"prepare": TASKS - {"glyphs"}}),
        ("lazyleap/training/outer.py", {"train": ALL}),
        ("stages/board.py", {"train": ALL, "evaluate": ALL}),
        ("stages/reporting/page.html.j2", {"report": {"quick"}}),
        ("lazyleap/registry.py", {"report": {"quick"}}),  # of what names stand for: in the content
        ("stages/resolve.py", {}),
        ("pipeline/flows.py", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_source_file_makes_just_the_stages_that_use_it(
    file: str, stages: dict[str, set[str]]
) -> None:
    assert (ROOT / file).is_file()
    assert by(file) == stages


ROUNDING = {"name": "auto", "tf32": True, "deterministic": False}
TRAINED, TESTED = {"train"}, {"evaluate", "export"}


@pytest.mark.parametrize(
    ("keys", "value", "stages"),
    [
        (("threads",), 2, {"surrogate", "target", *RUNS}),
        (("device",), "cpu", {"surrogate", "target", "train", "evaluate"}),
        (("device",), ROUNDING, {"surrogate", "target", "train", "evaluate"}),
        (("tasks", "glyphs", "dataset", "size"), 32, {"prepare"}),
        (("tasks", "glyphs", "draw", "test_episodes"), 7, {"prepare"}),
        (("tasks", "glyphs", "model", "width"), 8, set(RUNS)),
        (("tasks", "glyphs", "training", "query"), 4, {"train"}),
        (("tasks", "glyphs", "training", "shot"), 2, {"train", "export"}),
        (("tasks", "glyphs", "test", "curve_steps"), 9, {"evaluate"}),
        (("tasks", "glyphs-lt", "draw", "imbalance"), 50, {"prepare", "evaluate"}),
        (("tasks", "glyphs-lt", "draw", "seed"), 1, {"prepare"}),
        (("tasks", "glyphs-lt", "training", "lr"), 0.1, {"train"}),
        (("tasks", "glyphs-lt", "test", "bins"), 5, {"evaluate"}),
        (("tasks", "glyphs-lt", "test", "many"), 90, {"evaluate", "export"}),
        (("tasks", "glyphs-attack", "draw", "images"), 50, {"prepare"}),
        (("tasks", "glyphs-attack", "draw", "seed"), 1, {"prepare", "train"}),
        (("tasks", "glyphs-attack", "training", "support"), 8, {"train"}),
        (("tasks", "glyphs-attack", "test", "epsilon"), 2.0, {"evaluate", "export"}),
        (("surrogates", "glyphs-mlp", "lr"), 0.01, {"surrogate"}),
        (("targets", "glyphs-resnet8", "epochs"), 3, {"target"}),
        (("algorithms", "maml", "inner_lr"), 0.2, set(RUNS)),
        (("algorithms", "meta_attack", "inner_lr"), 0.2, set(RUNS)),
        (("algorithms", "meta_attack", "search", "step"), 0.5, TESTED),
        (("algorithms", "zoo", "step"), 0.5, TESTED),
        (("estimators", "lazy", "leaps"), 2, set(RUNS)),  # a run's own leaps stand before it
        (("runs", "maml-lazy-k5", "horizon"), 6, set(RUNS)),
        (("runs", "maml-lazy-k5", "seed"), 6, set(RUNS)),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_a_key_changes_just_the_stages_that_read_it(
    keys: tuple[str, ...],
    value: Any,
    stages: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    params, before = top()
    monkeypatch.setattr(resolve.Sources, "closure", lambda *_: set())  # of parameters alone
    changed = json.loads(json.dumps(params))
    block = changed
    for key in keys[:-1]:
        block = block[key]
    assert block[keys[-1]] != value
    block[keys[-1]] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(changed | {"root": str(ROOT)}, sort_keys=False))
    after = given(str(path))
    differ = {k for k in before if before[k]["parameters"] != after[k]["parameters"]}
    assert {stage for stage, _ in differ} == stages
    said = {"tasks": "task", "algorithms": "algorithm", "estimators": "estimator"}
    for stage, key in differ:
        if keys[0] in said and stage in RUNS:
            assert params["runs"][key][said[keys[0]]] == keys[1]
        elif len(keys) > 1:
            assert key == keys[1]


def test_a_run_with_a_budget_of_its_own_is_not_given_its_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    params, before = top()
    changed = json.loads(json.dumps(params)) | {"root": str(ROOT)}
    changed["tasks"]["glyphs-attack"]["training"]["meta_iterations"] += 1
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(changed, sort_keys=False))
    after = given(str(path))
    differ = {k for k in before if before[k]["parameters"] != after[k]["parameters"]}
    trained = (ATTACK & WALKED) - runs(lambda run: "meta_iterations" in run)
    assert {key for stage, key in differ if stage == "train"} == trained
