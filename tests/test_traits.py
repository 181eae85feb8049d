"""The library itself refuses an estimator that would be wrong for an algorithm, by its traits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from lazyleap import Exact, FirstOrder, Implicit, Lazy, Reptile, Reweight, Task, Unrolled, WeightNet
from lazyleap.algorithms import Weighted
from lazyleap.algorithms.reweight import zero
from lazyleap.errors import InputError
from lazyleap.traits import Trait
from tests.cases import ATTACK, NETWORKS, RATE, REFUSED, Case, generator, perceptron
from tests.reference import assert_same

META = {
    "first_order": FirstOrder(),
    "lazy": Lazy(),
    "exact": Exact(),
    "unrolled": Unrolled(),
    "reptile": Reptile(),
    "implicit": Implicit(),
}
WEIGHTINGS = {"reweight": Reweight, "weight_net": WeightNet}


def ingredients(algorithm: str):
    if algorithm not in WEIGHTINGS:
        case = Case(algorithm, "predictor" if algorithm == ATTACK else "perceptron")
        return case.problem, case.theta(), case.tasks(2, same_batch=True)
    draw, net = generator(3), NETWORKS["perceptron"]
    now = Weighted(*net.batch(draw, 4))
    ahead = Weighted(*net.batch(draw, 4), torch.ones(4).double() / 4)
    problem = WEIGHTINGS[algorithm](perceptron, net.parameters(draw), RATE)
    theta = zero(now)
    if algorithm == "weight_net":
        shapes = {"hidden.weight": (2, 1), "hidden.bias": (2,)}
        shapes |= {"output.weight": (1, 2), "output.bias": (1,)}
        theta = {n: draw(*shape) for n, shape in shapes.items()}
    return problem, theta, [Task([ahead, now], net.batch(draw, 5))]


@pytest.mark.parametrize("estimator", META)
@pytest.mark.parametrize("algorithm", ["maml", "meta_sgd", "anil", ATTACK, *WEIGHTINGS])
def test_the_library_refuses_what_the_pipeline_does(algorithm, estimator):
    problem, theta, tasks = ingredients(algorithm)
    if (algorithm, estimator) in REFUSED:
        names = f"{type(META[estimator]).__name__} does not go with {type(problem).__name__}: "
        with pytest.raises(InputError, match=names + "it needs that .*, as "):
            META[estimator](problem, theta, tasks)
    else:
        grad = META[estimator](problem, theta, tasks).grad
        assert all(p.any() for p in grad.values())


@dataclass(frozen=True)
class Shrunk:
    """A user's problem that says nothing of itself: it learns how much steps shrink."""

    def init(self, theta):
        return {"w": torch.ones_like(theta["w"])}

    def inner_grad(self, phi, theta, batch):
        return {"w": batch * theta["w"] * phi["w"]}

    def update(self, phi, grad, theta):
        return {"w": phi["w"] - 0.1 * grad["w"]}

    def outer_loss(self, phi, theta, batch):
        return (phi["w"] - batch).square().sum()


@pytest.fixture
def shrunk():
    theta, batches = {"w": torch.ones(2).double()}, [torch.ones(2).double(), torch.zeros(2)]
    return Shrunk(), theta, [Task(batches, torch.zeros(2).double())]


@pytest.mark.parametrize("estimator", [FirstOrder(), Reptile(), Implicit()], ids=str)
def test_nothing_is_taken_for_granted_of_a_problem_that_says_nothing(estimator, shrunk):
    with pytest.raises(InputError, match=r"Shrunk: it needs that .*offers = \{Trait\."):
        estimator(*shrunk)


def test_estimators_that_need_nothing_take_it(shrunk):
    expected = Unrolled()(*shrunk).grad
    assert_same(expected, {"w": -2 * (1 - 0.1) * 0.1 * torch.ones(2).double()})
    for estimator in (Exact(), Lazy(), Lazy(2)):
        assert_same(estimator(*shrunk).grad, expected)


@dataclass(frozen=True)
class Once(Shrunk):
    """theta is in the directions of batches that are not None."""

    def inner_grad(self, phi, theta, batch):
        return phi if batch is None else super().inner_grad(phi, theta, batch)


@pytest.mark.parametrize(("placement", "heard"), [("start", False), ("end", True)])
def test_a_part_of_theta_that_every_taken_step_leaves_out_is_refused(placement, heard, shrunk):
    _, theta, [task] = shrunk
    task = Task([None, None, task.inner[0]], task.outer)
    if heard:
        found = Lazy(placement=placement)(Once(), theta, [task])
        assert_same(found.grad, Unrolled()(Once(), theta, [task]).grad)
        return
    with pytest.raises(InputError, match=r"theta\['w'\] acts through steps .* such as 2, and"):
        Lazy(placement=placement)(Once(), theta, [task])


def test_a_zero_that_comes_from_the_numbers_is_no_fault(shrunk):
    problem, theta, [task] = shrunk
    assert not Lazy(1, [1])(problem, theta, [task]).grad["w"].any()  # its batch is zero


def test_a_trait_is_a_sentence():
    assert f"it needs that {Trait.START}" == (
        "it needs that all of theta is where the task model starts"
    )
