from __future__ import annotations

import pytest
import torch

from lazyleap.attack.oracle import BudgetError, Oracle
from lazyleap.errors import InputError
from tests.attack.problems import Target, images, logits

ROWS = torch.tensor([0, 2, 2])


def pixels(count: int = 3):
    return images(count)


def test_every_image_of_a_batch_is_counted_on_its_own_account() -> None:
    target = Target()
    oracle = Oracle(target, 9, 4, outputs="logits", chunk=2)
    oracle(ROWS, pixels())
    oracle(torch.tensor([3]), pixels(1))
    assert oracle.queries.tolist() == [1, 0, 2, 1]
    assert oracle.left(torch.tensor([2, 1])).tolist() == [7, 9]
    assert sum(target.calls) == 4
    assert max(target.calls) == 2  # never more at once than the chunk


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_what_is_of_no_size_is_refused(sizes) -> None:
    words = "oracle: budget {}, images {} and chunk {} must be at least 1".format(*sizes)
    budget, count, chunk = sizes
    with pytest.raises(InputError, match=words):
        Oracle(Target(), budget, count, chunk=chunk)
    Oracle(Target(), 1, 1, chunk=1)


def test_past_the_budget_nobody_is_asked_and_nothing_counted() -> None:
    target = Target()
    oracle = Oracle(target, 3, 3, outputs="logits")
    oracle(ROWS, pixels())
    with pytest.raises(BudgetError, match="image 2 would cost 4 queries, its budget is 3"):
        oracle(ROWS, pixels())
    assert oracle.queries.tolist() == [1, 0, 2]
    assert target.calls == [3]
    oracle(torch.tensor([2]), pixels(1))  # what is left may still be spent


def test_the_count_cannot_be_changed_from_outside() -> None:
    oracle = Oracle(Target(), 3, 3, outputs="logits")
    oracle(ROWS, pixels())
    oracle.queries.zero_()
    assert oracle.queries.tolist() == [1, 0, 2]


def test_scores_come_without_a_graph_whatever_goes_in() -> None:
    weights = torch.ones(84, 4, dtype=torch.float64, requires_grad=True)

    def leaking(x):
        with torch.enable_grad():
            return x.flatten(1) @ weights

    oracle = Oracle(leaking, 9, 3, outputs="logits")
    with torch.enable_grad():
        found = oracle(ROWS, pixels().requires_grad_())
    assert not found.requires_grad
    assert found.grad_fn is None


@pytest.mark.parametrize(
    ("outputs", "scores"),
    [
        ("logits", logits),
        ("log_probabilities", lambda x: logits(x).log_softmax(1)),
        ("probabilities", lambda x: logits(x).softmax(1)),
    ],
)
def test_all_kinds_of_scores_become_the_same_log_probabilities(outputs, scores) -> None:
    found = Oracle(scores, 9, 3, outputs=outputs)(ROWS, pixels())
    assert torch.allclose(found, logits(pixels()).log_softmax(1), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("outputs", "zero"), [("log_probabilities", -torch.inf)])
def test_log_zero_is_a_number(outputs, zero) -> None:
    scores = torch.tensor([[0.0, zero]]).expand(3, 2)
    found = Oracle(lambda x: scores, 9, 3, outputs=outputs)(ROWS, pixels())
    assert found.isfinite().all()
    sure = torch.tensor([[1.0, 0.0]]).expand(3, 2)
    found = Oracle(lambda x: sure, 9, 3, outputs="probabilities")(ROWS, pixels())
    assert found[0].tolist() == pytest.approx([0, -69.0776], abs=1e-3)


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_pixels_outside_their_range_are_refused_before_they_count(value: float) -> None:
    target = Target()
    oracle = Oracle(target, 9, 3, outputs="logits")
    wrong = pixels()
    wrong[1, 0, 2, 3] = value
    with pytest.raises(InputError, match="valid: 0 to 1"):
        oracle(ROWS, wrong)
    assert oracle.queries.sum() == 0
    assert target.calls == []


@pytest.mark.parametrize(
    ("outputs", "row", "words"),
    [
        ("logits", [0.0, float("nan")], "not finite"),
        ("logits", [0.0, float("inf")], "not finite"),
        ("probabilities", [0.5, float("nan")], "not finite"),
        ("log_probabilities", [0.0, float("inf")], "not finite"),
        ("probabilities", [3.0, 2.0], "add up to 5 instead of 1; are these logits"),
        ("probabilities", [1.5, -0.5], "a probability of -0.5"),
        ("log_probabilities", [3.0, 2.0], "are these logits"),
        ("logits", [1.0], "at least 2 classes"),
    ],
)
def test_scores_that_are_not_what_was_promised(outputs, row, words) -> None:
    oracle = Oracle(lambda x: torch.tensor([row]).expand(len(x), -1), 9, 3, outputs=outputs)
    with pytest.raises(InputError, match=words):
        oracle(ROWS, pixels())


@pytest.mark.parametrize(
    ("rows", "batch"),
    [
        (torch.tensor([0, 1]), images(3)),
        (torch.tensor([0]), images(1)[0]),
        (torch.tensor([3]), images(1)),
        (torch.zeros(0, dtype=torch.int64), images(1)[:0]),
    ],
    ids=["lengths", "one image", "row", "none"],
)
def test_what_is_not_a_batch_of_known_rows(rows, batch) -> None:
    oracle = Oracle(Target(), 9, 3, outputs="logits")
    with pytest.raises(InputError):
        oracle(rows, batch)
    assert oracle.queries.sum() == 0


def test_an_oracle_needs_a_budget() -> None:
    with pytest.raises(InputError, match="budget 0"):
        Oracle(logits, 0, 3)
