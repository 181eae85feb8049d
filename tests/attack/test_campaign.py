"""A whole attack from params.yaml on, seen from the classifier that is asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lazyleap.attack import evaluate
from lazyleap.attack.campaign import shown
from lazyleap.attack.chosen import Chosen
from lazyleap.classifiers import store
from lazyleap.classifiers.store import Scorer
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from tests.handmade import CPU, float64, prepared, setting

CLASSES, SIDE, EPSILON, BUDGET, IMAGES = 4, 8, 0.8, 60, 5
ROWS = np.array([7, 2, 9, 4, 0, 11, 5, 3])  # the order in which they were drawn
WISHED = np.array([1, 2, 3, 0, 1, 2, 3, 0])
WRONG = {2, 0}  # rows whose label is not what the classifier answers
ATTACKED = [7, 9, 4, 11, 5]  # the first five that it gets right
ABOUT = {"outputs": "logits", "kind": "trained", "architecture": "mlp", "accuracy": None}


class Counted:
    """A linear classifier that keeps every image it is asked about."""

    def __init__(self) -> None:
        chance = torch.Generator().manual_seed(0)
        self.weights = torch.randn(CLASSES, SIDE**2, generator=chance, dtype=torch.float64)
        self.asked = []

    def logits(self, images):
        return (images.double() - 0.5).flatten(1) @ self.weights.T

    def __call__(self, images):
        self.asked.append(images.clone())
        return self.logits(images)


def source() -> ImageSet:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 1, SIDE, SIDE)).astype(np.uint8)
    answers = Counted().logits(torch.from_numpy(pixels) / 255).argmax(1).numpy()
    labels = np.array([(a + (row in WRONG)) % CLASSES for row, a in enumerate(answers)])
    return ImageSet(pixels, labels, tuple("abcd"))


def attacked(folder, monkeypatch, algorithm="square", seed=0, targets=("one",), **test):
    """The verdict, and what each target was asked."""
    test = {"goal": "untargeted", "norm": "l2", "epsilon": EPSILON, "images": IMAGES} | test
    test |= {"budget": BUDGET, "curve_points": 9, "resamples": 20, "triplets": 9}

    def change(params):
        params["tasks"]["glyphs-attack"]["test"].update(test)
        (any_target, *_) = params["targets"].values()
        params["targets"] = dict.fromkeys(targets, any_target)
        params["algorithms"]["zoo"].update(coordinates=4)
        params["algorithms"]["random_direction"].update(directions=3)

    run = {"algorithm": algorithm, "estimator": "none", "horizon": 1, "seed": seed}
    ours = setting(folder, "glyphs-attack", run, change)
    data = prepared(folder / f"{seed}/images", test=source())
    Chosen(ROWS, WISHED).save(data.folder / "attacked.npz")
    models = {name: Counted() for name in targets}
    monkeypatch.setattr(
        store, "load_scorer", lambda place, device: Scorer(models[place.name], ABOUT)
    )
    with float64():
        return evaluate.judge(ours, {}, data, CPU), [torch.cat(m.asked) for m in models.values()]


def clean(rows):
    return torch.from_numpy(source().images[rows]).double() / 255


BASELINES = ["zoo", "square", "random_direction"]


@pytest.mark.parametrize("algorithm", BASELINES)
@pytest.mark.parametrize("aim", ["untargeted", "targeted"])
def test_who_is_asked_about_what_and_how_often(algorithm, aim, tmp_path, monkeypatch):
    verdict, (asked,) = attacked(tmp_path, monkeypatch, algorithm, goal=aim)
    metrics = verdict.metrics["metrics"]
    assert verdict.metrics["denominators"]["one"] == {"images": 8, "correct": 6, "attacked": 5}
    assert verdict.metrics["denominators"]["all"] == {"images": 8, "correct": 6, "attacked": 5}

    # first all that may be attacked, to see which are right; that is no part of any attack
    assert torch.equal(asked[:8], clean(ROWS))
    queries = asked[8:]
    assert torch.equal(queries[:5], clean(ATTACKED))
    reach = EPSILON + 3 * 0.02 * SIDE  # a probe leaves the ball by its width
    away = (queries[:, None] - clean(ATTACKED)).flatten(2).norm(dim=2)
    assert (away.amin(1) <= reach).all()
    assert metrics["queries_mean_all"]["n"] == 5
    if metrics["success"]["value"] == 1:
        assert len(queries) == round(5 * metrics["queries_mean"]["value"])
    assert 5 < len(queries) <= 5 * BUDGET

    hits = {name: score for name, score in metrics.items() if name.startswith("success")}
    assert hits["success"] == hits["success@one"]
    adversarial = torch.from_numpy(verdict.arrays["one"][:, 2]).double()
    found = Counted().logits(adversarial).argmax(1).tolist()
    assert len(found) == round(5 * hits["success"]["value"]) > 0
    order = [
        int(a) for a in (adversarial[:, None] - clean(ATTACKED)).flatten(2).norm(dim=2).argmin(1)
    ]
    labels = source().labels[ATTACKED]
    wished = [int(WISHED[list(ROWS).index(row)]) for row in ATTACKED]
    for answer, place in zip(found, order, strict=True):
        assert answer == wished[place] if aim == "targeted" else answer != labels[place]
    moved = torch.from_numpy(verdict.arrays["one"][:, 1]).flatten(1).norm(dim=1)
    assert (moved <= EPSILON * (1 + 1e-5)).all()


@pytest.mark.parametrize("algorithm", BASELINES)
def test_the_seed_decides_the_attack_and_each_target_has_its_own_chance(
    algorithm, tmp_path, monkeypatch
):
    found = [attacked(tmp_path, monkeypatch, algorithm, seed=s)[1][0] for s in (0, 0, 1)]
    assert torch.equal(found[0], found[1])
    assert found[0].shape != found[2].shape or not torch.equal(found[0], found[2])
    _, (one, two) = attacked(tmp_path, monkeypatch, algorithm, targets=("one", "two"))
    assert torch.equal(one, found[0])
    assert one.shape != two.shape or not torch.equal(one, two)


def test_several_targets_are_one_by_one_and_together(tmp_path, monkeypatch):
    verdict, asked = attacked(tmp_path, monkeypatch, targets=("one", "two"))
    metrics = verdict.metrics["metrics"]
    assert verdict.metrics["denominators"]["all"] == {"images": 16, "correct": 12, "attacked": 10}
    parts = [metrics[f"queries_mean_all@{name}"]["value"] for name in ("one", "two")]
    assert metrics["queries_mean_all"]["value"] == pytest.approx(sum(parts) / 2)
    header, *rows = verdict.curve
    assert header[:2] == ("step", "accuracy")
    assert rows[0][0] == 1
    assert rows[-1][0] == BUDGET
    assert rows[-1][1] == pytest.approx(metrics["success"]["value"])
    one, two = (header.index(f"success@{name}") for name in ("one", "two"))
    for row in rows:
        assert row[1] == pytest.approx((row[one] + row[two]) / 2)
    assert rows[-1][one] == pytest.approx(metrics["success@one"]["value"])
    assert len(asked[0]) != len(ROWS)


def test_a_perturbation_is_shown_about_grey_and_stretched() -> None:
    clean, moved = np.full((2, 1, 2, 2), 0.25), np.zeros((2, 1, 2, 2))
    moved[0, 0, 0, 1], moved[1, 0, 1, 1] = -0.2, 0.1
    before = np.stack([clean, moved, clean + moved], 1).astype(np.float32)
    cells = shown(before)
    assert torch.equal(cells[:, [0, 2]], torch.from_numpy(before[:, [0, 2]]))
    assert cells[0, 1].tolist() == [[[0.5, 0.0], [0.5, 0.5]]]
    assert cells[1, 1].tolist() == [[[0.5, 0.5], [0.5, 0.75]]]
    assert np.allclose(before[:, 1], moved)  # what is given is left alone
    assert (shown(np.zeros_like(before))[:, 1] == 0.5).all()


def test_a_target_that_gets_nothing_right_is_refused(tmp_path, monkeypatch):
    wrong = lambda self, images: self.logits(images).roll(2, 1)  # noqa: E731
    monkeypatch.setattr(Counted, "__call__", wrong)
    with pytest.raises(InputError, match="target 'one': gets none of 8 images right"):
        attacked(tmp_path, monkeypatch)
