"""Work shared among threads: the order, the errors and the bounds of one."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from lazyleap.parallel import AHEAD, Share, in_order


def late_first(item: int) -> int:
    time.sleep(0.002 * (item % 5 == 0))
    return item * item


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("piece", [1, 3])
def test_results_come_in_the_order_of_the_items(workers, piece):
    assert list(in_order(late_first, range(50), workers, piece)) == [i * i for i in range(50)]


@pytest.mark.parametrize("workers", [1, 4])
def test_the_first_item_that_fails_is_the_one_that_is_said(workers):
    def work(item: int) -> int:
        if item == 20:
            time.sleep(0.05)  # those after it have failed by then
        if item >= 20:
            raise ValueError(f"item {item}")
        return item

    made = in_order(work, range(100), workers)
    with closing(made), pytest.raises(ValueError, match=r"^item 20$"):
        list(made)


def test_little_is_in_flight_and_nothing_after_closing():
    begun: list[int] = []
    made = in_order(begun.append, range(1000), 3, 2)
    for _ in range(10):
        next(made)
        time.sleep(0.002)
    assert len(begun) <= 10 + AHEAD * 3 * 2
    made.close()
    before = len(begun)
    time.sleep(0.02)
    assert len(begun) == before


def test_threads_share_a_bound():
    share, inside, most = Share(10), [0], [0]
    lock = threading.Lock()

    def work(count: int) -> None:
        with share.of(count):
            with lock:
                inside[0] += count
                most[0] = max(most[0], inside[0])
            time.sleep(0.002)
            with lock:
                inside[0] -= count

    list(in_order(work, [4, 6, 5, 3, 2, 7] * 4, 6))
    assert 7 < most[0] <= 10


def test_one_may_take_more_than_all_alone():
    share = Share(10)
    with share.of(25):
        waiting = threading.Thread(target=lambda: share.of(1).__enter__())
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()
