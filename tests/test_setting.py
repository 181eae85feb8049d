"""From the words of params.yaml to the objects that work: each key arrives, overrides first."""

from __future__ import annotations

import pytest
from torch import nn

from lazyleap.errors import InputError
from lazyleap.estimators import Exact, FirstOrder, Implicit, Lazy, Reptile, Unrolled
from lazyleap.models import functional
from lazyleap.setting import Setting
from lazyleap.training.outer import OuterOptions
from lazyleap.views import view
from tests.handmade import setting

OUTER = {"optimizer": "sgd", "lr": 0.5, "schedule": "step", "clip_norm": 3.0}


def changed(params):
    params["estimators"]["lazy"] = {"leaps": 2, "lam": 1.0, "rest": "identity", "listen": "end"}
    params["estimators"]["implicit"] = {"rho": 0.7, "cg_steps": 9}
    params["algorithms"]["maml"] = {"inner_lr": 0.3, "momentum": 0.4, "outer": OUTER}
    params["tasks"]["glyphs"]["training"]["meta_iterations"] = 77
    params["threads"] = 2


def made(folder, estimator="exact", change=changed, task="glyphs", algorithm="maml", **run):
    run = {"algorithm": algorithm, "estimator": estimator, "horizon": 5, **run}
    return setting(folder, task, run, change)


def forward(parameters, inputs):
    raise AssertionError("is not asked")


def outer_of(found):
    return OuterOptions.of(found.algorithm_options.outer, found.meta_iterations)


LAZY = {"estimator": "lazy", "placement": "start"}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"estimator": "first_order"}, FirstOrder()),
        ({"estimator": "exact"}, Exact()),
        ({"estimator": "unrolled"}, Unrolled()),
        ({"estimator": "reptile"}, Reptile()),
        ({"estimator": "implicit"}, Implicit(0.7, 9)),
        (LAZY, Lazy(2, "start")),
        (LAZY | {"leaps": 3}, Lazy(3, "start")),
        (LAZY | {"placement": "end"}, Lazy(2, "end")),
        (LAZY | {"placement": "tail", "leaps": 4}, Lazy(4, "tail")),
        (LAZY | {"placement": [1, 2, 4]}, Lazy(3, [1, 2, 4])),
        (LAZY | {"placement": "end", "leaps": 1, "lam": 0.25}, Lazy(1, "end", 0.25)),
        (
            LAZY | {"rest": "secants", "listen": [2, 5], "momentum": 0.0},
            Lazy(2, rest="secants", listen=[2, 5]),
        ),
        ({"estimator": "exact", "listen": [1, 5]}, Exact(listen=[1, 5])),
    ],
    ids=str,
)
def test_the_estimator_a_run_asks_for(run, expected, tmp_path):
    assert made(tmp_path, **run).make_estimator() == expected


@pytest.mark.parametrize(
    ("order", "placement", "steps"),
    [
        ("last", "start", (0, 4)),
        ("first", "start", (0,)),
        ("last", "end", (4,)),
        ("first", "end", (0, 4)),
    ],
)
@pytest.mark.parametrize("by_run", [True, False])
def test_the_teacher_takes_the_weighted_step_too(order, placement, steps, by_run, tmp_path):
    def change(params):
        params["algorithms"]["reweight"]["weighted_step"] = "last" if by_run else order

    run = {"placement": placement} | ({"weighted_step": order} if by_run else {})
    found = made(tmp_path, "lazy", change, "glyphs-lt", "reweight", **run)
    problem = found.make_problem(forward)
    assert found.make_estimator().teacher(problem, found.horizon) == steps
    assert problem.weighted_step == found.option("weighted_step") == order


def test_a_part_of_a_leap_goes_with_the_weighted_step_last(tmp_path):
    run = {"placement": "end", "lam": 0.5, "weighted_step": "first"}
    with pytest.raises(InputError, match=r"lam 0\.5"):
        made(tmp_path, "lazy", lambda params: None, "glyphs-lt", "reweight", **run)


