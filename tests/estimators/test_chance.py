"""Random forward passes: the teacher takes the very step that the student took.

The oracle is the same problem with its dropout masks written out as a part of the inputs, drawn
beforehand in the order in which one pass through the tasks draws them.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lazyleap import (
    ANIL,
    MAML,
    Batch,
    Exact,
    FirstOrder,
    Implicit,
    Lazy,
    MetaSGD,
    Reptile,
    Reweight,
    Task,
    Unrolled,
    Weighted,
    WeightNet,
)
from lazyleap.algorithms import SGD, weight_net
from lazyleap.errors import InputError
from lazyleap.estimators import chance
from lazyleap.models import functional
from tests.cases import CLASSES, HIDDEN, INPUTS, PERCEPTRON_SHAPES, RATE, REFUSED, generator
from tests.reference import assert_same

K, SEED, SHARE = 6, 11, 0.5  # exact takes the first two of six steps twice
ESTIMATORS = {
    "first_order": FirstOrder(),
    "lazy": Lazy(),
    "lazy-end": Lazy(placement="end"),
    "lazy-lam": Lazy(placement="end", lam=0.5),
    "lazy-2": Lazy(2),
    "exact": Exact(),
    "unrolled": Unrolled(),
    "reptile": Reptile(),
    "implicit": Implicit(cg_steps=9),
}
ALGORITHMS = ["maml", "meta_sgd", "anil", "reweight", "weight_net"]


class Dropped(nn.Module):
    """``cases.perceptron`` with half of the hidden units left out, by torch's own dropout."""

    def __init__(self, draws: nn.Module) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, CLASSES)
        self.draws = draws
        self.double()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.draws(torch.tanh(self.body(inputs))))


def written_out(p, inputs: tuple[Tensor, Tensor]) -> Tensor:
    images, mask = inputs
    hidden = torch.tanh(images @ p["body.weight"].T + p["body.bias"])
    return (hidden * mask) @ p["head.weight"].T + p["head.bias"]


def parameters() -> dict[str, Tensor]:
    draw = generator(1)
    return {n: 0.5 * draw(*reversed(shape)) for n, shape in PERCEPTRON_SHAPES.items()}


def batch(draw, n: int) -> Batch:
    return Batch(draw(n, INPUTS), (draw(n) > 0).long())


def problem_of(algorithm: str, forward):
    p, draw = parameters(), generator(2)
    if algorithm == "reweight":
        return Reweight(forward, p, RATE), {"eps": 0.3 * draw(6).abs()}
    if algorithm == "weight_net":
        theta = {n: draw(*q.shape) for n, q in weight_net.start(4).items()}
        return WeightNet(forward, p, RATE), theta
    kind = {"maml": MAML, "meta_sgd": MetaSGD, "anil": ANIL}[algorithm]
    problem = kind(forward, RATE, optimizer=SGD(0.5))
    return problem, problem.theta(p) if algorithm == "meta_sgd" else p


def tasks_of(algorithm: str, *, same: bool) -> list[Task]:
    draw = generator(3)
    tasks = []
    for _ in range(2):
        inner = [batch(draw, 6) for _ in range(K)]
        inner = [inner[0]] * K if same else inner
        if algorithm in ("reweight", "weight_net"):
            inner = [Weighted(*b) for b in inner]
        tasks.append(Task(inner, batch(draw, 5)))
    return tasks


