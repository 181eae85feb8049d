"""The meta-learner: theta, its optimiser, and one meta-iteration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from lazyleap.bilevel import Bilevel, Task
from lazyleap.estimators import Estimator, MetaGradient, Path
from lazyleap.estimators.together import Engine, Together
from lazyleap.training.loop import Metrics
from lazyleap.training.outer import OuterOptimizer, OuterOptions
from lazyleap.training.posed import Posed
from lazyleap.training.ranks import Ranks
from lazyleap.training.watch import Watch
from lazyleap.trees import Tree, dot, norm, subtract


class MetaLearner:
    """What :func:`lazyleap.training.loop.fit` trains in few-shot learning and other meta-batches.

    Args:
        problem: the four functions.
        estimator: how the meta-gradient is computed.
        theta: where meta-learning starts; copied.
        sample: the meta-batch of an iteration.
        accuracy: a score in 0..1 of one task's ``(phi, theta, task)``, for the log.
        score: what validation says of theta, larger is better; may be costly.
        scored: the tag that ``accuracy`` is logged under.
        held_out: the first so many tasks of validation, or all if there are fewer.
    """

    def __init__(
        self,
        problem: Bilevel,
        estimator: Estimator,
        theta: Tree,
        outer: OuterOptions,
        sample: Callable[[int], Sequence[Task]],
        accuracy: Callable[[Tree, Tree, Task], float],
        score: Callable[[Tree], Metrics],
        scored: str = "train/outer_accuracy",
        held_out: Callable[[int], Sequence[Task]] | None = None,
    ) -> None:
        self.problem, self.estimator = problem, estimator
        self._scored, self._held_out = scored, held_out
        self.sample, self.accuracy, self._score = sample, accuracy, score
        self._outer, self._watch = OuterOptimizer(theta, outer), Watch()
        self._ranks = Ranks()

    def divide(self, ranks: Ranks) -> None:
        """From now on take only this rank's tasks of a meta-batch; see :class:`Ranks`."""
        ranks.share(self.sample(0))  # refused before any work
        self._ranks = ranks

    @property
    def engine(self) -> Engine:
        """How the tasks of a meta-batch are taken, for the record."""
        return "together" if isinstance(self.estimator, Together) else "loop"

    @property
    def theta(self) -> dict[str, Tensor]:
        """The meta-parameters now, off every tape."""
        return self._outer.theta

    def step(self, iteration: int, *, describe: bool) -> Metrics:
        """One meta-iteration; with ``describe`` what the log wants to know of it."""
        batch = self.sample(iteration)
        tasks = self._ranks.share(batch)
        part, theta = len(tasks) / len(batch), self.theta
        meta = self._ranks.mean(self.estimator(self.problem, theta, tasks), theta, part)
        length = norm(meta.grad)
        seen = {"train/outer_loss": meta.loss, "train/meta_gradient_norm": length}
        alive = self._watch.see(iteration, seen)
        lr = self._outer.move(iteration, meta.grad, length, alive)
        if not describe:
            return {}
        described = self._ranks.average(self._describe(theta, tasks, meta), part)
        return self._watch.read() | {"train/outer_lr": lr} | described

    def _describe(self, theta: Tree, tasks: Sequence[Task], meta: MetaGradient) -> Metrics:
        scores = [
            self.accuracy(path.end, theta, task)
            for path, task in zip(meta.paths, tasks, strict=True)
        ]
        lengths = [travel(path) for path in meta.paths]
        mean = {key: sum(each[key] for each in lengths) / len(lengths) for key in lengths[0]}
        noted = {tag: float(value) for tag, value in meta.noted.items()}
        return {self._scored: sum(scores) / len(scores), **mean, **noted}

    def check(self) -> None:
        """DivergedError if a loss or a gradient was not finite."""
        self._watch.read()

    def validate(self) -> Metrics:
        """Validation of theta as it is; ``validation/score`` is what decides."""
        return self._score(self.theta)

    def posed(self, trained: Tree, count: int) -> Posed | None:
        """Tasks of validation."""
        return Posed(self.problem, trained, self._held_out(count)) if self._held_out else None

    def state(self) -> dict[str, Any]:
        """All that the next iteration depends on."""
        return self._outer.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._outer.load_state(state)


class Untrained:
    """Nothing to learn: theta is empty, and there are no iterations."""

    @property
    def theta(self) -> dict[str, Tensor]:
        """Empty."""
        return {}

    def step(self, iteration: int, *, describe: bool) -> Metrics:
        """Nothing to do."""
        return {}

    def check(self) -> None:
        """Nothing that could have gone wrong."""

    def validate(self) -> Metrics:
        """Nothing to judge."""
        return {}

    def state(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Nothing to do."""


def travel(path: Path) -> Metrics:
    """How far the student went, how much of it was leapt, and how the teacher's own steps point.

    The cosine is between the student's whole displacement and the sum of the teacher's steps.
    """
    displacement = subtract(path.end, path.start)
    found = {"student/displacement": float(norm(displacement))}
    if path.taken is None:
        return found
    found["teacher/leap_length"] = float(norm(subtract(displacement, path.taken)))
    lengths = norm(displacement) * norm(path.taken)
    if lengths > 0:
        found["teacher/cosine"] = float(dot(displacement, path.taken) / lengths)
    return found
