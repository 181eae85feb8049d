"""Tasks side by side are the tasks one after the other, in float64, for every network that can."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lazyleap import (
    ANIL,
    MAML,
    Batch,
    Exact,
    FirstOrder,
    Implicit,
    Lazy,
    MetaAttack,
    MetaSGD,
    Reptile,
    Task,
    Unrolled,
)
from lazyleap.algorithms import SGD
from lazyleap.errors import InputError
from lazyleap.estimators.together import SMALL, Together, engine, quickest, stacked
from lazyleap.models import Conv4, ResNet12, functional
from lazyleap.models.layout import channels_last
from lazyleap.models.predictor import Predictor
from tests.cases import generator
from tests.reference import assert_same

WAY, K = 3, 3
NETWORKS = {
    "conv4-batch": lambda: Conv4(WAY, channels=2, size=16, width=8),
    "conv4-group": lambda: Conv4(
        WAY, channels=2, size=32, width=16, norm="group", downsample="stride"
    ),
    "resnet12": lambda: ResNet12(WAY, channels=2, width=4),
    "predictor": lambda: Predictor(2, 8),
}
ESTIMATORS = {
    "lazy": Lazy(), "lam": Lazy(placement="end", lam=0.5), "lazy-2": Lazy(2), "exact": Exact(),
    "first": FirstOrder(), "unrolled": Unrolled(), "reptile": Reptile(),
}  # fmt: skip


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name]().double()


def tasks(name: str, count: int = 3) -> list[Task]:
    draw, side = generator(1), 32 if name == "conv4-group" else 16

    def batch(n: int) -> Batch:
        images, labels = channels_last(draw(n, 2, side, side)), torch.arange(n) % WAY
        return Batch(images, draw(n, 2, side, side) if name == "predictor" else labels)

    found = [Task([batch(6) for _ in range(K)], batch(9)) for _ in range(count)]
    found[0] = found[0]._replace(inner=[found[0].inner[0]] * K)  # one that comes again
    return found


@pytest.mark.parametrize("kind", [MAML, MetaSGD, ANIL], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("name", NETWORKS)
def test_side_by_side_is_one_after_the_other(name, estimator, kind):
    net, kind = network(name), MetaAttack if name == "predictor" else kind
    if isinstance(estimator, Reptile) and kind in (MetaSGD, ANIL):
        pytest.skip("Reptile takes neither")
    momentum = 0.9 if isinstance(estimator, Lazy) else 0.0
    problem = kind(functional(net), 0.05, optimizer=SGD(momentum))
    theta = problem.theta(net)
    loop, together = (e(problem, theta, tasks(name)) for e in (estimator, Together(estimator)))
    torch.testing.assert_close(together.loss, loop.loss, rtol=1e-12, atol=0)
    length = max(p.norm() for p in loop.grad.values())
    assert_same(together.grad, loop.grad, rtol=1e-12, atol=1e-12 * float(length))
    for ours, theirs in zip(together.paths, loop.paths, strict=True):
        assert_same(ours.end, theirs.end, rtol=1e-12, atol=1e-14)
        assert (ours.taken is None) == (theirs.taken is None)


def test_the_rule():
    def asked(net, **options):
        problem = MAML(functional(net, **options), 0.1)
        return engine(problem, problem.theta(net))

    assert asked(Conv4(WAY, width=16)) == "together"
    assert asked(Conv4(WAY, width=64)) == "loop"
    assert sum(p.numel() for p in Conv4(WAY, width=16).parameters()) <= SMALL
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.LazyLinear(WAY))
    plain(torch.ones(1, 1, 8, 8))
    assert asked(plain) == "loop"  # torch's layers do not know of tasks


def test_what_is_no_mean_over_tasks_stays_a_loop():
    net = Conv4(WAY, width=4)
    problem = MAML(functional(net), 0.1)
    assert quickest(estimator := Implicit(), problem, problem.theta(net)) is estimator
    for mean in (Lazy(), Exact(), Unrolled(), FirstOrder(), Reptile()):
        assert quickest(mean, problem, problem.theta(net)) == Together(mean)


def test_frozen_layers_are_shared_by_all_tasks():
    net = network("conv4-batch")
    net.body.block1.requires_grad_(False)
    problem = MAML(functional(net), 0.05)
    theta = problem.theta(net)
    loop, together = (e(problem, theta, tasks("conv4-batch")) for e in (Lazy(), Together(Lazy())))
    assert_same(together.grad, loop.grad, rtol=1e-11, atol=1e-13)


def test_batches_that_are_made_when_asked_for_are_stacked_in_their_order():
    """None is mistaken for another that was gone before it was made."""

    class Made(list):
        def __getitem__(self, step):
            return Batch(torch.full((2, 1), float(super().__getitem__(step))), torch.arange(2))

        def __iter__(self):
            return (self[j] for j in range(len(self)))

    one, other = Made(range(50)), Made(range(100, 150))
    inner = stacked([Task(one, one[0]), Task(other, other[0])]).inner
    assert len(inner) == 50
    found = [batch.inputs[:, 0, 0].tolist() for batch in inner]
    assert found == [[float(j), 100.0 + j] for j in range(50)]
    assert inner[2:4][1].inputs[1, 0, 0] == 103
    with pytest.raises(InputError, match="share one"):
        stacked([Task(one, one[0]), Task(Made(range(3)), one[0])])


def test_a_batch_that_comes_again_is_stacked_once():
    some = tasks("conv4-batch")
    inner = stacked([some[0], some[0]]).inner
    assert inner[0] is inner[1]
    mixed = stacked(some[:2]).inner
    assert mixed[0] is mixed[0]
    assert not torch.equal(mixed[0].inputs[1], mixed[1].inputs[1])