def masked(tasks: list[Task], *, same: bool) -> list[Task]:
    """The tasks with the masks of their forward passes, in the order of drawing."""
    torch.manual_seed(SEED)

    def mask(b):
        return F.dropout(torch.ones(len(b.targets), HIDDEN).double(), SHARE)

    def with_mask(b, m):
        return b._replace(inputs=(b.inputs, m))

    found = []
    for task in tasks:
        if same:
            inner = [with_mask(task.inner[0], mask(task.inner[0]))] * K
        else:
            inner = [with_mask(b, mask(b)) for b in task.inner]
        found.append(Task(inner, with_mask(task.outer, mask(task.outer))))
    return found


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("name", "estimator"), ESTIMATORS.items(), ids=ESTIMATORS)
def test_dropout_is_the_network_with_its_masks_written_out(algorithm, name, estimator):
    if (algorithm, name.split("-")[0]) in REFUSED:
        pytest.skip("refused")
    same = name == "implicit"
    tasks = tasks_of(algorithm, same=same)
    problem, theta = problem_of(algorithm, written_out)
    expected = estimator(problem, theta, masked(tasks, same=same))
    after = torch.rand(3)
    problem, theta = problem_of(algorithm, functional(Dropped(nn.Dropout(SHARE))))
    torch.manual_seed(SEED)
    found = estimator(problem, theta, tasks)
    assert torch.equal(after, torch.rand(3))  # the generator goes on as after one pass
    torch.testing.assert_close(found.loss, expected.loss, rtol=1e-13, atol=0)
    assert_same(found.grad, expected.grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_exact_is_unrolled_under_dropout(algorithm):
    problem, theta = problem_of(algorithm, functional(Dropped(nn.Dropout(SHARE))))
    tasks, found = tasks_of(algorithm, same=False), []
    for estimator in (Exact(), Lazy(K), Unrolled()):
        torch.manual_seed(SEED)
        found.append(estimator(problem, theta, tasks).grad)
    assert_same(found[0], found[2], rtol=1e-12, atol=1e-15)
    assert_same(found[1], found[2], rtol=1e-12, atol=1e-15)


class OwnGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.source = torch.Generator().manual_seed(1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.bernoulli(torch.full_like(x, 0.5), generator=self.source)


def test_what_cannot_be_drawn_again_is_refused_and_unrolled_takes_it():
    problem, theta = problem_of("maml", functional(Dropped(OwnGenerator())))
    tasks = tasks_of("maml", same=False)
    with pytest.raises(InputError, match=r"a step taken twice ends in two places.*Unrolled"):
        Exact()(problem, theta, tasks)
    for once in (Unrolled(), FirstOrder(), Lazy(), Lazy(placement="end")):  # no step is taken twice
        once(problem, theta, tasks)


def test_one_tensor_that_ends_elsewhere_is_refused():
    point, end = ({name: torch.full((2,), value) for name in "ab"} for value in (0.0, 1.0))
    chance.check_same(end, end, point)
    with pytest.raises(InputError, match=r"two places \(0.71 of its length apart\)"):
        chance.check_same({**end, "b": 2 * end["b"]}, end, point)


def test_nothing_is_kept_of_a_step_that_draws_nothing():
    _, theta = problem_of("maml", functional(Dropped(nn.Identity())))
    before = chance.state(theta)
    assert chance.drawn(before) == {}
    torch.rand(1)
    assert set(chance.drawn(before)) == {torch.device("cpu")}


@pytest.mark.parametrize("name", ["cuda:1", "mps"])
def test_a_devices_generator_is_replayed_and_given_back(monkeypatch, name):
    """By a stand-in for torch.cuda and torch.mps, whose functions differ in what they take."""
    device, asked = torch.device(name), () if name == "mps" else (torch.device(name),)
    now = [torch.tensor([3])]

    def get_rng_state(*of):
        assert of == asked
        return now[0]

    def set_rng_state(state, *of):
        assert of == asked
        now[0] = state

    module = SimpleNamespace(get_rng_state=get_rng_state, set_rng_state=set_rng_state)
    monkeypatch.setattr(torch, "get_device_module", {device: module}.__getitem__)
    before = chance.state({"w": SimpleNamespace(device=device)})
    assert set(before) == {torch.device("cpu"), device}
    now[0] = torch.tensor([4])  # the student's step draws
    kept = chance.drawn(before)
    now[0] = torch.tensor([9])
    with chance.replayed(kept):
        assert now[0].item() == 3
        now[0] = torch.tensor([4])
    assert now[0].item() == 9
