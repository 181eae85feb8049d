"""What every search promises: it succeeds, stays within its limits, counts, and repeats itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lazyleap.attack.goals import Goal
from lazyleap.attack.oracle import Oracle
from lazyleap.errors import InputError
from tests.attack.problems import (
    COSTS,
    LIMITS,
    SEARCHES,
    Target,
    attack,
    goals,
    images,
    labels,
    logits,
)

BOTH = [(name, norm) for name in SEARCHES for norm in LIMITS]
every_search = pytest.mark.parametrize(("name", "norm"), BOTH, ids=["-".join(b) for b in BOTH])
each_goal = pytest.mark.parametrize("aim", ["untargeted", "targeted"])


def same(a, b) -> bool:
    return all(torch.equal(getattr(a, n), getattr(b, n)) for n in vars(a))


@every_search
@each_goal
def test_finds_adversarial_images_within_limit_and_budget(name, norm, aim) -> None:
    clean, limit = images(), LIMITS[norm]
    found, oracle, target = attack(SEARCHES[name](norm), norm, aim=aim)
    assert found.success.all()
    answers, wanted = labels(found.adversarial), goals(clean)[aim].labels
    assert ((answers == wanted) == (aim == "targeted")).all()
    moved = (found.adversarial - clean).flatten(1)
    order = 2 if norm == "l2" else torch.inf
    assert (moved.norm(order, dim=1) <= limit.epsilon * (1 + 1e-12)).all()
    assert found.adversarial.min() >= 0
    assert found.adversarial.max() <= 1
    assert torch.equal(found.queries, oracle.queries)
    assert sum(target.calls) == int(oracle.queries.sum())  # the target's own count
    assert (found.queries > 1).all()
    assert (found.queries <= 1500).all()


@every_search
def test_the_same_chance_gives_the_same_bits(name, norm) -> None:
    first, second = (attack(SEARCHES[name](norm), norm)[0] for _ in range(2))
    assert same(first, second)


@pytest.mark.parametrize("name", ["zoo", "square", "random_direction"])
def test_another_chance_gives_another_attack(name) -> None:
    first, second = (attack(SEARCHES[name]("l2"), "l2", seed=s)[0] for s in (0, 1))
    assert not torch.equal(first.adversarial, second.adversarial)


@every_search
def test_an_image_fares_alone_as_among_others(name, norm) -> None:
    search, clean, limit = SEARCHES[name](norm), images(), LIMITS[norm]
    together, *_ = attack(search, norm)
    for i in range(len(clean)):
        chance = np.random.default_rng(0)
        chance.spawn(i)
        oracle = Oracle(Target(), 1500, 1, outputs="logits", chunk=7)
        found = search.run(oracle, clean[i : i + 1], Goal(labels(clean[i : i + 1])), limit, chance)
        assert found.queries[0] == together.queries[i]
        assert torch.allclose(found.adversarial[0], together.adversarial[i], rtol=0, atol=1e-7)


@every_search
def test_few_at_once_is_the_same_attack(name, norm) -> None:
    whole, *_ = attack(SEARCHES[name](norm), norm)
    parts, _, target = attack(SEARCHES[name](norm), norm, chunk=2)
    assert torch.equal(whole.queries, parts.queries)
    assert torch.allclose(whole.adversarial, parts.adversarial, rtol=0, atol=1e-7)
    assert max(target.calls) == 2


@every_search
def test_what_is_adversarial_already_costs_one_query(name, norm) -> None:
    clean = images()
    wrong = Goal((labels(clean) + torch.tensor([1, 0, 1, 0, 1])) % 4)
    oracle = Oracle(Target(), 1500, len(clean), outputs="logits")
    found = SEARCHES[name](norm).run(oracle, clean, wrong, LIMITS[norm], np.random.default_rng(0))
    assert found.queries[[0, 2, 4]].tolist() == [1, 1, 1]
    assert torch.equal(found.adversarial[[0, 2, 4]], clean[[0, 2, 4]])
    assert found.success.all()
    assert (found.queries[[1, 3]] > 1).all()


@every_search
@pytest.mark.parametrize("budget", [1, 2, 24, 25, 26, 45, 61])
def test_stops_where_the_budget_cannot_pay_a_step(name, norm, budget) -> None:
    """A target that never gives in: 0 for every class but one that nobody is."""
    oracle = Oracle(
        lambda x: torch.nn.functional.pad(0.01 * logits(x), (1, 0), value=9.0),
        budget,
        len(images()),
        outputs="logits",
    )
    start = Goal(torch.zeros(len(images()), dtype=torch.int64))
    found = SEARCHES[name](norm).run(
        oracle, images(), start, LIMITS[norm], np.random.default_rng(0)
    )
    assert not found.success.any()
    assert torch.equal(found.queries, oracle.queries)
    assert (found.queries <= budget).all()
    assert (found.queries > budget - COSTS[name]).all()
    if budget == 1:
        assert torch.equal(found.adversarial, images())


@every_search
def test_the_images_given_are_left_alone(name, norm) -> None:
    clean = images()
    attack(SEARCHES[name](norm), norm, pixels=clean)
    assert torch.equal(clean, images())


@every_search
def test_single_precision_works_as_well(name, norm) -> None:
    clean = images().float()
    oracle = Oracle(lambda x: logits(x.double()).float(), 1500, 5, outputs="logits")
    found = SEARCHES[name](norm)
    if name == "predicted":
        theta = {n: p.float() for n, p in found.theta.items()}
        found = type(found)(**(vars(found) | {"theta": theta}))
    outcome = found.run(
        oracle, clean, Goal(labels(images())), LIMITS[norm], np.random.default_rng(0)
    )
    assert outcome.success.all()
    assert outcome.adversarial.dtype == torch.float32
    order = 2 if norm == "l2" else torch.inf
    moved = (outcome.adversarial - clean).flatten(1).norm(order, dim=1)
    assert (moved <= LIMITS[norm].epsilon * (1 + 1e-6)).all()


@every_search
def test_images_and_labels_that_do_not_belong_together(name, norm) -> None:
    oracle = Oracle(Target(), 1500, 5, outputs="logits")
    with pytest.raises(InputError, match="5 images, 4 labels and an oracle for 5"):
        SEARCHES[name](norm).run(
            oracle,
            images(),
            Goal(torch.zeros(4, dtype=torch.int64)),
            LIMITS[norm],
            np.random.default_rng(0),
        )
    assert oracle.queries.sum() == 0
