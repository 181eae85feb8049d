"""How a meta-batch is divided among the processes of one training."""

from __future__ import annotations

import math
import multiprocessing
import os
import socket

import pytest
import torch

from lazyleap import Exact, Lazy
from lazyleap.errors import InputError
from lazyleap.estimators import MetaGradient
from lazyleap.training.loop import Plan, Progress, fit
from lazyleap.training.ranks import Divisible, Ranks, joined
from stages.observer import Silent
from tests.cases import generator
from tests.training.test_meta_learner import CASE, K, batches, learner


@pytest.mark.parametrize(("tasks", "count"), [(4, 2), (5, 2), (7, 3), (3, 3)])
def test_every_task_is_taken_once_and_no_rank_has_two_more_than_another(tasks, count):
    parts = [Ranks(rank, count).share(range(tasks)) for rank in range(count)]
    assert [task for part in parts for task in part] == list(range(tasks))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_more_processes_than_tasks_are_refused_before_any_work():
    made = learner(Exact(), batches())
    assert isinstance(made, Divisible)
    with pytest.raises(InputError, match="3 processes share a meta-batch of 2 tasks"):
        made.divide(Ranks(2, 3))


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.6, 0.4)])
def test_the_mean_is_that_of_all_tasks_and_the_others_time_is_counted(monkeypatch, weights):
    theta = {"a": torch.zeros(2, 3).double(), "b": torch.zeros(2).double()}
    draw = generator(0)
    grads = [{"a": draw(2, 3), "b": draw(2)}, {"a": draw(2, 3)}]  # nothing depends on the second b
    parts = [MetaGradient(draw(1)[0], grad, []) for grad in grads]
    ranks = [Ranks(rank, 2, _since=-1e6) for rank in range(2)]  # a million seconds of CPU ago
    sent: list[torch.Tensor] = []
    monkeypatch.setattr("torch.distributed.all_reduce", lambda total: sent.append(total.clone()))
    for rank, part, weight in zip(ranks, parts, weights, strict=True):
        rank.mean(part, theta, weight)
    monkeypatch.setattr("torch.distributed.all_reduce", lambda total: total.copy_(sum(sent)))
    found = ranks[0].mean(parts[0], theta, weights[0])
    u, v = weights
    torch.testing.assert_close(found.loss, u * parts[0].loss + v * parts[1].loss)
    torch.testing.assert_close(found.grad["a"], u * grads[0]["a"] + v * grads[1]["a"])
    torch.testing.assert_close(found.grad["b"], u * grads[0]["b"])
    assert sent[0][-1] == 0 < 1e6 < sent[1][-1]  # rank 0 counts its own time itself
    assert ranks[0].cpu_elsewhere() == pytest.approx(float(sent[1][-1]))
    assert ranks[0].cpu_elsewhere() == 0


@pytest.mark.system
def test_two_ranks_learn_what_one_process_learns():
    """Over gloo, three tasks for two ranks, in float64: equal to rounding; the first validates."""
    alone, together = ranks_of(1)[0], ranks_of(2)
    for found in together:
        torch.testing.assert_close(found["theta"], alone["theta"], rtol=0, atol=1e-14)
    assert together[0]["best"] == pytest.approx(alone["best"], abs=1e-14)
    assert together[1]["best"] == -math.inf
    for tag, value in alone["log"].items():
        if tag.startswith(("train/", "student/", "teacher/")):
            assert together[0]["log"][tag] == pytest.approx(value, rel=1e-12), tag


def ranks_of(count: int) -> list[dict]:
    """What each rank of a training ends with."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    with context.Pool(count) as pool:
        return pool.starmap(one, [(rank, count, port) for rank in range(count)], chunksize=1)


def one(rank: int, count: int, port: int) -> dict:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    seen = Seen()
    with joined(torch.device("cpu")) as ranks:
        made = learner(Lazy(2), [CASE.tasks(K, n=3) for _ in range(4)])
        made.divide(ranks)
        ended = fit(made, Plan(4, log_every=1, validate_every=2), Progress(), seen, ranks)
    return {"theta": made.theta, "best": ended.best_score, "log": seen.metrics}


class Seen(Silent):
    def __init__(self):
        self.metrics = {}

    def log(self, iteration, metrics):
        self.metrics |= metrics
