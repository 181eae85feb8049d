"""What the training loop trains on a long tail: weigh the mini-batch, then take the real step."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from torch import Tensor

from lazyleap.bilevel import Batch
from lazyleap.longtail.batches import Stream
from lazyleap.longtail.classifier import PREFIX, Classifier, Taken
from lazyleap.longtail.means import ClassMeans
from lazyleap.statistics import proportion
from lazyleap.training.loop import Metrics, validated
from lazyleap.training.posed import Posed
from lazyleap.trees import Tree, copy

WEIGHTING = "weighting/"


class Weigher(Protocol):
    """How much each example of a mini-batch counts in the classifier's real step."""

    def learn(self, iteration: int, classifier: Tree, share: float) -> dict[str, Tensor]:
        """What is to be learned before the step; ``share`` is the rate's share of its peak.

        Gives the numbers that must be finite, by tag, and reads none.
        """
        ...

    def describe(self) -> Metrics:
        """What the log wants to know of the last time; DivergedError if it is past learning."""
        ...

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of each example, ``[n]``."""
        ...

    def weights(self, iteration: int, losses: Tensor, labels: Tensor) -> Tensor:
        """The weight of each example, ``[n]``."""
        ...

    @property
    def theta(self) -> dict[str, Tensor]:
        """What is meta-learned beside the classifier."""
        ...

    def posed(self, classifier: Tree, learned: Tree, count: int) -> Posed | None:
        """Meta-problems at a classifier, alpha at its peak; None if there are none to solve.

        ``learned``: what :attr:`theta` was when training ended.
        """
        ...

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        ...


class WeightedLearner:
    """The classifier w is running state; the meta-problem is solved at every training step.

    Args:
        classifier: w.
        weigher: a baseline or an algorithm with its estimator.
        stream: the training mini-batches by number.
        means: running means of the weights by class.
        held: the images that validation looks at, not augmented.
    """

    def __init__(
        self,
        classifier: Classifier,
        weigher: Weigher,
        stream: Stream,
        means: ClassMeans,
        held: Batch,
    ) -> None:
        self.classifier, self.weigher, self.stream = classifier, weigher, stream
        self.means, self._held = means, held
        self.seen: tuple[Batch, Tensor] | None = None  # of the last described step, for the log

    @property
    def theta(self) -> dict[str, Tensor]:
        """The classifier with its statistics, and what was meta-learned; by prefix."""
        own = {PREFIX + n: p for n, p in self.classifier.tree.items()}
        return copy(own | {WEIGHTING + n: p for n, p in self.weigher.theta.items()})

    def step(self, iteration: int, *, describe: bool) -> Metrics:
        """One training step; with ``describe`` what the log wants to know of it."""
        share = self.classifier.descent.share(iteration)
        parameters = self.classifier.parameters
        seen = self.weigher.learn(iteration, parameters, share)
        batch = self.stream[iteration]
        weigh = partial(self.weigher.weights, iteration, labels=batch.targets)
        taken = self.classifier.step(iteration, batch, self.weigher.losses, weigh, seen)
        self.means.update(batch.targets, taken.weights)
        if not describe:
            return {}
        self.seen = batch, taken.weights
        rate = {"train/lr": self.classifier.descent.lr * share}
        return self.classifier.watch.read() | self.weigher.describe() | rate | self._describe(taken)

    def check(self) -> None:
        """DivergedError if a loss, a gradient or the weights are past learning."""
        self.classifier.watch.read()
        self.weigher.describe()

    def _describe(self, taken: Taken) -> Metrics:
        classes = enumerate(self.means.values.tolist())
        return {
            "train/accuracy": float(taken.hits.float().mean()),
            "weights/zero_share": float((taken.weights == 0).float().mean()),
            **{f"class_weight/{label:03d}": value for label, value in classes},
        }

    def validate(self) -> Metrics:
        """Accuracy on the held-out images; on the meta set, that weights learn from, without."""
        hits = self.classifier.answer(self._held.inputs).argmax(1) == self._held.targets
        return validated(proportion(hits.cpu().numpy()), 1 / len(set(self._held.targets.tolist())))

    def posed(self, trained: Tree, count: int) -> Posed | None:
        """The first mini-batches once more, each beside a meta-batch; a baseline has none."""
        classifier = {n: trained[PREFIX + n] for n in self.classifier.parameters}
        learned = {n.removeprefix(WEIGHTING): p for n, p in trained.items() if WEIGHTING in n}
        return self.weigher.posed(classifier, learned, count)

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "classifier": self.classifier.state(),
            "weigher": self.weigher.state(),
            "means": self.means.values,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.classifier.load_state(state["classifier"])
        self.weigher.load_state(state["weigher"])
        self.means.values = state["means"]
