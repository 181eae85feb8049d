"""What a GPU would be asked for, counted without one.

On the ``meta`` device every operation checks where its tensors are, and reading a number raises: a
training step that runs there has no tensor left on the CPU and waits for nothing.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from types import MappingProxyType

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lazyleap import (
    ANIL,
    MAML,
    Batch,
    Exact,
    FirstOrder,
    Lazy,
    MetaSGD,
    Reptile,
    Task,
    Unrolled,
    Weighted,
)
from lazyleap.algorithms import Reweight, WeightNet, weight_net
from lazyleap.estimators.together import Together
from lazyleap.longtail.baselines import Fixed, class_balanced, ldam_margins
from lazyleap.longtail.classifier import Classifier, Descent
from lazyleap.longtail.learned import Ahead, Examples, Net
from lazyleap.longtail.learner import WeightedLearner
from lazyleap.longtail.means import ClassMeans
from lazyleap.models import Conv4, ResNetCifar, functional
from lazyleap.models.layout import channels_last
from lazyleap.training.meta_learner import MetaLearner
from lazyleap.training.outer import OuterOptimizer, OuterOptions

META = torch.device("meta")
VIEWS = {
    "detach", "view", "t", "unsqueeze", "expand", "transpose", "alias", "_unsafe_view",
    "as_strided", "permute", "split", "select", "squeeze", "slice",
}  # fmt: skip
OUTER = OuterOptions("adam", 0.001, "cosine", 10.0, 100)


class Kernels(TorchDispatchMode):
    """Counts what is dispatched."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls[str(func).split(".")[1]] += 1
        return func(*args, **(kwargs or {}))

    def __len__(self) -> int:
        return sum(n for name, n in self.calls.items() if name not in VIEWS)


def build(kind, horizon, device="cpu", tasks=4):
    """Conv-4, 5-way 1-shot; the counts do not depend on its width."""
    net = Conv4(5, width=8).to(device)
    problem = kind(functional(net), 0.4)

    def batch(n):
        return Batch(
            channels_last(torch.randn(n, 1, 28, 28, device=device)),
            torch.zeros(n, dtype=torch.long, device=device),
        )

    return problem, problem.theta(net), [Task([batch(5)] * horizon, batch(10))] * tasks


def a_step_of_a_task(estimator, kind, tasks=4) -> float:
    """Kernels that one more step of the student costs each task."""
    counts = []
    for horizon in (4, 5):
        asked = build(kind, horizon, tasks=tasks)
        with Kernels() as kernels:
            estimator(*asked)
        counts.append(len(kernels))
    return (counts[1] - counts[0]) / tasks


@pytest.mark.parametrize(
    ("kind", "most"), [(MAML, 46), (MetaSGD, 49), (ANIL, 29)], ids=["maml", "meta-sgd", "anil"]
)
@pytest.mark.parametrize("estimator", [Lazy(), FirstOrder(), Reptile()], ids=str)
def test_a_students_step_costs_few_kernels_for_every_estimator(estimator, kind, most):
    if kind is not MAML and isinstance(estimator, Reptile):
        pytest.skip("refused")
    assert a_step_of_a_task(estimator, kind) <= most


@pytest.mark.parametrize("estimator", [Lazy(), FirstOrder()], ids=str)
def test_side_by_side_the_tasks_share_them(estimator):
    assert a_step_of_a_task(Together(estimator), MAML) <= 14
    assert a_step_of_a_task(Together(estimator), MAML, tasks=16) <= 4


FEW_SHOT = [  # all but Implicit, whose conjugate gradient decides by what it finds
    *((e, "adam") for e in (Lazy(), Exact(), FirstOrder(), Unrolled(), Reptile())),
    (Lazy(2), "sgd"),
    (Together(Lazy()), "adam"),
]


@pytest.mark.parametrize(("estimator", "optimizer"), FEW_SHOT, ids=str)
def test_a_few_shot_step_reads_no_number(estimator, optimizer):
    problem, theta, tasks = build(MAML, 2, META, tasks=2)
    outer = OuterOptions(optimizer, 0.001, "cosine", 10.0, 100)
    learner = MetaLearner(
        problem, estimator, theta, outer, sample=lambda i: tasks, accuracy=None, score=None
    )
    for i in range(2):
        assert learner.step(i, describe=False) == {}
    assert all(p.is_meta for p in learner.theta.values())


@pytest.mark.parametrize("estimator", [Lazy(), Exact()], ids=str)
def test_weights_of_examples_ask_nothing_of_the_classifier(estimator):
    """Of seven convolutions: the step's gradient and the outer one, and no pull onto phi.

    Of three shortcuts two are padded, in each forward pass and back again.
    """
    network = ResNetCifar(4, blocks=1)
    theta = {"eps": torch.zeros(6)}
    batch = Weighted(torch.randn(6, 3, 16, 16), torch.arange(6) % 4)
    classifier = {n: p.detach() for n, p in network.named_parameters()}
    with Kernels() as kernels:
        estimator(problem(Reweight, network, classifier), theta, [Task([batch], batch)])
    assert kernels.calls["convolution_backward"] == 7 + 7
    assert kernels.calls["native_batch_norm_backward"] == 7 + 7 + 7
    assert kernels.calls["constant_pad_nd"] == 2 * (2 + 2) + 2


def weigher(name, network, estimator, stream, means):
    ahead = Ahead(stream, stream, 3, "last")
    if name == "ldam":
        counts = torch.empty(4, device=META)
        return Fixed(class_balanced(counts, 0.99), since=1, margins=ldam_margins(counts, 0.5, 30.0))
    if name == "reweight":
        return Examples(partial(problem, Reweight, network), estimator, ahead, means, 9)
    start = {n: p.to(META) for n, p in weight_net.start(5).items()}
    optimizer = OuterOptimizer(start, OUTER)
    return Net(partial(problem, WeightNet, network), estimator, ahead, optimizer)


def problem(kind, network, classifier=MappingProxyType({}), share=1.0):
    return kind(functional(network), classifier, 0.1 * share)


@pytest.mark.parametrize("estimator", [Lazy(), Lazy(placement="end"), Exact(), Unrolled()], ids=str)
@pytest.mark.parametrize("name", ["reweight", "weight_net", "ldam"])
def test_a_long_tailed_step_reads_no_number(name, estimator):
    running = ResNetCifar(4, blocks=1, running=True).to(META)
    state = Classifier(running, Descent(0.1, 0.9, 5e-4, 0.0, (), 0.1, 9))
    virtual = ResNetCifar(4, blocks=1).to(META)
    images = channels_last(torch.empty(6, 3, 16, 16, device=META))
    batch = Batch(images, torch.empty(6, dtype=torch.long, device=META))
    stream, means = dict.fromkeys(range(9), batch), ClassMeans(4, 0.9, META)
    learner = WeightedLearner(
        state, weigher(name, virtual, estimator, stream, means), stream, means, batch
    )
    for i in range(2):
        assert learner.step(i, describe=False) == {}
    assert all(p.is_meta for p in learner.theta.values())
