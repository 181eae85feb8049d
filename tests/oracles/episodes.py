"""Meta-training on meta-batches and accuracy after adaptation; nothing of lazyleap's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.oracles.outer import Descent
from tests.reference import Params, Plain, gradient, held, mean, path, shift, taught

Gradient = Callable[[Plain, Params, Any], Params]


def train(
    plain: Plain,
    theta: Params,
    meta_batches: Iterable[Sequence[Any]],
    meta_gradient: Gradient,
    descent: Descent,
) -> list[Params]:
    """Theta before the first iteration, after it, after the second, ..."""
    found = [theta]
    for i, tasks in enumerate(meta_batches):
        grad = mean([meta_gradient(plain, found[-1], task) for task in tasks])
        found.append({n: p.detach() for n, p in descent.move(found[-1], grad, i).items()})
    return found


def lazy(*steps: int, lam: float = 1.0) -> Gradient:
    """The steps that the teacher takes in the graph."""
    return lambda plain, theta, task: gradient(taught(plain, theta, task, steps, lam), theta)


def exact(plain: Plain, theta: Params, task: Any) -> Params:
    return gradient(taught(plain, theta, task, range(len(task.inner))), theta)


def first_order(plain: Plain, theta: Params, task: Any) -> Params:
    return gradient(held(plain, theta, task), theta)


def reptile(plain: Plain, theta: Params, task: Any) -> Params:
    """s_0 - s_k."""
    s = path(plain, theta, task.inner)
    return shift(s[0], s[-1], -1.0)[0]


def adapted(plain: Plain, theta: Params, task: Any, steps: int) -> Params:
    """The whole network after so many steps: on a single batch, or on one after another."""
    batches = task.inner[:steps] if len(task.inner) > 1 else [task.inner[0]] * steps
    phi = path(plain, theta, batches)[-1][0]
    return {**theta, **phi} if plain.algorithm == "anil" else phi


def accuracy(plain: Plain, theta: Params, task: Any, steps: int) -> float:
    """Share of the queries answered rightly after so many steps."""
    logits = plain.network(adapted(plain, theta, task, steps), task.outer.inputs)
    return float((logits.argmax(1) == task.outer.targets).double().mean())


def best(thetas: Sequence[Params], every: int, score: Callable[[Params], float]):
    """Iteration, score and theta of the first best validation; the last iteration is one, too."""
    n = len(thetas) - 1
    looks = [i for i in range(1, n + 1) if i % every == 0 or i == n]
    scores = [score(thetas[i]) for i in looks]
    place = scores.index(max(scores))
    return looks[place], scores[place], thetas[looks[place]]
