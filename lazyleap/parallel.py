"""Work shared among threads, its results in order and never far ahead of who takes them."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

AHEAD = 4  # pieces of work in flight, a worker

Item = TypeVar("Item")
Made = TypeVar("Made")


def cores() -> int:
    """CPU cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def in_order(
    work: Callable[[Item], Made], items: Iterable[Item], workers: int, piece: int = 1
) -> Generator[Made, None, None]:
    """``work`` of each item, in the items' order, by so many threads; by none if there is one.

    A worker does ``piece`` items before it hands them over; four pieces a worker are in flight at
    most. What an item raises is raised when its turn comes, so that it is the same for any number
    of workers, and what was begun is dropped. Close the iterator, or take all of it.
    """
    if workers == 1:
        yield from map(work, items)
        return
    left, waiting = iter(items), deque[Future[list[Made]]]()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while some := list(islice(left, piece)):
                waiting.append(pool.submit(_each, work, some))
                if len(waiting) == AHEAD * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _each(work: Callable[[Item], Made], items: list[Item]) -> list[Made]:
    return [work(item) for item in items]


class Share:
    """A bound that several threads keep together; one alone may take more than all of it."""

    def __init__(self, most: int) -> None:
        self._most, self._taken, self._free = most, 0, threading.Condition()

    @contextmanager
    def of(self, count: int) -> Iterator[None]:
        """Wait until there is room for ``count``, and hold it for the block."""
        with self._free:
            self._free.wait_for(lambda: not self._taken or self._taken + count <= self._most)
            self._taken += count
        try:
            yield
        finally:
            with self._free:
                self._taken -= count
                self._free.notify_all()
