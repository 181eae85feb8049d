"""The stages of an attack, each as its program does it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lazyleap.attack.train import learner
from lazyleap.classifiers import store
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.items import Items
from lazyleap.settings import load, resolve
from stages import evaluate, export, prepare, surrogate, train, validate
from tests.attack.stages.project import META, SQUARE, SURROGATES, TARGETS, TASK, ZOO
from tests.conftest import edit
from tests.tags import undefined

CPU = torch.device("cpu")

DATA = Path("data/prepare/quick") / TASK


@pytest.fixture
def workspace(ready, tmp_path, monkeypatch):
    """A copy of the prepared project, in the current folder."""
    folder = shutil.copytree(ready, tmp_path / "workspace")
    monkeypatch.chdir(folder)
    return folder


def metrics(folder, run):
    return json.loads((folder / f"artifacts/evaluate/quick/{run}/metrics.json").read_text())


@pytest.mark.parametrize("name", SURROGATES)
def test_a_surrogate_is_tested_on_what_no_surrogate_is_trained_on(ready, name):
    about = store.about(ready / DATA / "train/surrogates" / name)
    assert about["accuracy"]["n"] == 40
    assert about["trained_on"] == "120 training images"
    assert about["accuracy"]["value"] > 0.4  # of four classes
    assert 0 < about["accuracy"]["ci95"] < 0.5
    assert "held out" in about["accuracy_of"]


def test_a_target_is_tested_on_all_test_images(ready):
    about = store.about(ready / DATA / "test/targets" / TARGETS[0])
    assert (about["accuracy"]["n"], about["accuracy_of"]) == (32, "all test images")


def test_the_stored_classifier_has_the_accuracy_it_is_said_to_have(ready):
    folder = ready / DATA / "test/targets" / TARGETS[0]
    network = store.load_network(folder, torch.device("cpu"))
    images = np.load(ready / DATA / "test/images/test_images.npy")
    labels = np.load(ready / DATA / "test/images/test_labels.npy")
    found = network(torch.from_numpy(images).float() / 255).argmax(1).numpy()
    assert (found == labels).mean() == store.about(folder)["accuracy"]["value"]


def test_training_a_surrogate_twice_gives_equal_bytes(workspace):
    folder = DATA / "train/surrogates" / SURROGATES[0]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    surrogate.main(SURROGATES[0])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_classifier_of_no_name_is_told_the_nearest(workspace):
    with pytest.raises(InputError, match=r"'glyphs-mpl' is not in surrogates; did you mean"):
        surrogate.main("glyphs-mpl")


def test_classifiers_that_are_asked_for_no_more_are_removed(workspace):
    edit(Path("params.yaml"), lambda p: p["surrogates"].pop(SURROGATES[0]))
    validate.main()
    assert [f.name for f in (DATA / "train/surrogates").iterdir()] == [SURROGATES[1]]
    assert (DATA / "test/targets" / TARGETS[0]).is_dir()
    assert (DATA / "train/images/dataset.json").is_file()


def test_training_sees_nothing_of_the_test_side(workspace):
    shutil.rmtree(DATA / "test")
    train.main(META)
    setting = json.loads(Path(f"artifacts/train/quick/{META}/setting.json").read_text())
    assert setting["surrogates"] == list(SURROGATES)
    assert "targets" not in setting


def test_evaluation_sees_nothing_of_the_surrogates(workspace):
    train.main(META)
    shutil.rmtree(DATA / "train")
    evaluate.main(META)
    assert metrics(workspace, META)["primary"] == "success"


def test_another_surrogate_is_another_training(workspace):
    train.main(META)
    before = Path(f"artifacts/train/quick/{META}/theta.safetensors").read_bytes()
    edit(Path("params.yaml"), lambda p: p["surrogates"][SURROGATES[0]].update(seed=5))
    surrogate.main(SURROGATES[0])
    train.main(META)
    assert Path(f"artifacts/train/quick/{META}/theta.safetensors").read_bytes() != before


@pytest.mark.parametrize("run", [ZOO, SQUARE])
def test_where_nothing_is_trained_theta_is_empty(done, run):
    assert load_file(done / f"artifacts/train/quick/{run}/theta.safetensors") == {}
    record = json.loads((done / f"artifacts/record/quick/{run}/record.json").read_text())
    assert (record["meta_iterations"], record["best_validation"]) == (0, None)
    exported = done / f"artifacts/export/quick/{run}"
    assert [path.name for path in exported.iterdir()] == ["model_card.md"]


@pytest.mark.parametrize("run", [META, ZOO, SQUARE])
def test_success_is_of_correctly_classified_images(done, run):
    found = metrics(done, run)
    denominators = found["denominators"]
    assert denominators["all"]["images"] == 12
    assert 0 < denominators["all"]["correct"] < 12
    assert denominators["all"]["attacked"] == min(6, denominators["all"]["correct"])
    assert denominators["all"]["attacked"] == found["metrics"]["success"]["n"]
    assert found["budget"] == 80
    assert f"success@{TARGETS[0]}" in found["metrics"]
    assert all(np.isfinite([s["value"], s["ci95"]]).all() for s in found["metrics"].values())


def test_every_setting_attacks_the_same_images(done):
    assert len({metrics(done, run)["test_digest"] for run in (META, ZOO, SQUARE)}) == 1


@pytest.mark.parametrize("run", [META, ZOO])
def test_the_metrics_are_means_of_the_stored_items(done, monkeypatch, run):
    monkeypatch.chdir(done)
    items = Items.load(Path(f"artifacts/evaluate/quick/{run}/items.npz"))
    found = metrics(done, run)["metrics"]
    for name, values in items.values.items():
        assert values.mean() == pytest.approx(found[name]["value"])
    success = items.values["success"] == 1
    queries = items.values["queries_mean_all"]
    assert (queries[~success] == 80).all()  # a failure is the whole budget
    assert queries[success].tolist() == items.about["queries"][success].tolist()
    attacked = np.load(done / DATA / "test/images/attacked.npz")["rows"].tolist()
    assert set(items.clusters[:, 0].tolist()) <= set(attacked)
    assert undefined("quick", run) == set()


def test_an_untrained_predictor_is_a_setting(workspace):
    """The control of every learned one: theta is where meta-learning would have started."""
    edit(Path("params.yaml"), lambda p: p["runs"][META].update(meta_iterations=0))
    train.main(META)
    evaluate.main(META)
    export.main(META)
    setting = resolve(load(Path("params.yaml")), META)
    theta = load_file(workspace / f"artifacts/train/quick/{META}/theta.safetensors")
    start = learner(setting, load_data(DATA / "train/images"), CPU).theta
    assert theta.keys() == start.keys()
    assert all(torch.equal(theta[name], start[name]) for name in theta)
    record = json.loads((workspace / f"artifacts/record/quick/{META}/record.json").read_text())
    assert (record["meta_iterations"], record["best_iteration"]) == (0, 0)
    assert -1 < record["best_validation"] < 1
    assert metrics(workspace, META)["metrics"]["success"]["n"] > 0


@pytest.mark.parametrize("run", [META, ZOO, SQUARE])
def test_the_curve_rises_from_one_query_to_the_share_that_succeeded(done, run):
    path = done / f"artifacts/evaluate/quick/{run}/curve.csv"
    rows = np.genfromtxt(path, delimiter=",", names=True)
    assert (rows["step"][0], rows["step"][-1]) == (1, 80)
    assert rows["accuracy"][0] == 0  # the clean image does not count
    assert (np.diff(rows["accuracy"]) >= 0).all()
    assert rows["accuracy"][-1] == pytest.approx(metrics(done, run)["metrics"]["success"]["value"])


def test_triplets_add_up_and_stay_within_the_limit(done):
    folder = done / f"artifacts/evaluate/quick/{SQUARE}"
    triplets = np.load(folder / f"pictures/{TARGETS[0]}.npy")
    clean, perturbation, adversarial = triplets.transpose(1, 0, 2, 3, 4)
    np.testing.assert_allclose(clean + perturbation, adversarial, atol=1e-6)
    assert 0 <= adversarial.min() <= adversarial.max() <= 1
    lengths = np.sqrt((perturbation**2).sum((1, 2, 3)))
    limit = metrics(done, SQUARE)
    assert (lengths <= limit["epsilon"] + 1e-5).all()
    assert (folder / f"pictures/{TARGETS[0]}.png").stat().st_size
    assert list((folder / "tensorboard").glob("events*"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t["draw"].update(images=33), "tasks.glyphs-attack.draw: 33 images of 32"),
        (lambda t: t["draw"].update(held_out=160), "held_out 160 of 160 training images"),
    ],
    ids=["attacked", "held out"],
)
def test_too_few_images_are_one_sentence(workspace, change, sentence):
    edit(Path("params.yaml"), lambda p: change(p["tasks"][TASK]))
    with pytest.raises(InputError, match=sentence):
        prepare.main(TASK)


def test_a_target_that_knows_nothing_is_one_sentence(workspace):
    folder = DATA / "test/targets" / TARGETS[0]
    about = store.about(folder) | {"classes": 5, "names": [*"ceoax"]}
    network = store.network(about)
    network.load_state_dict(
        network.state_dict() | {"network.12.bias": torch.tensor([0.0, 0, 0, 0, 1e6])}
    )
    store.save(folder, network, about)
    train.main(ZOO)
    with pytest.raises(InputError, match=f"target '{TARGETS[0]}': gets none of 12 images right"):
        evaluate.main(ZOO)
