"""Blocks of params.yaml: closed and frozen, merged with what a run says, and put into words."""

from __future__ import annotations

import math

import pytest
from pydantic import TypeAdapter, ValidationError

from lazyleap import blocks
from lazyleap.blocks import Block, NetworkOptions, Outer, network_words

OUTER = {"optimizer": "adam", "lr": 0.1, "schedule": "cosine", "clip_norm": None}


class Conv(NetworkOptions):
    width: int
    norm: str


class Both(Block):
    outer: Outer
    rate: float


def test_a_block_is_frozen_and_takes_no_word_for_a_number():
    block = Outer(**OUTER)
    with pytest.raises(ValidationError, match="frozen"):
        block.lr = 0.2
    for wrong in ({"lr": "0.1"}, {"rate": 1.0}):
        with pytest.raises(ValidationError):
            Outer(**OUTER | wrong)


def test_changes_reach_into_a_block_and_replace_all_else():
    given = {"outer": OUTER, "rate": 0.5}
    merged = Block.merged(given, {"outer": {"lr": 0.9}, "more": {"a": 1}, "rate": 2.0})
    assert merged == {"outer": OUTER | {"lr": 0.9}, "more": {"a": 1}, "rate": 2.0}
    assert Block.merged(given, {"outer": None}) == {"outer": None, "rate": 0.5}
    assert given == {"outer": OUTER, "rate": 0.5}


def test_a_part_of_a_block_knows_nothing_of_the_rest():
    found = Both.some({"outer": {"lr": 0.1}})
    assert found.outer.lr == 0.1
    for missing in ("rate", "optimizer"):
        with pytest.raises(AttributeError):
            getattr(found if missing == "rate" else found.outer, missing)


def test_a_network_in_words():
    network = Conv(backbone="conv", width=4, norm="batch")
    assert network.words == "conv (width 4, norm batch)"
    assert network_words({"backbone": "mlp"}) == "mlp"
    assert network.by_batch
    assert not Conv(backbone="conv", width=4, norm="group").by_batch
    assert not NetworkOptions(backbone="conv").by_batch


LIMITS = [
    (blocks.Count, [1, 10**9], [0, 10**9 + 1, 1.5]),
    (blocks.Held, [1, 10**6], [0, 10**6 + 1]),
    (blocks.Steps, [1, 10**5], [0, 10**5 + 1]),
    (blocks.Name, ["a" * 100], ["", "a" * 101, "A"]),
    (blocks.Word, ["A" * 100], ["", "A" * 101, "a.b"]),
    (blocks.Folder, ["/" * 500], ["", "/" * 501, "$"]),
    (blocks.Here, ["", "a" * 499 + "/"], ["a", "a" * 500 + "/"]),
    (blocks.File, ["$" * 500], ["", "$" * 501, "\n"]),
    (blocks.Rate, [1e-300, 1e300], [0, math.inf, math.nan]),
    (blocks.Momentum, [0, 0.999], [-1e-9, 1]),
    (blocks.Seed, [0, 2**63 - 1], [-1, 2**63]),
    (blocks.Fraction, [1e-9, 0.999], [0, 1]),
    (blocks.Width, [1e-9, 0.5], [0, 0.501]),
]


@pytest.mark.parametrize(("kind", "taken", "refused"), LIMITS)
def test_the_ends_of_every_range(kind, taken, refused):
    reader = TypeAdapter(kind)
    for value in taken:
        assert reader.validate_python(value) == value
    for value in refused:
        with pytest.raises(ValidationError):
            reader.validate_python(value)
