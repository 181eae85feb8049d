"""A user's code, outside the project and with no line of it changed: params.yaml names it."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from safetensors.torch import load_file

from lazyleap import Batch, Implicit, adapt
from lazyleap.errors import InputError
from lazyleap.settings import load, resolve
from stages import evaluate, export, prepare, report, train
from tests.cases import Case
from tests.conftest import ROOT, edit
from tests.reference import assert_same

OUTSIDE = Path(__file__).parent / "outside"
NAMES = ("boil", "neumann", "shapes", "nets", "sinusoids")
OUTER = {"optimizer": "adam", "lr": 0.01, "schedule": "constant", "clip_norm": None}
WAVES = {
    "kind": "sinusoids.kind:Sinusoid",
    "dataset": {"reader": "none", "source": "../elsewhere/sinusoids"},
    "draw": {"tasks": 20, "seed": 0},
    "model": {"width": 20},
    "training": {
        **{"points": 10, "meta_batch": 4, "meta_iterations": 60},
        **{"validate_every": 30, "log_every": 20},
    },
    "test": {"curve_steps": 3},
}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder of a user's code; forgotten afterwards."""
    shutil.copytree(OUTSIDE, tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path / "elsewhere"
    for name in [m for m in sys.modules if m.split(".")[0] in NAMES]:
        del sys.modules[name]


@pytest.fixture
def extended(elsewhere, project):
    """The small project with a setting of each extension."""
    assert elsewhere.parent == project.parent
    edit(project / "params.yaml", extend)
    return project


def extend(params):
    params["extensions"] = "../elsewhere"
    params["tasks"]["waves"] = deepcopy(WAVES)
    bars = params["tasks"]["bars"] = deepcopy(params["tasks"]["glyphs"])
    bars["dataset"] = {"reader": "shapes:Shapes", "source": "../elsewhere/shapes.py"}
    bars["dataset"] |= {"size": 16, "images_per_class": 8}
    bars["model"] = {"backbone": "nets:Tiny", "maps": 4}
    rates = {"inner_lr": 0.1, "momentum": 0.0, "outer": OUTER}
    params["algorithms"]["boil"] = {"class": "boil:BOIL", **rates}
    params["algorithms"]["slow"] = {"class": "maml", **rates, "inner_lr": 0.01}
    params["estimators"]["neumann"] = {"class": "neumann:Neumann", "terms": 5}
    lazy = {"estimator": "lazy", "placement": "start"}
    params["runs"] = {
        "boil": {"task": "bars", "algorithm": "boil", "horizon": 3, "seed": 0, **lazy},
        "neumann": {"task": "bars", "algorithm": "maml", "estimator": "neumann"}
        | {"horizon": 3, "seed": 0, "terms": 7},
        "waves": {"task": "waves", "algorithm": "slow", "horizon": 5, "seed": 0, **lazy},
    }


def go(name: str, task: str) -> dict:
    prepare.main(task)
    train.main(name)
    evaluate.main(name)
    return json.loads(Path(f"artifacts/evaluate/quick/{name}/metrics.json").read_text())


def test_each_goes_from_params_to_files_and_a_report(extended):
    bars_learned(go("boil", "bars"))
    assert go("neumann", "bars")["terms"] == 7
    sinusoids_learned(go("waves", "waves"))
    report.main()
    page = Path("results/quick/report.html").read_text()
    for word in ("boil lazy k=3", "maml neumann k=3 (terms 7)", "slow lazy k=5"):
        assert word in page


def bars_learned(found):
    """BOIL on a reader's images with a network of its own, up to the file that learns."""
    assert found["metrics"][found["primary"]]["n"] == 6
    assert found["algorithm"] == "boil"
    setting = json.loads(Path("artifacts/train/quick/boil/setting.json").read_text())
    assert setting["algorithm_class"] == "boil:BOIL"
    assert setting["task"]["model"] == {"backbone": "nets:Tiny", "maps": 4}
    export.main("boil")
    folder = Path("artifacts/export/quick/boil")
    assert all(check["ok"] for check in json.loads((folder / "parity.json").read_text())["checks"])
    assert "nets:Tiny (maps 4)" in (folder / "model_card.md").read_text()

    images = np.load("data/prepare/quick/bars/test/images/test_images.npy") / np.float32(255)
    feed = {"support_images": images[::8][:5], "query_images": images[5::8][:5]}
    feed |= {"support_labels": np.arange(5), "adaptation_steps": np.array(3)}
    run = onnxruntime.InferenceSession(folder / "adapt.onnx", providers=["CPUExecutionProvider"])
    logits = run.run(["query_logits"], feed | {"inner_lr": np.array(0.1, np.float32)})[0]
    mean, std = (setting["normalisation"][key][0] for key in ("mean", "std"))
    theta = load_file("artifacts/train/quick/boil/theta.safetensors")
    from nets import Tiny

    from lazyleap import functional

    net = Tiny(5, {"channels": 1, "height": 16, "width": 16}, 4)
    problem = resolve(load(Path("params.yaml")), "boil").make_problem(functional(net))
    support, query = (
        torch.from_numpy((feed[f"{k}_images"] - mean) / std) for k in ("support", "query")
    )
    phi = adapt(problem, theta, Batch(support, torch.arange(5)), 3)
    assert set(phi) == {"body.weight", "body.bias"}
    expected = problem.predict(phi, theta, query).detach().numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def sinusoids_learned(found):
    """A kind of task without images, judged by its own metric; nothing is exported."""
    assert found["kind"] == "sinusoids.kind:Sinusoid"
    assert 0 < found["metrics"]["error"]["value"] < 6
    with Path("artifacts/evaluate/quick/waves/curve.csv").open() as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["step", "0", "1", "2", "3"]
    assert float(rows[-1][1]) < float(rows[1][1])  # it learns as it adapts
    export.main("waves")
    assert "nothing" in Path("artifacts/export/quick/waves/model_card.md").read_text()


def test_a_runs_knob_goes_before_its_blocks(elsewhere):
    path = elsewhere.parent / "params.yaml"
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    extend(params)
    path.write_text(yaml.safe_dump(params | {"extensions": str(elsewhere)}))
    settings = load(path)
    assert resolve(settings, "neumann").make_estimator().terms == 7
    assert resolve(settings, "waves").option("inner_lr") == 0.01


def test_the_neumann_series_tends_to_conjugate_gradient(elsewhere, monkeypatch):
    monkeypatch.syspath_prepend(str(elsewhere))
    from neumann import Neumann

    case = Case("maml", "perceptron")
    tasks = case.tasks(3, same_batch=True)
    found = Neumann(300)(case.problem, case.theta(), tasks).grad
    assert_same(found, Implicit(2.0, 60)(case.problem, case.theta(), tasks).grad, rtol=1e-8)


def refused(folder: Path, change) -> str:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    extend(params)
    params["extensions"] = str(folder)
    change(params)
    path = folder.parent / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    with pytest.raises(InputError) as refusal:
        load(path)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


CASES = {
    "a key of its options": (
        lambda p: p["estimators"]["neumann"].update(term=5),
        "estimators.neumann.term: unknown key; did you mean 'terms'?",
    ),
    "a value of its options": (
        lambda p: p["runs"]["neumann"].update(terms=0),
        "runs.neumann.terms: input should be greater than or equal to 1, not 0",
    ),
    "a network's key": (
        lambda p: p["tasks"]["bars"]["model"].update(widht=3),
        "tasks.bars.model.widht: unknown key; did you mean 'width'?",
    ),
    "a reader's value": (
        lambda p: p["tasks"]["bars"]["dataset"].update(size="big"),
        "tasks.bars.dataset.size: input should be a valid integer, not 'big'",
    ),
    "a kind's key": (
        lambda p: p["tasks"]["waves"]["draw"].pop("seed"),
        "tasks.waves.draw.seed: is missing",
    ),
    "no such module": (
        lambda p: p["algorithms"]["boil"].update({"class": "boill:BOIL"}),
        "algorithms.boil: algorithm 'boill:BOIL': there is no module 'boill' below extensions",
    ),
    "no such class": (
        lambda p: p["algorithms"]["boil"].update({"class": "boil:BOILL"}),
        "algorithms.boil: algorithm 'boil:BOILL': boil has no 'BOILL'; did you mean 'BOIL'?",
    ),
    "a module that cannot be imported": (
        lambda p: p["algorithms"]["boil"].update({"class": "broken:X"}),
        "algorithm 'broken:X': importing it fails (ZeroDivisionError: division by zero)",
    ),
    "a class without options": (
        lambda p: p["algorithms"]["boil"].update({"class": "boil:Tensor"}),
        "algorithm 'boil:Tensor' has no Options, which say what params.yaml may hold",
    ),
    "a pair that its traits forbid": (
        lambda p: p["runs"]["boil"].update(estimator="reptile", placement=None),
        "runs.boil: estimator 'reptile' does not go with algorithm 'boil': it needs that all of",
    ),
    "a classifier of a kind that says nothing of any": (
        lambda p: p["surrogates"]["glyphs-mlp"].update(task="waves"),
        "surrogates.glyphs-mlp.task: 'waves' is no task of a kind with classifiers",
    ),
    "a kind that needs more of an algorithm": (
        lambda p: p["runs"]["waves"].update(
            algorithm="reweight", estimator="exact", placement=None
        ),
        "does not go with a task of kind 'sinusoids.kind:Sinusoid', which needs an algorithm that",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), CASES.values(), ids=CASES.keys())
def test_its_parameters_are_checked_like_ours(change, sentence, elsewhere):
    (elsewhere / "broken.py").write_text("1 / 0\n")
    assert sentence in refused(elsewhere, change)
