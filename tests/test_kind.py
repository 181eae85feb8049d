"""What a kind of task has by itself, and what it must say."""

from __future__ import annotations

import pytest

from lazyleap.algorithms import MAML
from lazyleap.algorithms.weighting import Weighting
from lazyleap.kind import Kind
from lazyleap.longtail.baselines import Fixed


@pytest.mark.parametrize(
    ("method", "arguments"), [("learner", 3), ("classes", 2), ("judge", 4)], ids=str
)
def test_a_kind_that_leaves_out_what_only_it_can_say_is_told_so(method, arguments):
    with pytest.raises(NotImplementedError):
        getattr(Kind(), method)(*[None] * arguments)


def test_without_a_word_it_draws_and_shows_nothing_and_takes_what_adapts():
    mine = Kind()
    assert mine.draw({}, None) == mine.pictures(None) == mine.preview(None) == {}
    assert mine.check(None) is None
    assert mine.takes(MAML)
    assert not mine.takes(Fixed)


def test_a_weighting_must_say_how_it_weighs():
    with pytest.raises(NotImplementedError):
        Weighting(None, {}, 0.1).weigh({}, None, None)
