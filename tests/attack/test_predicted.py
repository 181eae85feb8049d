"""The meta-attack against a plain program for one image after another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lazyleap.algorithms.meta_attack import cosine_distances, squared_errors
from lazyleap.attack.goals import Goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.errors import DivergedError, InputError
from tests.attack.problems import (
    LIMITS,
    SHAPE,
    SIZE,
    attack,
    draw,
    goals,
    images,
    logits,
    predicted,
    predictor,
    theta,
)


def margin(x, label: int, targeted: bool) -> float:
    logs = torch.log_softmax(logits(x[None])[0], 0)
    other = max(float(v) for c, v in enumerate(logs) if c != label)
    return other - float(logs[label]) if targeted else float(logs[label]) - other


def differences(x, places, label, targeted, h):
    """Central differences by a loop; within h of an edge, about the point h away from it."""
    found = []
    for j in places:
        centre = min(max(float(x.view(-1)[j]), h), 1 - h)
        values = []
        for side in (h, -h):
            moved = x.clone()
            moved.view(-1)[j] = centre + side
            values.append(margin(moved, label, targeted))
        found.append((values[0] - values[1]) / (2 * h))
    return torch.tensor(found, dtype=torch.float64)


def finetuned(phi, x, places, targets, options):
    for _ in range(options.finetune_steps):
        leaves = {n: p.clone().requires_grad_() for n, p in phi.items()}
        values = predictor(leaves, x[None]).view(-1)[places]
        error = (values - targets).square().mean()
        if options.distance is cosine_distances:
            error = -(values @ targets) / (values @ values).sqrt() / targets.norm()
        grads = torch.autograd.grad(error, list(leaves.values()))
        phi = {n: p - options.finetune_lr * g for (n, p), g in zip(phi.items(), grads, strict=True)}
    return phi


def reference(options, clean, label, targeted, limit, budget):
    """The attack on one image, written down again."""
    x, phi, queries, taken = clean.clone(), options.theta, 1, 0
    while margin(x, label, targeted) >= 0:
        measuring = taken % options.every == 0
        cost = 1 + measuring * 2 * options.coordinates
        if queries + cost > budget:
            break
        found = predictor(phi, x[None])[0].clone()
        if measuring:
            places = found.abs().view(-1).argsort(descending=True)[: options.coordinates]
            targets = differences(x, places, label, targeted, options.width)
            targets = targets / targets.abs().max()
            phi = finetuned(phi, x, places, targets, options)
            found = predictor(phi, x[None])[0].clone()
            if options.keep_measured:
                if options.distance is cosine_distances:
                    found = found / found.abs().max()
                found.view(-1)[places] = targets
        if options.follow is not None:
            smallest = found.abs().view(-1).argsort()[: SIZE - options.follow]
            found.view(-1)[smallest] = 0
        move = (
            x
            - clean
            - options.step * (found / found.norm() if limit.norm == "l2" else found.sign())
        )
        if limit.norm == "l2":
            move = move * min(1.0, limit.epsilon / float(move.norm()))
        else:
            move = move.clamp(-limit.epsilon, limit.epsilon)
        x, queries, taken = (clean + move).clamp(0, 1), queries + cost, taken + 1
    return x, margin(x, label, targeted) < 0, queries


@pytest.mark.parametrize("distance", [squared_errors, cosine_distances])
@pytest.mark.parametrize("follow", [None, 9])
@pytest.mark.parametrize("keep", [True, False], ids=["measured", "map"])
@pytest.mark.parametrize("aim", ["untargeted", "targeted"])
@pytest.mark.parametrize("norm", LIMITS)
def test_it_is_the_attack_written_down_again(norm, aim, keep, follow, distance) -> None:
    step = {"l2": 0.15, "linf": 0.03}[norm]
    options = predicted(norm, keep_measured=keep, follow=follow, every=2, coordinates=6, step=step)
    options = replace(options, distance=distance)
    found, *_ = attack(options, norm, aim=aim, budget=120)
    goal = goals(images())[aim]
    for i, clean in enumerate(images()):
        x, success, queries = reference(
            options, clean, int(goal.labels[i]), goal.targeted, LIMITS[norm], 120
        )
        assert torch.allclose(found.adversarial[i], x, rtol=0, atol=1e-6)
        assert (bool(found.success[i]), int(found.queries[i])) == (success, queries)
    assert found.queries.max() > 30  # else nothing was fine-tuned twice


def flat_map(phi, pixels):
    return phi["map"].view(1, *SHAPE).expand(len(pixels), *SHAPE) + 0 * pixels


@pytest.mark.parametrize("keep", [True, False])
def test_where_all_measured_values_are_zero_the_map_serves(keep) -> None:
    start, middle = draw(11)(SIZE), torch.full((2, *SHAPE), 0.5, dtype=torch.float64)
    options = predicted(
        "l2", forward=flat_map, theta={"map": start}, keep_measured=keep, every=1, step=0.1
    )
    oracle = Oracle(
        lambda x: torch.tensor([[2.0, 0.0]]).expand(len(x), 2), 1 + 3 * 41, 2, outputs="logits"
    )
    found = options.run(
        oracle,
        middle,
        Goal(torch.zeros(2, dtype=torch.int64)),
        Limit("l2", 5.0),
        np.random.default_rng(0),
    )
    assert not found.success.any()
    expected = middle - 0.3 * (start / start.norm()).view(SHAPE)
    assert torch.allclose(found.adversarial, expected)


def test_the_predictor_given_is_not_changed() -> None:
    mine = {n: p.requires_grad_() for n, p in theta().items()}
    attack(predicted("l2", theta=mine), "l2")
    assert all(torch.equal(p, theta()[n]) and p.grad is None for n, p in mine.items())


def test_copies_at_once_make_no_difference() -> None:
    whole, *_ = attack(predicted("l2"), "l2")
    parts, *_ = attack(predicted("l2", copies=2), "l2")
    assert torch.equal(whole.queries, parts.queries)
    assert torch.allclose(whole.adversarial, parts.adversarial, rtol=0, atol=1e-7)


def test_a_rate_that_diverges_is_named() -> None:
    with pytest.raises(DivergedError, match=r"at the rate 1e\+30 diverged"):
        attack(predicted("l2", finetune_lr=1e30, finetune_steps=30), "l2")


def test_a_copy_that_diverges_starts_again_from_theta() -> None:
    search = predicted("l2")
    whole = {n: p.expand(3, *p.shape).clone() for n, p in search.theta.items()}
    name = next(iter(whole))
    whole[name][1] = torch.nan
    phi, maps = search._restart(whole, images(3), first=False)
    assert torch.equal(phi[name][1], search.theta[name])
    assert maps.isfinite().all()
    assert all(torch.equal(phi[n][[0, 2]], whole[n][[0, 2]]) for n in whole)


def test_more_coordinates_than_there_are() -> None:
    for name in ("coordinates", "follow"):
        with pytest.raises(InputError, match=f"{name} 85 of images with 84"):
            attack(predicted("l2", **{name: 85}), "l2")


def test_only_the_first_fine_tuning_may_fail_all_copies(monkeypatch) -> None:
    search, told = predicted("l2"), []

    def restart(self, phi, images, first):
        told.append(first)
        return real(self, phi, images, first)

    real = type(search)._restart
    monkeypatch.setattr(type(search), "_restart", restart)
    attack(search, "l2")
    assert told[0]
    assert len(told) > 1
    assert not any(told[1:])
