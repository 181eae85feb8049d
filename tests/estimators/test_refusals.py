"""What cannot be meant is refused in a sentence: numbers at construction, theta when it comes."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

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
from lazyleap.models import functional, weights
from tests.cases import RATE, Case, generator, perceptron
from tests.reference import assert_same

CASE = Case("maml", "perceptron")
NAN = float("nan")
EVERY = [Lazy(), FirstOrder(), Exact(), Unrolled(), Reptile(), Implicit()]


def refused(words: str, call, *arguments) -> None:
    with pytest.raises(InputError, match=words) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [-1.0, 0.0, NAN, float("inf"), "0.1x", None, True])
@pytest.mark.parametrize(
    "make",
    [MAML, MetaSGD, ANIL, lambda f, r: Reweight(f, {}, r), lambda f, r: WeightNet(f, {}, r)],
    ids=["maml", "meta_sgd", "anil", "reweight", "weight_net"],
)
def test_a_rate_is_a_finite_number_above_zero(make, rate):
    refused(f"inner_lr {rate}: wants a finite number above 0", make, perceptron, rate)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (partial(SGD, 1.0), "momentum 1.0: wants a finite number from 0 and below 1"),
        (partial(SGD, -0.1), "momentum -0.1"),
        (partial(SGD, NAN), "momentum nan"),
        (partial(Implicit, rho=0), "rho 0: .* above 0"),
        (partial(Implicit, rho=NAN), "rho nan"),
        (partial(Implicit, cg_steps=0), "cg_steps 0: wants a whole number from 1"),
        (partial(Implicit, cg_steps=2.5), "cg_steps 2.5"),
        (partial(Lazy, 0), "leaps 0: wants a whole number from 1"),
        (partial(Lazy, 1.5), "leaps 1.5"),
        (partial(Lazy, lam=1.5), "lam 1.5: .* 0 < lam <= 1"),
        (partial(Lazy, lam=NAN), "lam nan"),
        (partial(Lazy, lam=0.5), "lam 0.5: .*'end'"),
        (partial(Lazy, placement="star"), "placement 'star' is unknown; did you mean 'start'"),
        (partial(Lazy, placement=[0.5]), r"placement \[0.5\]: wants"),
        (partial(Lazy, placement=2), "placement 2: wants"),
        (partial(Lazy, 2, [3, 1]), r"placement \[3, 1\]: wants 2 \(leaps\) rising steps"),
        (partial(Lazy, 2, [1]), r"placement \[1\]: wants 2 \(leaps\)"),
        (
            partial(WeightNet, perceptron, {}, RATE, weighted_step="lst"),
            "weighted_step 'lst' is unknown; did you mean 'last'",
        ),
    ],
)
def test_numbers_that_fit_nothing_are_refused_at_construction(make, words):
    refused(words, make)


THETAS = {
    "empty": (lambda t: {}, "theta is {}: wants tensors by name"),
    "module": (lambda t: torch.nn.Linear(1, 1), r"theta is Linear\(.*: wants tensors by name"),
    "integers": (lambda t: {n: p.long() for n, p in t.items()}, "of torch.int64: only floats"),
    "mixed": (
        lambda t: t | {"head.bias": t["head.bias"].float()},
        r"'head.bias'\] is of torch.float32 on cpu, theta\['body.weight'\] of torch.float64",
    ),
    "devices": (
        lambda t: t | {"head.bias": t["head.bias"].to("meta")},
        r"'head.bias'\] is of torch.float64 on meta, .* on cpu: all must be alike",
    ),
    "nan": (lambda t: t | {"head.bias": t["head.bias"] * NAN}, r"'head.bias'\] holds a number"),
    "inf": (lambda t: t | {"head.bias": t["head.bias"] / 0}, r"'head.bias'\] holds a number"),
}


@pytest.mark.parametrize("estimator", EVERY, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(("change", "words"), THETAS.values(), ids=THETAS)
def test_a_theta_that_cannot_be_learned(estimator, change, words):
    theta = change(CASE.theta())
    refused(words, estimator, CASE.problem, theta, CASE.tasks(2, same_batch=True))


def named(problem, theta: dict[str, Tensor], batch=None):
    batch = batch or CASE.tasks(1)[0].inner[0]
    return Lazy(), problem, theta, [Task([batch], CASE.tasks(1)[0].outer)]


def test_a_theta_with_other_names_than_the_algorithms_is_refused_by_name():
    plain = CASE.theta()
    meta_sgd, anil = MetaSGD(perceptron, RATE), ANIL(perceptron, RATE)
    good = meta_sgd.theta(plain)
    run = lambda *given: (given[0])(*given[1:])  # noqa: E731
    refused(
        r"theta\['body.weight'\] is no part of Meta-SGD's theta, .*; valid: init/NAME, rate/NAME",
        run, *named(meta_sgd, plain),
    )  # fmt: skip
    missing = {n: p for n, p in good.items() if n != "rate/head.bias"}
    refused("theta has no 'rate/head.bias'", run, *named(meta_sgd, missing))
    misspelt = good | {"rates/head.bias": plain["head.bias"]}
    refused("did you mean 'rate/head.bias'", run, *named(meta_sgd, misspelt))
    headless = {n.replace("head", "haed"): p for n, p in plain.items()}
    refused(
        r"ANIL: no name of theta starts with 'head.' \(head=\); did you mean 'haed.'",
        run, *named(anil, headless),
    )  # fmt: skip


@pytest.mark.parametrize("estimator", EVERY, ids=lambda e: type(e).__name__)
def test_a_name_that_nothing_reads_is_refused_but_for_a_modules_unused_layer(estimator):
    theta, tasks = CASE.theta(), CASE.tasks(2, same_batch=True)
    words = r"theta\['hed.bias'\] is read by no inner step and not by the outer loss"
    refused(words, estimator, CASE.problem, theta | {"hed.bias": theta["head.bias"]}, tasks)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2)).double()
    net[0].unused = torch.nn.Linear(1, 1).double()
    found = estimator(MAML(functional(net), RATE), weights(net), tasks).grad
    assert found["0.weight"].any()
    assert not found["0.unused.weight"].any()


def test_a_weightings_theta_with_other_names_or_sizes():
    batch, classifier = Weighted(*CASE.tasks(1)[0].inner[0]), CASE.theta()
    run = lambda *given: (given[0])(*given[1:])  # noqa: E731
    reweight, net = Reweight(perceptron, classifier, RATE), WeightNet(perceptron, classifier, RATE)
    eps = torch.zeros(6).double()
    refused("did you mean 'eps'", run, *named(reweight, {"ep": eps}, batch))
    refused(r"\[5\] weights .* of \[6\] examples", run, *named(reweight, {"eps": eps[:5]}, batch))
    v = {n: p.double() for n, p in weight_net.start(4).items()}
    del v["output.bias"]
    refused("theta has no 'output.bias', a parameter of V", run, *named(net, v, batch))


def test_a_layer_that_only_some_tasks_use_has_its_gradient_whatever_their_order():
    draw = generator(5)
    theta = {"first": draw(3, 2), "second": draw(2, 2)}

    def forward(p, inputs):
        hidden = inputs @ p["first"]
        return hidden @ p["second"] if inputs.sum() > 0 else hidden

    inputs, labels = draw(6, 3).abs(), torch.arange(6) % 2
    used, unused = (Batch(sign * inputs, labels) for sign in (1, -1))
    tasks = [Task([used] * 2, used), Task([unused] * 2, unused)]
    problem = MAML(forward, RATE)
    expected = Unrolled()(problem, theta, tasks).grad
    assert expected["second"].any()
    for order in (tasks, tasks[::-1]):
        assert_same(Exact()(problem, theta, order).grad, expected)
