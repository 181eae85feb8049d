"""One training over several processes, as ``torchrun`` starts them: tasks over ranks.

All ranks hold the same theta and draw the same meta-batch. Each takes its part of the tasks; one
all-reduce makes of what they found what one process would have found, to rounding, and all move
theta alike. Only rank 0 validates, logs and writes. Where a forward pass draws by chance (dropout)
a task draws other numbers than it would in one process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol, TypeVar, runtime_checkable

import torch
import torch.distributed as dist
from torch import Tensor

from lazyleap.errors import InputError
from lazyleap.estimators import MetaGradient
from lazyleap.models.layout import flat, shaped
from lazyleap.trees import Tree, filled

T = TypeVar("T")
PATIENCE = timedelta(days=1)  # the others wait for as long as rank 0 validates
WORDS = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@runtime_checkable
class Divisible(Protocol):
    """A learner whose step can be divided among ranks."""

    def divide(self, ranks: Ranks) -> None:
        """From now on take only this rank's part of a step; InputError where there is none."""
        ...


@dataclass
class Ranks:
    """Which of the processes of one training this is; alone where nothing is said."""

    rank: int = 0
    count: int = 1
    _elsewhere: Tensor | None = None
    _since: float = field(default_factory=time.process_time)

    @property
    def first(self) -> bool:
        """Whether this is the one that validates and writes."""
        return self.rank == 0

    def share(self, tasks: Sequence[T]) -> Sequence[T]:
        """The part of a meta-batch that is this rank's: consecutive tasks, one more or less.

        Raises:
            InputError: if there are fewer tasks than ranks.
        """
        if len(tasks) < self.count:
            raise InputError(
                f"{self.count} processes share a meta-batch of {len(tasks)} tasks: start no more "
                "than it has tasks, or enlarge meta_batch"
            )
        start, end = (len(tasks) * rank // self.count for rank in (self.rank, self.rank + 1))
        return tasks[start:end]

    def mean(self, part: MetaGradient, theta: Tree, weight: float) -> MetaGradient:
        """The meta-batch's loss and gradient, of this rank's, ``weight`` of all tasks.

        One all-reduce, of theta's numbers and two more. The paths stay this rank's own.
        """
        if self.count == 1:
            return part
        now = time.process_time()
        spent = 0.0 if self.first else now - self._since
        self._since = now
        total = torch.cat(
            [
                weight * flat(filled(part.grad, theta)),
                weight * part.loss.reshape(1),
                torch.full_like(part.loss, spent).reshape(1),
            ]
        )
        dist.all_reduce(total)
        self._elsewhere = total[-1] if self._elsewhere is None else self._elsewhere + total[-1]
        return replace(part, loss=total[-2], grad=shaped(total[:-2], theta))

    def average(self, found: dict[str, float], weight: float) -> dict[str, float]:
        """The mean of numbers that all ranks have under the same names."""
        if self.count == 1:
            return found
        total = weight * torch.tensor(list(found.values()), dtype=torch.float64)
        everyone: list[Tensor | None] = [None] * self.count
        dist.all_gather_object(everyone, total)
        mean = torch.stack([each for each in everyone if each is not None]).sum(0)
        return dict(zip(found, mean.tolist(), strict=True))

    def cpu_elsewhere(self) -> float:
        """CPU seconds that the other ranks spent since this was last asked; reads."""
        found, self._elsewhere = self._elsewhere, None
        return 0.0 if found is None else float(found)

    def told(self, value: T) -> T:
        """What rank 0 says."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The ranks that ``torchrun`` started, of which this process is one, for the block.

    Over gloo on a CPU and NCCL on GPUs, of which each rank takes the one of its local number.

    Raises:
        InputError: if there are fewer GPUs than ranks on this machine.
    """
    if not all(word in os.environ for word in WORDS) or os.environ["WORLD_SIZE"] == "1":
        yield Ranks()
        return
    rank, count, local = (int(os.environ[word]) for word in WORDS)
    if device.type == "cuda":
        if local >= (there := torch.cuda.device_count()):
            raise InputError(f"rank {rank} wants GPU {local}, but torch sees {there} here")
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(rank, count)
    finally:
        dist.destroy_process_group()
