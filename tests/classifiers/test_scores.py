"""What is refused as scores, and whether scores tell an attack anything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from lazyleap.attack.goals import Goal
from lazyleap.attack.oracle import Oracle
from lazyleap.classifiers import fit
from lazyleap.classifiers.scores import require_form, signal, warning
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from tests.attack.problems import LIMITS, SEARCHES, images, labels, logits


def one_hot(pixels):
    return functional.one_hot(labels(pixels), 4).double()


def sure(pixels):
    """A softmax that float32 rounds to 0 and 1 where the classifier is sure."""
    return (1e3 * logits(pixels)).float().softmax(1)


@pytest.mark.parametrize(
    ("scores", "outputs", "moved"),
    [
        (logits, "logits", 1),
        (lambda x: 1e-3 * logits(x), "logits", 1),
        (lambda x: logits(x).softmax(1), "probabilities", 1),
        (lambda x: logits(x).log_softmax(1), "log_probabilities", 1),
        (one_hot, "probabilities", 0),
        (lambda x: 20 * one_hot(x), "logits", 0),
        (lambda x: torch.ones(len(x), 4), "logits", 0),
        (sure, "probabilities", 0),
        (lambda x: torch.where(torch.arange(len(x))[:, None] < 3, logits(x), 1), "logits", 0.6),
    ],
    ids=["logits", "small", "probabilities", "logs", "one-hot", "scaled", "constant", "saturated",
         "three of five"],
)  # fmt: skip
def test_signal_is_the_share_of_images_whose_scores_move(scores, outputs, moved):
    found = signal(scores, images(), outputs)
    assert found == {"moved": moved, "images": 5, "width": 0.02}
    assert (warning(found) is None) == (moved == 1)


def test_a_softmax_called_logits_is_refused_wherever_it_is_asked():
    softmax = logits(images()).softmax(1)
    with pytest.raises(InputError, match=r"lie in 0\.\.1 and sum to 1 are probabilities"):
        require_form(softmax, "logits")
    with pytest.raises(InputError, match="declare them"):
        Oracle(lambda x: softmax, 9, 5, outputs="logits")(torch.arange(5), images())
    require_form(softmax - 1e-2, "logits")
    require_form(softmax[:, :3], "logits")  # in 0..1, but of another sum


def test_a_single_row_of_logits_may_look_like_probabilities_once_they_are_known():
    rows = [torch.tensor([[-1.0, 2.0]]), torch.tensor([[0.5, 0.5]])]
    oracle = Oracle(lambda x: rows.pop(0), 9, 1, outputs="logits")
    for _ in range(2):
        oracle(torch.tensor([0]), images(1))


@pytest.mark.parametrize("name", SEARCHES)
def test_an_attack_of_scores_that_never_move_is_marked(name):
    """By the margin each search sees, image by image; one image's scores do move."""

    def scores(pixels):
        same = (pixels - images()[0]).flatten(1).norm(dim=1) < 3  # image 0 and what is near it
        return torch.where(same[:, None], logits(pixels), 20 * one_hot(pixels))

    oracle = Oracle(scores, 60, 5, outputs="logits")
    assert not oracle.still.any()
    SEARCHES[name]("l2").run(
        oracle, images(), Goal(labels(images())), LIMITS["l2"], np.random.default_rng(0)
    )
    assert oracle.still.tolist() == [False, True, True, True, True]


def test_a_score_that_is_not_a_number_is_never_the_largest():
    data = ImageSet(np.zeros((9, 1, 2, 2), np.uint8), np.ones(9, np.int64), ("a", "b"))
    scores = torch.tensor([[0.0, 1.0]]).repeat(3, 1)
    rows = np.array([2, 5, 8])
    assert fit.right(scores, data, rows).all()
    scores[1, 1] = torch.nan  # argmax would take it
    with pytest.raises(InputError, match=r"not finite .* in 1 of 3 answers, of image 5: nothing"):
        fit.right(scores, data, rows)
