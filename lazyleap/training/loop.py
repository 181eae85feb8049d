"""The one training loop: step, check, log, validate, checkpoint, and stop in time."""

from __future__ import annotations

import math
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from lazyleap.errors import DivergedError, InputError, OutOfTimeError
from lazyleap.noted import PREFIX
from lazyleap.seeding import seed_torch
from lazyleap.statistics import Score, marked
from lazyleap.training.ranks import Ranks
from lazyleap.trees import not_finite

Metrics = dict[str, float]


class Learner(Protocol):
    """What the loop trains: it knows how to take one step, to validate, and to be stored."""

    @property
    def theta(self) -> dict[str, Tensor]:
        """What is learned, off every tape."""
        ...

    def step(self, iteration: int, *, describe: bool) -> Metrics:
        """One iteration; with ``describe`` what there is to log of it, else no number is read.

        Where a loss or gradient is not finite theta stays as it was, from then on.
        """
        ...

    def check(self) -> None:
        """DivergedError if a step up to now was not finite; this reads."""
        ...

    def validate(self) -> Metrics:
        """Scores of theta; ``validation/score`` decides, larger is better."""
        ...

    def state(self) -> dict[str, Any]:
        """All that the next iteration depends on."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from ``state()``."""
        ...


def validated(found: Score, chance: float) -> Metrics:
    """A validation's score, larger is better, as the loop and the log want it.

    ``chance``: what a theta that says nothing scores.
    """
    found = marked(found, chance)
    return {f"validation/{key}": found[key] for key in ("low", "high", "at_chance")} | {
        "validation/score": found["value"]
    }


@dataclass(frozen=True)
class Plan:
    """How long to train, and how often to log, validate and store (in iterations, seconds).

    ``keep``: the theta that scored best in validation, or the last one, for schedules that end
    where they mean to. ``max_seconds`` is this call's time budget; None for no limit. A checkpoint
    is written at every validation, when the budget ends, and every ``checkpoint_seconds`` between.
    ``seed``: what an iteration draws from torch's global generators (dropout, say) is a stream of
    its own, so that neither a break nor logging changes it.
    """

    iterations: int
    log_every: int
    validate_every: int
    keep: Literal["best", "last"] = "best"
    max_seconds: float | None = None
    checkpoint_seconds: float = 30.0
    seed: int = 0


@dataclass
class Progress:
    """Where training is; what a checkpoint holds beside the learner."""

    iteration: int = 0
    best_score: float = -math.inf
    best_iteration: int = 0
    best_theta: dict[str, Tensor] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_memory_mib: float = 0.0
    resumed: int = 0
    best_at_chance: bool = False
    lowest: Metrics = field(default_factory=dict)  # of what estimators noted, where it was logged

    def note(self, metrics: Metrics) -> None:
        """Keep the smallest of what an estimator noted."""
        for tag, value in metrics.items():
            if tag.startswith(PREFIX):
                self.lowest[tag] = min(value, self.lowest.get(tag, math.inf))


class Observer(Protocol):
    """Where the loop reports to."""

    def log(self, iteration: int, metrics: Metrics) -> None:
        """Metrics of an iteration, by tag."""
        ...

    def tick(self, progress: Progress, metrics: Metrics) -> None:
        """An iteration has ended."""
        ...

    def store(self, progress: Progress, state: dict[str, Any]) -> None:
        """Keep this, so that training can go on from here."""
        ...


