"""No search can reach the classifier except through the oracle."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

import lazyleap.attack
from lazyleap.attack.goals import Goal
from lazyleap.attack.oracle import Oracle
from tests.attack.problems import LIMITS, SEARCHES, Target, images, labels, logits

SOURCES = Path(lazyleap.attack.__file__).parent


def paths(thing, wanted, name: str, seen: set[int]):
    """Every chain of attributes, items, closures and bound objects from one thing to another."""
    if thing is wanted:
        yield name
        return
    if id(thing) in seen or isinstance(thing, (str, int, float, type)):
        return
    seen.add(id(thing))
    for part, inside in parts(thing):
        yield from paths(inside, wanted, name + part, seen)


def parts(thing):
    if isinstance(thing, dict):
        yield from ((f"[{k!r}]", v) for k, v in thing.items())
    elif isinstance(thing, (list, tuple, set)):
        yield from ((f"[{i}]", v) for i, v in enumerate(thing))
    elif isinstance(thing, functools.partial):
        yield from ((f".{n}", getattr(thing, n)) for n in ("func", "args", "keywords"))
    else:
        yield from ((f".{n}", v) for n, v in getattr(thing, "__dict__", {}).items())
        for n in ("__self__", "__func__", "__defaults__", "__kwdefaults__", "grad_fn"):
            if getattr(thing, n, None) is not None:
                yield f".{n}", getattr(thing, n)
        for i, cell in enumerate(getattr(thing, "__closure__", None) or ()):
            yield f".__closure__[{i}]", cell.cell_contents


@pytest.mark.parametrize("name", SEARCHES)
def test_the_oracle_is_the_only_way(name, monkeypatch) -> None:
    """Also that the walk finds what there is: the oracle's own, private, reference."""
    target, search, clean = Target(), SEARCHES[name]("l2"), images()
    oracle = Oracle(target, 500, len(clean), outputs="logits")
    given = {
        "search": search,
        "oracle": oracle,
        "images": clean,
        "goal": Goal(labels(clean)),
        "limit": LIMITS["l2"],
        "chance": np.random.default_rng(0),
    }
    assert list(paths(given, target, "", set())) == ["['oracle']._ask"]
    run = {n: v for n, v in given.items() if n != "search"}
    search.run(**run)  # Target fails when called from anywhere else, or with a graph


def test_only_the_oracle_names_the_reference() -> None:
    naming = [f.name for f in SOURCES.glob("*.py") if "_ask" in f.read_text()]
    assert naming == ["oracle.py"]


def test_the_guard_sees_a_call_that_goes_around() -> None:
    target = Target()
    with pytest.raises(AssertionError, match="asked by"), torch.no_grad():
        target(images())
    oracle = Oracle(target, 500, 5, outputs="logits")
    with pytest.raises(AssertionError, match="asked by"), torch.no_grad():
        oracle._ask(images())


@pytest.mark.parametrize("name", SEARCHES)
def test_a_differentiable_target_is_of_no_more_use(name) -> None:
    """The outcome is the same where gradients could be had and where they could not."""

    def hidden(pixels):
        return torch.from_numpy(logits(pixels.detach()).detach().numpy().copy())

    outcomes = []
    for scores in (logits, hidden):
        oracle = Oracle(scores, 700, 5, outputs="logits")
        with torch.enable_grad():
            found = SEARCHES[name]("l2").run(
                oracle,
                images().requires_grad_(),
                Goal(labels(images())),
                LIMITS["l2"],
                np.random.default_rng(0),
            )
        assert not found.adversarial.requires_grad
        outcomes.append(found)
    assert torch.equal(outcomes[0].adversarial, outcomes[1].adversarial)
    assert torch.equal(outcomes[0].queries, outcomes[1].queries)
