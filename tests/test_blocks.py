"""Blocks of params.yaml: closed and frozen, merged with what a run says, and put into words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

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
