"""Estimators beside the exact gradient on a long tail, at the classifier that was trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from lazyleap import tensorfile
from lazyleap.algorithms.reweight import EPS
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.longtail.train import learner
from lazyleap.settings import load, resolve
from stages import fidelity, folders
from tests.longtail.project import TASK

REWEIGHT, NET = "lt-reweight-lazy-k5", "lt-weight-net-lazy-k5"
CPU = torch.device("cpu")


@pytest.fixture
def workspace(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree(exported, tmp_path / "workspace")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("run", [REWEIGHT, NET])
def test_learned_weightings_are_compared_and_what_does_not_go_says_why(workspace, run):
    rows = {row.estimator: row for row in fidelity.measure("params.yaml", run, 3)}
    assert rows["exact"].cosine == pytest.approx(1, abs=1e-5)
    assert "may see one batch" in rows["one leap, start, secants"].refused
    for row in (rows["one leap, end"], rows["2 leaps"]):
        assert row.ratio > 0
        assert run != REWEIGHT or row.cosine == pytest.approx(1, abs=1e-5)  # a closed form
    assert folders.fidelity("quick", run).is_file()


def test_steps_are_placed_where_first_order_does_not_serve(workspace):
    found = fidelity.placed("params.yaml", NET, most=2, count=2)
    assert [len(placed.steps) for placed in found] == [1, 2]
    assert all(placed.found.cosine > 0.5 for placed in found)


@pytest.mark.parametrize("run", [REWEIGHT, NET])
def test_posed_at_what_training_ended_with(workspace, run):
    setting = resolve(load(Path("params.yaml")), run)
    theta = tensorfile.load(folders.trained("quick", run) / "theta.safetensors")
    made = learner(setting, load_data(folders.images("quick", TASK, "train")), CPU)
    problem, learned, tasks = made.posed(theta, 2)
    assert len(tasks) == 2
    assert problem.inner_lr == setting.algorithm_options.inner_lr
    for name, p in problem.classifier.items():
        assert torch.equal(p, theta[f"classifier/{name}"])
    if run == REWEIGHT:
        assert not learned[EPS].any()
        ahead = tasks[1].inner[0]  # the weighted step is the last
        means = theta["weighting/class_means"][ahead.targets]
        assert torch.allclose(ahead.weights, means / means.sum())
        assert len(means.unique()) > 1
    else:
        assert learned.keys() == made.weigher.theta.keys()
        assert all(torch.equal(p, theta[f"weighting/{n}"]) for n, p in learned.items())


def test_a_baseline_has_no_gradient_to_compare(workspace):
    with pytest.raises(InputError, match="kind 'longtail' with algorithm 'ldam_drw' has no inner"):
        fidelity.measure("params.yaml", "ldam", 2)
