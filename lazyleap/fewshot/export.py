"""The files of a few-shot run, and the checks of them on real test episodes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from lazyleap.algorithms import MetaSGD
from lazyleap.algorithms.meta_sgd import INIT, select
from lazyleap.datasets.store import Prepared
from lazyleap.fewshot.card import describe
from lazyleap.fewshot.episodes import Episodes
from lazyleap.fewshot.network import build as build_network
from lazyleap.fewshot.options import FewShotTask
from lazyleap.models import functional
from lazyleap.onnx import learner, ordinary
from lazyleap.onnx.exports import Exported
from lazyleap.onnx.learned import Learned
from lazyleap.onnx.parity import (
    REFERENCE,
    RUNTIME,
    Array,
    Check,
    Feed,
    compare,
    difference,
    session,
)
from lazyleap.onnx.smaller import half
from lazyleap.setting import Setting
from lazyleap.trees import Tree

__all__ = ["ADAPT", "MODEL", "describe", "export", "feeds", "files", "load"]

MODEL, ADAPT = "model.onnx", "adapt.onnx"
MODEL_HALF, ADAPT_HALF = "model.half.onnx", "adapt.half.onnx"
EPISODES = 3  # test episodes that the files are checked on
Models = dict[str, onnx.ModelProto]
SINGLE, DOUBLE = 1e-4, 1e-7  # rounding allowed, times the largest logit or 1
GAP = 30.0  # allowed after many steps: times the distance of PyTorch's own float32 and float64


def export(setting: Setting, theta: Tree, data: Prepared) -> Exported:
    """Both files of a trained run, checked on the first of its test episodes."""
    learned = load(setting, theta, data)
    models, checks = files(learned, feeds(learned, data, EPISODES, setting.horizon))
    assert isinstance(setting.task, FewShotTask)
    shot = setting.task.training.shot
    about = {"adaptation_steps": str(setting.horizon), "inner_lr": str(learned.rate)}
    return Exported(models, checks, {"shot": str(shot), **about})


def load(setting: Setting, theta: Tree, data: Prepared) -> Learned:
    """The objects behind a trained run; ``data`` is a prepared folder of its task."""
    assert isinstance(setting.task, FewShotTask)
    network = build_network(setting.task.model, setting.task.training.way, data.info)
    problem = setting.make_problem(functional(network))
    start = select(theta, INIT) if isinstance(problem, MetaSGD) else dict(theta)
    network.load_state_dict(start)
    shape = tuple(data.info[key] for key in ("channels", "height", "width"))
    return Learned(network, problem, theta, shape, (data.info["mean"], data.info["std"]))


def feeds(learned: Learned, data: Prepared, count: int, steps: int) -> list[Feed]:
    """The inputs of ``adapt.onnx`` for the first test episodes, images in 0..1."""
    images = data.split("test").images
    episodes = Episodes.load(data.folder / "episodes.npz").head(count)

    def pixels(indices: Array) -> Array:
        return images[indices.reshape(-1)].astype(np.float32) / np.float32(255)

    return [
        {
            "support_images": pixels(support),
            "support_labels": np.arange(len(support)).repeat(support.shape[1]),
            "query_images": pixels(query),
            "adaptation_steps": np.array(steps),
            "inner_lr": np.array(learned.rate, np.float32),
        }
        for support, query in zip(episodes.support, episodes.query, strict=True)
    ]


def files(learned: Learned, episodes: Sequence[Feed]) -> tuple[Models, list[Check]]:
    """``model.onnx`` and ``adapt.onnx`` by name, each in half size too, and what was checked.

    All is checked on ``episodes``, ``adapt.onnx`` thrice: the same graph in float64 by onnx's
    reference evaluator, where no rounding excuses a difference; in ONNX Runtime after one step;
    and there after the steps that ``episodes`` ask for, when a maximum that rounding decides
    otherwise may move the answer: by so much as it moves PyTorch's own. Files of half size
    are compared with PyTorch on equally rounded weights; what rounding costs in accuracy is for
    test episodes to say.
    """
    plain = _plain(learned)
    model = ordinary.export(plain, learned.shape, outputs=("logits", "features"))
    adapt, rounded = learner.export(learned), learned.rounded()
    models = {MODEL: model, ADAPT: adapt, MODEL_HALF: half(model), ADAPT_HALF: half(adapt)}
    checks = [
        _ordinary(MODEL, models, plain, episodes),
        _double(learned.double(), episodes[0]),
        _single(ADAPT, models, learned, episodes, 1),
        _single(ADAPT, models, learned, episodes),
        _ordinary(MODEL_HALF, models, _plain(rounded), episodes),
        _single(ADAPT_HALF, models, rounded, episodes, 1),
    ]
    return models, checks


def _plain(learned: Learned) -> nn.Module:
    whole = ordinary.WithFeatures(deepcopy(learned.network))
    return ordinary.Normalised(whole, *learned.normalisation)


def _ordinary(file: str, models: Models, plain: nn.Module, episodes: Sequence[Feed]) -> Check:
    run = session(models[file])

    def pair(images: Array) -> tuple[Array, Array]:
        with torch.no_grad():
            expected = plain(torch.from_numpy(images))[0].numpy()
        return run.run(None, {"images": images})[0], expected

    sets = [feed[name] for feed in episodes for name in ("support_images", "query_images")]
    return compare(file, "its logits", RUNTIME, map(pair, sets), SINGLE)


def _double(exact: Learned, episode: Feed) -> Check:
    run = ReferenceEvaluator(learner.export(exact))
    feed = {name: _in_double(array) for name, array in episode.items()}
    feed["query_images"] = feed["query_images"][:: len(feed["query_images"]) // 2]  # it is slow
    feed |= {"adaptation_steps": np.array(2), "inner_lr": np.array(exact.rate)}
    pair = run.run(None, feed)[0], exact.adapt(feed)
    return compare(ADAPT, "logits after 2 steps", REFERENCE, [pair], DOUBLE)


def _in_double(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def _single(
    file: str,
    models: Models,
    learned: Learned,
    episodes: Sequence[Feed],
    steps: int | None = None,
) -> Check:
    """Against PyTorch in float32, after ``steps`` or as many as the episodes ask for."""
    run, exact = session(models[file]), learned.double()
    pairs, gap = [], 0.0
    for episode in episodes:
        feed = episode if steps is None else {**episode, "adaptation_steps": np.array(steps)}
        expected = learned.adapt(feed)
        gap = max(gap, difference(expected, exact.adapt(feed)))
        pairs.append((run.run(None, dict(feed))[0], expected))
    taken = int(feed["adaptation_steps"])
    least = 0.0 if taken <= 1 else GAP * gap
    what = f"logits after {taken} step{'s' if taken != 1 else ''}"
    return compare(file, what, RUNTIME, pairs, SINGLE, least)
