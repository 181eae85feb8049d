"""Files with the proof that they do what PyTorch does: the graph in float64, then the file itself.

1. The graph, written in float64 and run by onnx's reference evaluator, answers as PyTorch does in
   float64, to 1e-8: no rounding can excuse a wrong operation, gradient or step.
2. The file is that graph, its weights rounded to float32. A learner, which is written once more in
   float32, is compared node by node and weight by weight; a network is run in float64 as it is
   stored, to 1e-6.
3. What ONNX Runtime makes of the file is told beside PyTorch's own rounding; it must be finite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Protocol, Self, TypeVar, cast

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from lazyleap.onnx import learner as learners
from lazyleap.onnx import ordinary, smaller, twins
from lazyleap.onnx.parity import COMPARED, REFERENCE, Array, Check, Feed, compare, session, tell

Proven = tuple[onnx.ModelProto, list[Check]]
DOUBLE = 1e-8  # allowed in float64, times the largest answer or 1
SINGLE = 1e-6  # likewise, for weights in float32
ATTRIBUTES = ("eps", "negative_slope")
FEW = 3  # images for the slow reference evaluator
STEPS = 3  # there: enough to carry a state twice, and few enough not to amplify rounding
STORED = "of the weights as they are stored"
ROUNDED = "its nodes and weights: those of the graph in float64, rounded"


class Learns(Protocol):
    """What was meta-learned, as :class:`lazyleap.onnx.learned.Learned` of images is."""

    @property
    def rate(self) -> float:
        """The ``inner_lr`` to feed."""
        ...

    def double(self) -> Self:
        """The same in float64."""
        ...

    def adapt(self, feed: Feed) -> Array:
        """What PyTorch answers where the graph gives its first output."""
        ...


AnyLearned = TypeVar("AnyLearned", bound=Learns)


def network(
    file: str,
    module: nn.Module,
    shape: Sequence[int],
    images: Sequence[Array],
    outputs: Sequence[str],
    given: str = "images",
) -> Proven:
    """``module`` as the content of ``file``: pixels in 0..1 to as many tensors as ``outputs``.

    Args:
        file: its name.
        module: left as it is.
        shape: C, H, W, or that of whatever it is given.
        images: float32 ``[n, *shape]``, a call each.
        outputs: a name for each answer.
        given: the name of the input.
    """
    exact = _double(module)
    double = ordinary.export(deepcopy(exact), shape, outputs=outputs, given=given)
    model = twins.narrowed(double)
    few = images[0][:FEW].astype(np.float64)
    expected, names = _answers(exact, few), " and ".join(outputs)
    graph, content = (_run(each, {given: few}) for each in (double, twins.widened(model)))
    checks = [
        compare(file, names, REFERENCE, zip(graph, expected, strict=True), DOUBLE),
        compare(file, f"{names}, {STORED}", REFERENCE, zip(content, expected, strict=True), SINGLE),
    ]
    feeds = [{given: some} for some in images]
    return model, [*checks, *_told(file, model, module, feeds, outputs)]


def learner(
    file: str,
    learned: AnyLearned,
    episodes: Sequence[Feed],
    *,
    export: Callable[[AnyLearned], onnx.ModelProto] | None = None,
    short: Callable[[Feed], Feed] | None = None,
    what: str = "logits",
) -> Proven:
    """The self-adapting learner, checked on ``episodes`` (the inputs of the file).

    ``export``: writes it, of images unless said otherwise; ``short``: less of an episode, for the
    slow evaluator; ``what`` the first output is.
    """
    exact, write = learned.double(), export or cast(Any, learners.export)
    model, double = write(learned), write(exact)
    feed = _few_steps((short or _short)(episodes[0]), exact.rate)
    pairs = [(_run(double, feed)[0], exact.adapt(feed))]
    checks = [
        compare(file, f"{what} after {STEPS} steps", REFERENCE, pairs, DOUBLE),
        Check(file, ROUNDED, COMPARED, 1, twins.rounding(model, double), 0.0),
    ]
    steps = sorted({1, int(episodes[0]["adaptation_steps"])})
    return model, checks + [_learning(file, model, learned, episodes, n, what) for n in steps]


def half(file: str, whole: onnx.ModelProto) -> Proven:
    """A file of half the size: the one that was checked, its weights rounded to half precision."""
    model = smaller.half(whole)
    what = "its nodes and weights: those of the whole file, rounded"
    return model, [Check(file, what, COMPARED, 1, twins.halved(model, whole), 0.0)]


def _double(module: nn.Module) -> nn.Module:
    """A copy in float64, but for constants that ONNX keeps as attributes, in float32 always."""
    exact = deepcopy(module).double()
    for part in exact.modules():
        for name in ATTRIBUTES:
            if isinstance(value := getattr(part, name, None), float):
                setattr(part, name, float(np.float32(value)))
    return exact


def _told(
    file: str,
    model: onnx.ModelProto,
    module: nn.Module,
    feeds: Sequence[Feed],
    outputs: Sequence[str],
) -> list[Check]:
    run, exact = session(model), _double(module)
    cases = [
        zip(
            run.run(None, feed),
            _answers(module, *feed.values()),
            _answers(exact, *(some.astype(np.float64) for some in feed.values())),
            strict=True,
        )
        for feed in feeds
    ]
    return [
        tell(file, name, triples)
        for name, triples in zip(outputs, zip(*cases, strict=True), strict=True)
    ]


def _learning(
    file: str,
    model: onnx.ModelProto,
    learned: Learns,
    episodes: Sequence[Feed],
    steps: int,
    what: str,
) -> Check:
    """What is told of the answers after ``steps``."""
    run, exact = session(model), learned.double()
    feeds = [{**feed, "adaptation_steps": np.array(steps)} for feed in episodes]
    triples = ((run.run(None, f)[0], learned.adapt(f), exact.adapt(f)) for f in feeds)
    return tell(file, f"{what} after {steps} step{'s' if steps != 1 else ''}", triples)


def _short(feed: Feed) -> Feed:
    """Of an episode the first image of each class and a few queries."""
    _, first = np.unique(feed["support_labels"], return_index=True)
    return {
        "support_images": feed["support_images"][first],
        "support_labels": feed["support_labels"][first],
        "query_images": feed["query_images"][:FEW],
    }


def _few_steps(feed: Feed, rate: float) -> Feed:
    """In float64, for a few steps."""
    given = {n: a.astype(np.float64) if a.dtype == np.float32 else a for n, a in feed.items()}
    steps = {"adaptation_steps": np.array(STEPS), "inner_lr": np.array(rate, np.float64)}
    return {**given, **steps}


def _run(model: onnx.ModelProto, feed: Feed) -> list[Array]:
    found: list[Array] = ReferenceEvaluator(model).run(None, dict(feed))
    return found


def _answers(module: nn.Module, *given: Array) -> list[Array]:
    with torch.no_grad():
        found = module(*map(torch.from_numpy, given))
    return [part.numpy() for part in (found if isinstance(found, tuple) else (found,))]
