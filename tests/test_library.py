"""The library as somebody uses it in a program of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import get_type_hints

import pytest
import torch
from torch import nn

import lazyleap
from lazyleap import (
    MAML,
    Adam,
    Batch,
    Exact,
    FirstOrder,
    Lazy,
    MetaSGD,
    Task,
    adapt,
    functional,
    weights,
)
from lazyleap.errors import InputError
from tests.cases import CASES, Case, generator
from tests.reference import assert_same, end


def test_all_names_are_there_and_shown():
    assert set(lazyleap.__all__) <= set(dir(lazyleap))
    for name in lazyleap.__all__:
        assert getattr(lazyleap, name) is not None
    for name in ("Lazy", "MAML", "adapt", "functional", "weights", "Trait", "Adam", "InputError"):
        assert name in lazyleap.__all__
    with pytest.raises(AttributeError, match="no attribute 'Lasy'"):
        lazyleap.Lasy  # noqa: B018


def test_importing_it_costs_nothing_until_a_name_is_used():
    program = "import lazyleap, sys; dir(lazyleap); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_adapt_takes_the_steps(case):
    theta, (task,) = case.theta(), case.tasks(3, n=1, same_batch=True)
    phi = adapt(case.problem, theta, task.inner[0], 3)
    expected = end(case.plain, theta, task)
    assert_same({n: phi[n] for n in expected}, expected)
    assert not any(p.requires_grad for p in phi.values())
    assert_same(adapt(case.problem, theta, task.inner[0], 0), case.problem.init(theta))


def test_an_optimiser_is_handed_the_gradient():
    case = Case("maml", "perceptron")
    theta = case.theta()
    before = {n: p.clone() for n, p in theta.items()}
    meta = Lazy()(case.problem, theta, case.tasks(2))
    meta.apply_to(theta)
    torch.optim.SGD(theta.values(), lr=0.5).step()
    assert_same(theta, {n: p - 0.5 * meta.grad[n] for n, p in before.items()}, rtol=1e-12)


class Two(nn.Module):
    """Two inputs, one by name; a layer in eval mode whose statistics nobody moves."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.norm, self.head = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)

    def forward(self, x, scale):
        return self.head(torch.tanh(self.norm(self.body(x)))) * scale


@pytest.fixture
def two():
    torch.manual_seed(0)
    return Two().double().eval()


def pinball(outputs, targets):
    gap = targets["y"] - outputs[:, 0]
    return torch.maximum(0.9 * gap, -0.1 * gap).mean() + targets["weight"] * outputs.square().mean()


def data(form):
    draw = generator(2)
    batches = []
    for _ in range(3):
        x, scale = draw(5, 3), draw(5, 1)
        targets = {"y": draw(5), "weight": torch.tensor(0.1).double()}
        batches.append(Batch({"x": x, "scale": scale} if form is dict else (x, scale), targets))
    return [Task(batches[:2], batches[2])]


@pytest.mark.parametrize("form", [dict, tuple])
@pytest.mark.parametrize("algorithm", [MAML, MetaSGD])
def test_several_inputs_a_loss_and_targets_of_ones_own(form, algorithm, two):
    problem = algorithm(functional(two), 0.1, loss=pinball)
    theta = problem.theta(two)
    found = Exact()(problem, theta, data(form))
    for name, g in found.grad.items():  # central differences, every fifth number
        for i in range(0, g.numel(), 5):
            values = []
            for h in (1e-6, -1e-6):
                moved = {n: p.clone() for n, p in theta.items()}
                moved[name].view(-1)[i] += h
                values.append(FirstOrder()(problem, moved, data(form)).loss)
            slope = (values[0] - values[1]) / 2e-6
            torch.testing.assert_close(g.view(-1)[i], slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("part", ["head", "head.", ["norm", "head"], ["head.weight"]], ids=str)
def test_layers_that_are_left_out(part, two):
    theta = weights(two, trainable=part)
    wanted = [part] if isinstance(part, str) else part
    assert set(theta) == {
        n for n, _ in two.named_parameters() if any(n.startswith(w) for w in wanted)
    }
    problem = MAML(functional(two, trainable=part), 0.1, loss=pinball)
    grad = Lazy()(problem, theta, data(dict)).grad
    whole = MAML(functional(two), 0.1, loss=pinball)
    frozen = {n: p.detach() for n, p in two.named_parameters() if n not in theta}
    pieced = MAML(lambda p, x: whole.forward({**frozen, **p}, x), 0.1, loss=pinball)
    assert_same(grad, Lazy()(pieced, theta, data(dict)).grad, rtol=1e-12)
    with pytest.raises(
        InputError, match="to leave layers out, give weights and functional the same"
    ):
        Lazy()(whole, theta, data(dict))


def test_a_layer_that_is_not_there_is_refused(two):
    with pytest.raises(InputError, match=r"trainable 'heed': .* did you mean 'head'"):
        weights(two, trainable=["body", "heed"])


def test_what_users_write_is_typed():
    assert "optimizer" in get_type_hints(MAML)
    assert MAML(functional(nn.Linear(1, 1)), 0.1, optimizer=Adam()).optimizer == Adam()
