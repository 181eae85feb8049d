"""Predictors judged on a surrogate that they were not trained on, no test image touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch.nn.functional import cosine_similarity

from benchmarks import left_out
from lazyleap.attack.pairs import Pairs
from lazyleap.errors import InputError
from lazyleap.settings import load, resolve
from stages import provenance
from tests.attack.stages.project import META, SURROGATES, TASK, ZOO


@pytest.fixture
def folder(ready, tmp_path, monkeypatch):
    """The prepared project without its test side, in the current folder."""
    copied = shutil.copytree(ready, tmp_path / "workspace")
    shutil.rmtree(copied / "data/prepare/quick" / TASK / "test")
    monkeypatch.chdir(copied)
    return copied


def test_each_surrogate_is_left_out_once(folder, monkeypatch, capsys):
    taught, right = [], left_out.learner
    searched, attack_on = [], left_out.attack_on
    monkeypatch.setattr(
        left_out, "learner", lambda s, *rest: taught.append(s.surrogates) or right(s, *rest)
    )
    monkeypatch.setattr(
        left_out, "attack_on", lambda n, s, *rest: searched.append(s) or attack_on(n, s, *rest)
    )
    monkeypatch.setattr(provenance, "commit", lambda: "another" if taught else "its own")
    options = {"params": "params.yaml", "cpu_seconds": 0.05, "images": 5, "out": "out.csv"}
    left_out.main(
        f"{META},{ZOO}", search=['{"coordinates": 3}'], alone=['{"coordinates": 16}'], **options
    )
    table = pd.read_csv("out.csv")
    meta, zoo = (table[table["run"] == run] for run in (META, ZOO))
    assert list(meta["left_out"]) == [name for name in SURROGATES for _ in range(2)]
    assert list(meta["search"]) == ["{}", '{"coordinates": 3}'] * 2
    assert list(zoo["left_out"]) == list(meta["left_out"])
    assert list(zoo["search"]) == ["{}", '{"coordinates": 16}'] * 2
    assert [one.coordinates for one in searched] == [5, 3, 5, 3, 5, 16, 5, 16]
    assert set(taught) == {(SURROGATES[1],), (SURROGATES[0],)}
    assert (meta["iterations"] >= left_out.LEAST).all()
    assert meta[["at_theta", "adapted", "mean_of_others"]].abs().max().max() <= 1
    assert table["queries"].between(1, 1000).all()
    facts = json.loads((folder / "out.json").read_text())
    assert (facts["images"], facts["commit"]) == (5, "its own")


def test_the_bound_is_the_cosine_with_the_mean_direction_of_the_others():
    chance = torch.Generator().manual_seed(0)
    parts = [torch.randn(6, 1, 4, 4, generator=chance, dtype=torch.float64) for _ in range(3)]
    scaled = [Pairs(part, part * (10.0**i)) for i, part in enumerate(parts)]
    mean = left_out._mean(scaled[1:])
    directions = [part.flatten(1) / part.flatten(1).norm(dim=1, keepdim=True) for part in parts[1:]]
    assert torch.allclose(cosine_similarity(mean, sum(directions)), torch.ones(6).double())


def test_changes_are_of_training_and_model(folder):
    setting = resolve(load(folder / "params.yaml"), META)
    changed = left_out.changed(setting, {"width": 3, "support": 2})
    assert (changed.task.model.width, changed.task.training.support) == (3, 2)
    assert changed.task.training.query == setting.task.training.query
    with pytest.raises(InputError, match="depth is no option"):
        left_out.changed(setting, {"width": 3, "depth": 2})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"change": '{"width": "wide"}'}, "change.width: input should be a valid integer"),
        ({"change": "[1]"}, r"change \[1\]: is no JSON object"),
        ({"search": ["{"]}, "search {: is no JSON"),
        ({"search": ['{"finetune_rate": 1}']}, "search.finetune_rate: unknown key"),
        ({"alone": ['{"share": 0.1}']}, "alone.share: unknown key"),
        ({"left": ["mlp"]}, "left mlp: no such surrogate; .*glyphs-mlp"),
    ],
)
def test_options_are_checked_as_in_params(folder, given, sentence):
    with pytest.raises(InputError, match=sentence):
        left_out.main(
            f"{ZOO},{META}", **{"params": "params.yaml", "cpu_seconds": 0.05, "images": 2} | given
        )
    assert not Path("left-out.csv").exists()


def test_cosines_alone_of_a_surrogate_that_is_named(folder):
    options = {"params": "params.yaml", "cpu_seconds": 0.05, "out": "out.csv"}
    left_out.main(f"{META},{ZOO}", left=[SURROGATES[1]], attacked=False, **options)
    table = pd.read_csv("out.csv")
    assert list(table["left_out"]) == [SURROGATES[1]]
    assert "queries" not in table
    assert table["adapted"].notna().all()
