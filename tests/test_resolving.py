"""What a run comes to: its blocks with what it overrides, and which goes with which."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lazyleap import Exact, Lazy
from lazyleap.errors import InputError
from lazyleap.registry import ESTIMATORS
from lazyleap.settings import Settings, load, resolve
from lazyleap.views import view
from tests.cases import REFUSED
from tests.conftest import ROOT

RUN = "maml-lazy-k10"


def broken(change) -> dict:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    change(params)
    return params


def loaded(path: Path, change) -> Settings:
    path.write_text(yaml.safe_dump(broken(change)))
    return load(path)


def test_a_run_overrides_its_blocks_and_leaves_them_as_they_are(tmp_path: Path) -> None:
    def change(params):
        params["runs"][RUN].update(leaps=3, inner_lr=0.5, outer={"lr": 0.25}, meta_iterations=7)

    settings = loaded(tmp_path / "params.yaml", change)
    one, other = resolve(settings, RUN), resolve(settings, "maml-lazy-k5")
    assert one.make_estimator() == Lazy(3, "start", 1.0)
    assert (one.option("inner_lr"), other.option("inner_lr")) == (0.5, 0.1)
    outer = {"optimizer": "adam", "lr": 0.25, "schedule": "cosine", "clip_norm": 10.0}
    assert view(one, "train")["algorithm_options"]["outer"] == outer
    assert (one.meta_iterations, other.meta_iterations) == (7, 200)
    assert other.make_estimator() == Lazy(1, "start", 1.0)
    assert resolve(settings, "maml-exact-k1").make_estimator() == Exact()
    assert one.option("weighted_step") is None


def test_a_list_of_steps_says_how_many_they_are(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path / "params.yaml", lambda p: p["runs"][RUN].update(placement=[1, 2, 8])
    )
    assert resolve(settings, RUN).make_estimator() == Lazy(3, [1, 2, 8], 1.0)
    with pytest.raises(InputError, match=r"placement \[1, 2, 8\]: wants 2 \(leaps\)"):
        loaded(
            tmp_path / "params.yaml", lambda p: p["runs"][RUN].update(placement=[1, 2, 8], leaps=2)
        )


def test_a_setting_is_described_whole_and_differs_where_training_would() -> None:
    settings = load(ROOT / "params.yaml")
    plain = {name: view(resolve(settings, name), "train") for name in settings.runs}
    again = json.loads(json.dumps(plain))
    assert again == plain
    known = plain["lt-reweight-lazy-k5"]
    assert known["algorithm_class"] == "lazyleap.algorithms.reweight:Reweight"
    options = {"leaps": 1, "placement": "end", "lam": 1.0, "rest": "identity", "listen": "end"}
    assert known["estimator_options"] == options
    assert known["task"].keys() == {"kind", "model", "training"}  # images and tests are not its own


KINDS = {"glyphs": ("maml", "meta_sgd", "anil"), "glyphs-attack": ("meta_attack",)}
KINDS["glyphs-lt"] = ("reweight", "weight_net")
PLAIN = {"glyphs-lt": ("cross_entropy", "class_balanced", "ldam_drw")}
PLAIN["glyphs-attack"] = ("zoo", "square", "random_direction")


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("task", "algorithm", "meta"),
    [(t, a, m) for table, m in ((KINDS, True), (PLAIN, False)) for t in table for a in table[t]],
)
def test_which_goes_with_which(estimator, task, algorithm, meta, tmp_path):
    run = {"task": task, "algorithm": algorithm, "estimator": estimator, "horizon": 1, "seed": 0}

    def change(params):
        params["runs"] = {"run": run | ({"placement": "end"} if estimator == "lazy" else {})}

    right = (estimator != "none") == meta and (algorithm, estimator) not in REFUSED
    if right:
        assert loaded(tmp_path / "params.yaml", change)
        return
    names = f"estimator '{estimator}' does not go with algorithm '{algorithm}': it"
    with pytest.raises(InputError, match=names):
        loaded(tmp_path / "params.yaml", change)


def test_what_is_not_trained_has_no_meta_iterations():
    settings = load(ROOT / "params.yaml")
    assert resolve(settings, "attack-square").meta_iterations == 0
    assert resolve(settings, "maml-lazy-k5").meta_iterations > 0