def test_rates_momentum_and_the_outer_descent_are_those_of_the_algorithm(tmp_path):
    found = made(tmp_path)
    problem, outer = found.make_problem(forward), outer_of(found)
    assert (problem.inner_lr, problem.optimizer.momentum) == (0.3, 0.4)
    assert {name: getattr(outer, name) for name in OUTER} == OUTER
    assert outer.iterations == found.meta_iterations == 77
    assert (found.horizon, found.seed, found.threads) == (5, 3, 2)


def test_a_run_overrides_rate_and_length(tmp_path):
    found = made(tmp_path, inner_lr=0.9, meta_iterations=8)
    assert found.make_problem(forward).inner_lr == 0.9
    assert outer_of(found).iterations == 8


@pytest.mark.parametrize("algorithm", ["maml", "meta_sgd", "anil"])
def test_theta_starts_as_the_network_is(algorithm, tmp_path):
    found = made(tmp_path, algorithm=algorithm)
    network = nn.Sequential()
    network.add_module("body", nn.Linear(2, 3))
    network.add_module("head", nn.Linear(3, 2))
    problem = found.make_problem(functional(network))
    theta = problem.theta(network)
    start = problem.init(theta)
    for name, p in network.named_parameters():
        if algorithm != "anil" or name.startswith("head"):
            assert (start[name] == p).all()
    moved = {n for n in start if not n.startswith("momentum/")}
    expected = (
        {"head.weight", "head.bias"}
        if algorithm == "anil"
        else dict(network.named_parameters()).keys()
    )
    assert moved == set(expected)


def test_what_training_depends_on_says_nothing_of_targets(tmp_path):
    found = made(tmp_path, "lazy", changed, "glyphs-attack", "meta_attack", placement="start")
    assert found.surrogates
    assert found.targets
    plain = view(found, "train")
    assert "targets" not in plain
    assert plain["task"].keys() == {"kind", "model", "training", "draw"}
    assert plain["task"]["draw"].keys() == {"seed"}  # of validation
    assert "search" not in plain["algorithm_options"]
    assert "search" in view(found, "evaluate")["algorithm_options"]
    assert plain["surrogates"] == list(found.surrogates)
    options = {"leaps": 2, "lam": 1.0, "rest": "identity", "listen": "end"}
    assert plain["estimator_options"] == options | {"placement": "start"}
    assert plain["algorithm_options"]["inner_lr"] == found.option("inner_lr")


@pytest.mark.parametrize("stage", ["train", "evaluate", "export"])
def test_what_a_stage_is_given_is_read_back(stage, tmp_path):
    run = {"placement": "start", "inner_lr": 0.7}
    found = made(tmp_path, "lazy", changed, "glyphs-attack", "meta_attack", **run)
    again = Setting.of(view(found, stage))
    told = {"train": {"surrogates"}, "evaluate": {"targets", "overrides"}, "export": {"surrogates"}}
    for name, empty in {"surrogates": (), "targets": (), "overrides": {}}.items():
        assert getattr(again, name) == (getattr(found, name) if name in told[stage] else empty)
    assert found.overrides == run
    same = ("name", "task_name", "horizon", "seed", "meta_iterations", "algorithm_class")
    assert {n: getattr(again, n) for n in same} == {n: getattr(found, n) for n in same}
    assert again.option("inner_lr") == 0.7
    assert again.estimator_class is (Lazy if stage == "train" else None)
    assert again.device == ("cpu" if stage == "export" else found.device)


KEYS = {
    "leaps": 1,
    "lam": 1.0,
    "placement": "start",
    "rest": "identity",
    "weighted_step": "last",
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_nobody_would_read_is_refused(key, tmp_path):
    with pytest.raises(InputError, match=f"{key} does not go with"):
        made(tmp_path, **{key: KEYS[key]})


@pytest.mark.parametrize("key", ["inner_lr", "horizon"])
def test_a_rule_looks_nowhere_ahead(key, tmp_path):
    run = {"horizon": 1, "inner_lr": None} | {key: 2 if key == "horizon" else 0.1}
    with pytest.raises(InputError, match=key):
        made(tmp_path, "none", changed, "glyphs-lt", "cross_entropy", **run)
