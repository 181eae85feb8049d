"""Which of the student's steps the teacher takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazyleap.errors import InputError
from lazyleap.estimators.placement import teacher_steps, with_taught


@pytest.mark.parametrize(
    ("horizon", "leaps", "placement", "steps"),
    [
        (10, 1, "start", (0,)),
        (10, 1, "end", (9,)),
        (10, 1, "tail", (9,)),
        (10, 2, "start", (0, 5)),
        (10, 3, "start", (0, 3, 6)),
        (20, 3, "start", (0, 6, 13)),
        (10, 3, "end", (3, 6, 9)),
        (20, 3, "end", (6, 13, 19)),
        (10, 3, "tail", (7, 8, 9)),
        (10, 5, "start", (0, 2, 4, 6, 8)),
        (10, 3, [2, 5, 8], (2, 5, 8)),
        (1, 1, "start", (0,)),
    ],
)
def test_the_steps_the_teacher_takes(horizon, leaps, placement, steps):
    assert teacher_steps(horizon, leaps, placement) == steps


@given(st.integers(1, 60).flatmap(lambda k: st.tuples(st.just(k), st.integers(1, k))))
def test_every_named_placement_is_distinct_rising_steps_of_the_horizon(sizes):
    k, m = sizes
    for placement in ("start", "end", "tail"):
        steps = teacher_steps(k, m, placement)
        assert len(steps) == m
        assert list(steps) == sorted(set(steps))
        assert set(steps) <= set(range(k))
        assert (0 if placement == "start" else k - 1) in steps
        assert teacher_steps(k, k, placement) == tuple(range(k))
    # the same gaps from either side
    mirrored = tuple(k - 1 - j for j in reversed(teacher_steps(k, m, "start")))
    assert teacher_steps(k, m, "end") == mirrored


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 1, "start"), "horizon 0"),
        ((-3, 1, "start"), "horizon -3"),
        ((5, 0, "start"), "leaps 0"),
        ((5, 6, "end"), "leaps 6.*horizon = 5"),
        ((5, 1, "begin"), "placement 'begin'.*end, start, tail"),
        ((5, 1, [5]), r"placement \[5\].*0\.\.4"),
        ((5, 1, [-1]), r"placement \[-1\]"),
        ((5, 2, [3, 1]), r"placement \[3, 1\].*rising"),
        ((5, 2, [1, 1]), r"placement \[1, 1\]"),
        ((5, 2, [1]), r"placement \[1\].*2 \(leaps\)"),
        ((5, 1, []), r"placement \[\]"),
        ((5, 1, "end", 0.0), "lam 0.0"),
        ((5, 1, "end", 1.5), "lam 1.5"),
        ((5, 1, "end", float("nan")), "lam nan"),
        ((5, 1, "start", 0.5), "lam 0.5.*'end'"),
        ((5, 2, "end", 0.5), "lam 0.5.*leaps 1"),
        ((5, 1, [4], 0.5), "lam 0.5"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_value(arguments, words):
    with pytest.raises(InputError, match=words):
        teacher_steps(*arguments)


def test_the_weighted_step_is_always_among_the_teachers():
    assert with_taught((4,), (4,), 0.5) == (4,)
    assert with_taught((0,), (4,)) == (0, 4)
    assert with_taught((2, 4), (0,)) == (0, 2, 4)
    assert with_taught((0,), (0,)) == (0,)
    with pytest.raises(InputError, match=r"lam 0\.5.*must take 0 as well.*weighted_step"):
        with_taught((4,), (0,), 0.5)
