"""Where the training loop reports to: TensorBoard, the checkpoint, the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from lazyleap.kind import Preview
from lazyleap.noted import warnings
from lazyleap.setting import Setting
from lazyleap.training.loop import Metrics, Progress, peak_memory_mib
from stages.board import Board
from stages.progress import Ticker


class Reporter:
    """Events and checkpoint stay in step: what is stored has been flushed."""

    def __init__(
        self,
        setting: Setting,
        board: Board,
        store: Callable[[Progress, dict[str, Any]], None],
        done: int,
        look: Callable[[], dict[str, Preview]] = dict,
    ) -> None:
        self._board, self._store, self._look = board, store, look
        self._ticker = Ticker("train", setting.name, setting.meta_iterations, done)
        self._warned = set[str]()

    def log(self, iteration: int, metrics: Metrics) -> None:
        """Scalars to TensorBoard; with a validation also what ``look`` finds to see."""
        self._board.log(iteration, metrics)
        for warning in set(warnings(metrics)) - self._warned:
            print(f"{self._ticker.name}: {warning}", file=sys.stderr, flush=True)
            self._warned.add(warning)
        if "validation/score" in metrics:
            for tag, seen in self._look().items():
                self._board.preview(iteration, tag, *seen)

    def tick(self, progress: Progress, metrics: Metrics) -> None:
        """A line or a bar, when it is time for one."""
        self._ticker.update(progress.iteration, words(metrics))

    def store(self, progress: Progress, state: dict[str, Any]) -> None:
        """Events first, so that no checkpoint is ahead of them."""
        self._board.flush()
        self._store(progress, state)

    def close(self) -> None:
        """Leave files and terminal whole."""
        self._ticker.close()
        self._board.close()


class Silent:
    """Of the processes of one training, the observer of all but the first."""

    def log(self, iteration: int, metrics: Metrics) -> None:
        """Nothing."""

    def tick(self, progress: Progress, metrics: Metrics) -> None:
        """Nothing."""

    def store(self, progress: Progress, state: dict[str, Any]) -> None:
        """Nothing."""


def words(metrics: Metrics) -> str:
    """Loss, accuracy where known, and memory, in a few words."""
    accuracy = metrics.get("train/outer_accuracy", metrics.get("train/accuracy"))
    loss = metrics.get("train/loss", metrics.get("train/outer_loss", float("nan")))
    shown = "" if accuracy is None else f" accuracy {100 * accuracy:.1f}%"
    return f"loss {loss:.3f}{shown} memory {peak_memory_mib():.0f}MiB"
