"""What was not finite is known afterwards, with its name, its value and its iteration."""

from __future__ import annotations

import pytest
import torch

from lazyleap.errors import DivergedError
from lazyleap.training.watch import Watch


def see(watch, i, loss, length=2.0):
    return bool(watch.see(i, {"loss": torch.tensor(loss), "length": torch.tensor(length)}))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [((float("nan"), 1.0), "loss is nan"), ((1.0, float("-inf")), "length is -inf")],
    ids=str,
)
def test_the_first_that_is_not_finite_stays(numbers, words):
    watch = Watch()
    assert watch.read() == {}
    assert see(watch, 4, 1.0)
    assert see(watch, 5, 0.5)
    assert watch.read() == {"loss": 0.5, "length": 2.0}
    assert not see(watch, 6, *numbers)
    assert not see(watch, 7, 3.0)  # finite again, too late
    with pytest.raises(DivergedError, match=f"^{words} at iteration 6$"):
        watch.read()


def test_an_iteration_is_no_float():
    watch = Watch()
    watch.see(2**24 + 1, {"loss": torch.tensor(float("nan"))})
    with pytest.raises(DivergedError, match=r"at iteration 16777217$"):
        watch.read()
