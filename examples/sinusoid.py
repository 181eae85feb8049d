"""The library by itself, without the pipeline: any network, loss and source of tasks.

Regression of sinusoids from ten points (Finn, Abbeel and Levine, ICML 2017, section 5.1): amplitude
in [0.1, 5], phase in [0, pi], x in [-5, 5]. Three settings are meta-trained and judged by the
squared error on the same 300 new sinusoids, after 1, 5 and 10 steps of adaptation. After
``pip install .``:

    python examples/sinusoid.py            # under a minute on one core; --iterations 50 for a look
"""

from __future__ import annotations

import argparse
import math
import time

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from lazyleap import (
    MAML,
    Batch,
    Estimator,
    Exact,
    FirstOrder,
    Lazy,
    Task,
    adapt,
    functional,
)

SETTINGS: list[tuple[str, Estimator, int]] = [
    ("exact", Exact(), 1),
    ("first_order", FirstOrder(), 10),
    ("lazy", Lazy(), 10),
]
AFTER = (1, 5, 10)


# What a user writes: a source of tasks, a network, and the loop.
def sinusoid(horizon: int, draw: torch.Generator) -> Task:
    amplitude, phase = torch.rand(2, generator=draw) * torch.tensor([4.9, math.pi])
    x = 10 * torch.rand(2, 10, 1, generator=draw) - 5
    y = (amplitude + 0.1) * torch.sin(x - phase)
    return Task(inner=[Batch(x[0], y[0])] * horizon, outer=Batch(x[1], y[1]))


def meta_train(
    estimator: Estimator, horizon: int, iterations: int, draw: torch.Generator
) -> tuple[MAML, dict[str, Tensor]]:
    net = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
    problem = MAML(functional(net), inner_lr=0.01, loss=mse_loss)
    theta = problem.theta(net)
    optimizer = torch.optim.Adam(theta.values(), lr=3e-3)
    for _ in range(iterations):
        tasks = [sinusoid(horizon, draw) for _ in range(4)]
        meta = estimator(problem, theta, tasks)
        meta.apply_to(theta)
        optimizer.step()
    return problem, theta


# How well it learned to learn.
@torch.no_grad()
def errors(problem: MAML, theta: dict[str, Tensor], task: Task) -> list[float]:
    ends = [adapt(problem, theta, task.inner[0], n) for n in AFTER]
    return [float(problem.outer_loss(phi, theta, task.outer)) for phi in ends]


def main(iterations: int, tests: int, seed: int) -> None:
    steps = [f"after {n}" for n in AFTER]
    print(f"squared error on {tests} new sinusoids, {iterations} meta-iterations, seed {seed}")
    print(f"{'estimator':<12}{'k':>3}{'seconds':>9}" + "".join(f"{head:>15}" for head in steps))
    for name, estimator, horizon in SETTINGS:
        torch.manual_seed(seed)
        began, draw = time.process_time(), torch.Generator().manual_seed(seed)
        problem, theta = meta_train(estimator, horizon, iterations, draw)
        seconds = time.process_time() - began
        draw = torch.Generator().manual_seed(-1)  # the same test tasks for every setting and seed
        table = torch.tensor([errors(problem, theta, sinusoid(10, draw)) for _ in range(tests)])
        ci = 1.96 * table.std(0) / tests**0.5
        cells = [f"{m:8.3f} ±{c:5.3f}" for m, c in zip(table.mean(0), ci, strict=True)]
        print(f"{name:<12}{horizon:>3}{seconds:>9.1f}" + "".join(f"{cell:>15}" for cell in cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Sinusoid regression: three ways to meta-learn.")
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--tests", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
