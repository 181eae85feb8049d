from __future__ import annotations

import pytest
import torch

from lazyleap.attack.goals import Goal, margin, succeeded
from lazyleap.attack.limits import Limit
from lazyleap.errors import InputError
from tests.attack.problems import draw

LOGS = torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]], dtype=torch.float64).log()


def test_untargeted_by_hand() -> None:
    goal = Goal(torch.tensor([0, 0, 0]))
    expected = torch.tensor([7 / 2, 2 / 5, 1], dtype=torch.float64).log()
    assert torch.allclose(margin(LOGS, goal), expected)
    assert succeeded(margin(LOGS, goal)).tolist() == [False, True, False]  # a tie is none


def test_targeted_by_hand() -> None:
    goal = Goal(torch.tensor([1, 1, 0]), targeted=True)
    expected = torch.tensor([7 / 2, 3 / 5, 1], dtype=torch.float64).log()
    assert torch.allclose(margin(LOGS, goal), expected)
    assert succeeded(margin(LOGS, goal)).tolist() == [False, True, False]


@pytest.mark.parametrize("targeted", [False, True])
def test_logits_and_a_gradient_serve_as_well(targeted: bool) -> None:
    goal = Goal(torch.tensor([2, 0, 1]), targeted=targeted)
    raw = (LOGS + 5).requires_grad_()
    assert torch.allclose(margin(raw, goal), margin(LOGS, goal))
    (grad,) = torch.autograd.grad(margin(raw, goal).sum(), raw)
    assert torch.allclose(grad.sum(1), torch.zeros(3, dtype=torch.float64))
    assert (grad.gather(1, goal.labels[:, None]) == (-1 if targeted else 1)).all()


def test_a_goal_for_some_rows() -> None:
    goal = Goal(torch.tensor([2, 0, 1]), targeted=True).of(torch.tensor([1, 1, 2]))
    assert goal.targeted
    assert goal.labels.tolist() == [0, 0, 1]


def test_a_class_that_the_classifier_does_not_have() -> None:
    with pytest.raises(InputError, match="class 3, but the classifier has 3 classes"):
        margin(LOGS, Goal(torch.tensor([0, 3, 1])))


def perturbations():
    return torch.tensor([0.01, 1.0, 30.0], dtype=torch.float64)[:, None, None, None] * draw(4)(
        3, 2, 4, 5
    )


def test_projection_to_the_euclidean_ball() -> None:
    before, after = perturbations(), Limit("l2", 2.0).project(perturbations())
    for b, a in zip(before, after, strict=True):
        scale = min(1.0, 2.0 / float((b**2).sum() ** 0.5))
        assert torch.allclose(a, scale * b, rtol=1e-14, atol=0)
    assert torch.equal(after[0], before[0])  # inside nothing moves


def test_projection_to_the_cube() -> None:
    before, after = perturbations(), Limit("linf", 0.3).project(perturbations())
    expected = torch.where(before.abs() <= 0.3, before, 0.3 * before.sign())
    assert torch.equal(after, expected)


@pytest.mark.parametrize("limit", [Limit("l2", 0.5), Limit("linf", 0.1)], ids=lambda x: x.norm)
def test_adversarial_images_stay_within_both(limit: Limit) -> None:
    clean = torch.rand(3, 2, 4, 5, dtype=torch.float64).round(decimals=0)  # all at an edge
    found = limit.apply(clean, perturbations())
    order = 2 if limit.norm == "l2" else torch.inf
    assert ((found - clean).flatten(1).norm(order, dim=1) <= limit.epsilon * (1 + 1e-12)).all()
    assert 0 <= found.min() < found.max() <= 1
    assert (found != clean).flatten(1).any(1).all()


def test_directions() -> None:
    g = perturbations()
    g[0] = 0
    lengths = Limit("l2", 9.0).direction(g).flatten(1).norm(dim=1)
    assert lengths.tolist() == pytest.approx([0, 1, 1])
    assert torch.equal(Limit("linf", 9.0).direction(g), g.sign())


@pytest.mark.parametrize(("norm", "epsilon"), [("l1", 1.0), ("l2", 0.0), ("linf", float("nan"))])
def test_what_is_no_limit(norm, epsilon) -> None:
    with pytest.raises(InputError, match=r"limit: (norm|epsilon)"):
        Limit(norm, epsilon)
