"""Training on a long tail: stopped and gone on with, looked ahead, and what it logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lazyleap.datasets.store import load as load_data
from lazyleap.errors import OutOfTimeError
from lazyleap.longtail import train as longtail
from lazyleap.settings import load, resolve
from lazyleap.training import checkpoint
from lazyleap.training.loop import Learner, Progress
from stages import prepare, train
from tests.conftest import ROOT
from tests.longtail.project import RUNS, TASK
from tests.tags import undefined

LAZY = ("lt-reweight-lazy-k5", "lt-weight-net-lazy-k5")  # of horizon 3 here
CPU = torch.device("cpu")


def learner(folder: Path, run: str) -> Learner:
    setting = resolve(load(folder / "params.yaml"), run)
    (place,) = folder.glob(f"data/prepare/quick/{TASK}/train/**/dataset.json")
    return longtail.learner(setting, load_data(place.parent), CPU)


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(p, other[n]) for n, p in one.items())


@pytest.mark.parametrize("run", LAZY)
def test_gone_on_with_from_a_checkpoint_every_number_is_the_same(exported, tmp_path, run):
    whole, parts = learner(exported, run), learner(exported, run)
    expected = [whole.step(i, describe=True) for i in range(9)]
    found = [parts.step(i, describe=True) for i in range(4)]
    checkpoint.save(tmp_path / "c.pt", Progress(4), parts.state())
    loaded = checkpoint.load(tmp_path / "c.pt", CPU)
    assert loaded is not None
    again = learner(exported, run)
    again.load_state(loaded[1])
    found += [again.step(i, describe=True) for i in range(4, 9)]
    assert found == expected
    assert same(again.theta, whole.theta)


@pytest.mark.parametrize("run", LAZY)
def test_a_stage_out_of_time_goes_on_and_ends_with_the_same_bytes(longtail, exported, run):
    prepare.main(TASK)
    for done in (1, 2):
        with pytest.raises(OutOfTimeError, match=f"ended after {done} of 12 iterations"):
            train.main(run, max_seconds=1e-9)
    train.main(run)
    record = json.loads((longtail / f"artifacts/record/quick/{run}/record.json").read_text())
    assert record["resumed"] == 2
    for file in ("theta.safetensors", "setting.json"):
        path = Path("artifacts/train/quick") / run / file
        assert (longtail / path).read_bytes() == (exported / path).read_bytes()


@pytest.mark.parametrize("run", LAZY)
def test_batches_looked_at_come_in_their_turn_also_past_an_epochs_end(exported, run):
    greedy, lazy = learner(exported, "lt-cross-entropy"), learner(exported, run)
    epoch = lazy.stream.epoch
    assert 3 < epoch < 9  # horizon 3 looks past the end of the first, and of the second
    for i in range(2 * epoch + 2):
        greedy.step(i, describe=True)
        lazy.step(i, describe=True)
        assert torch.equal(lazy.seen[0].targets, greedy.seen[0].targets), i
        assert torch.equal(lazy.seen[0].inputs, greedy.seen[0].inputs), i


def test_a_glimpse_is_of_the_rarest_images_with_their_own_weights(exported):
    trained = learner(exported, LAZY[0])
    assert longtail.preview(trained) == {}
    trained.step(0, describe=False)
    assert longtail.preview(trained) == {}
    trained.step(1, describe=True)
    ((tag, (images, words)),) = longtail.preview(trained).items()
    batch, weights = trained.seen
    assert tag == "images/rarest_with_weights"
    labels = [int(line.partition(":")[0]) for line in words]
    assert labels == sorted(batch.targets.tolist(), reverse=True)  # 3 is the rarest class
    for image, line, label in zip(images, words, labels, strict=True):
        (place,) = (i for i, other in enumerate(batch.inputs) if torch.equal(other, image))
        assert line == f"{label}: {len(labels) * float(weights[place]):.2f}"
        assert int(batch.targets[place]) == label


def test_a_learner_that_describes_learns_the_same_numbers(exported):
    silent, loud = (learner(exported, LAZY[0]) for _ in range(2))
    for i in range(4):
        silent.step(i, describe=False)
        loud.step(i, describe=True)
    assert same(silent.theta, loud.theta)


@pytest.mark.parametrize("run", [*RUNS, "ldam"])
def test_every_tag_is_in_the_documentation(exported, monkeypatch, run):
    events = EventAccumulator(str(exported / f"artifacts/record/quick/{run}/tensorboard"))
    events.Reload()
    known = (ROOT / "docs/metrics.md").read_text()
    tags = {re.sub(r"/\d{3}$", "/NNN", t) for t in events.Tags()["scalars"]}
    pictures = set(events.Tags()["images"])
    assert pictures == {"images/rarest_classes", "images/rarest_with_weights"}
    assert {"class_weight/NNN", "train/loss", "validation/score"} <= tags
    for tag in tags | pictures:
        assert f"`{tag}`" in known, tag
    monkeypatch.chdir(exported)
    assert undefined("quick", run) == set()
    steps = [e.step for e in events.Scalars("class_weight/003")]
    assert steps == [1, 5, 9, 12]


def test_weights_have_sum_one_for_l2rw(exported):
    trained = learner(exported, LAZY[0])
    for i in range(5):
        assert trained.step(i, describe=True)["weights/all_zero"] == 0
        weights = trained.seen[1]
        assert (weights >= 0).all()
        assert float(weights.sum()) == pytest.approx(1, abs=1e-6)
        assert 0 < int((weights > 0).sum()) <= len(weights)
