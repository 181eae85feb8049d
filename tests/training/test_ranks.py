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
from lazyleap.training.loop import Plan, Progress, fit
from lazyleap.training.ranks import Divisible, Ranks, joined
from stages.observer import Silent
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