def fit(
    learner: Learner, plan: Plan, progress: Progress, observer: Observer, ranks: Ranks | None = None
) -> Progress:
    """Train until ``plan.iterations``, from ``progress`` on; ``plan.keep`` is kept.

    Of several ``ranks`` the first alone validates, observes and knows what is kept.

    Of no iterations at all the start is validated and kept: an untrained control.

    Seconds exclude validation and logging: they are what meta-training itself costs.

    Raises:
        DivergedError: when a loss or a gradient is not finite, or, where theta is validated or
            stored, when theta or its score is not; such a theta is neither kept nor stored.
        OutOfTimeError: when the time budget ends first; the state is stored.
    """
    deadline = time.monotonic() + (plan.max_seconds or math.inf)
    stored, shown, ranks = time.monotonic(), Metrics(), ranks or Ranks()
    if not ranks.first:
        return _follow(learner, plan, progress, ranks)
    if not plan.iterations:
        _validate(learner, plan, progress, observer)
    while progress.iteration < plan.iterations:
        i = progress.iteration
        describe = i % plan.log_every == 0 or i + 1 == plan.iterations
        metrics, seconds = timed_step(learner, plan, progress, describe)
        progress.iteration = i + 1
        shown = metrics or shown  # the last that are known
        progress.note(metrics)
        observer.tick(progress, shown)
        if describe:
            memory = peak_memory_mib()
            observer.log(i, metrics | {"cost/seconds": seconds, "cost/peak_memory_mib": memory})
        validated = _validate(learner, plan, progress, observer)
        late = time.monotonic() > deadline and progress.iteration < plan.iterations
        late = ranks.told(late) if plan.max_seconds else late
        if validated or late or time.monotonic() - stored > plan.checkpoint_seconds:
            _require_finite(learner, i)
            progress.cpu_seconds += ranks.cpu_elsewhere()
            observer.store(progress, learner.state())
            stored = time.monotonic()
        if late:
            raise OutOfTimeError(
                f"the time budget of {plan.max_seconds:g} s ended after {progress.iteration} of "
                f"{plan.iterations} iterations; run again to go on from there"
            )
    return progress


def _follow(learner: Learner, plan: Plan, progress: Progress, ranks: Ranks) -> Progress:
    """The steps of :func:`fit`, for as long as the first rank goes on."""
    while progress.iteration < plan.iterations:
        i = progress.iteration
        timed_step(learner, plan, progress, i % plan.log_every == 0 or i + 1 == plan.iterations)
        progress.iteration = i + 1
        if plan.max_seconds and ranks.told(False):
            break
    return progress


def timed_step(
    learner: Learner, plan: Plan, progress: Progress, describe: bool
) -> tuple[Metrics, float]:
    """The iteration that ``progress`` is at, which its seconds are added to; wall seconds too.

    Raises:
        DivergedError: if what it says of itself is not finite.
    """
    i = progress.iteration
    seed_torch(plan.seed, "iteration", i)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        metrics = learner.step(i, describe=describe)
    except InputError:
        _require_finite(learner, i - 1)  # refused is then what training made, not what was given
        raise
    seconds = time.perf_counter() - wall
    progress.wall_seconds += seconds
    progress.cpu_seconds += time.process_time() - cpu
    for tag, value in metrics.items():
        if tag.startswith("train/") and not math.isfinite(value):
            raise DivergedError(f"{tag} is {value} at iteration {i}")
    return metrics, seconds


def _require_finite(learner: Learner, i: int) -> None:
    learner.check()
    if name := not_finite(learner.theta):
        raise DivergedError(f"'{name}' of theta is not finite after iteration {i}")


def _validate(learner: Learner, plan: Plan, progress: Progress, observer: Observer) -> bool:
    done = progress.iteration
    if not learner.theta or (done % plan.validate_every and done != plan.iterations):
        return False
    if not progress.peak_memory_mib:  # before validation, which holds many task models at once
        progress.peak_memory_mib = peak_memory_mib()
    _require_finite(learner, done - 1)
    metrics = learner.validate()
    if math.isnan(metrics.get("validation/score", 0.0)):
        raise DivergedError(f"validation/score is nan at iteration {done - 1}")
    if plan.keep == "last" or metrics["validation/score"] > progress.best_score:
        progress.best_score, progress.best_iteration = metrics["validation/score"], done
        progress.best_at_chance = bool(metrics.get("validation/at_chance", 0.0))
        progress.best_theta = {n: p.clone() for n, p in learner.theta.items()}
    observer.log(done - 1, metrics)
    return True


def peak_memory_mib() -> float:
    """The process's peak resident memory (CPU), or the allocator's peak on the GPU, in MiB."""
    if torch.cuda.is_available() and torch.cuda.memory_allocated():
        return torch.cuda.max_memory_allocated() / 2**20
    try:  # unlike ru_maxrss this is not handed down to a process that is started
        said = Path("/proc/self/status").read_text()
        return int(said.partition("VmHWM:")[2].split()[0]) / 2**10
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)
