"""The files of a few-shot run, and the checks of them on real test episodes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import onnx
from torch import nn

from lazyleap.algorithms import MetaSGD
from lazyleap.algorithms.meta_sgd import INIT, select
from lazyleap.datasets.store import Prepared
from lazyleap.fewshot.card import describe
from lazyleap.fewshot.episodes import Episodes
from lazyleap.fewshot.network import build as build_network
from lazyleap.fewshot.options import FewShotTask
from lazyleap.models import functional
from lazyleap.onnx import ordinary, proofs
from lazyleap.onnx.exports import Exported
from lazyleap.onnx.learned import Learned
from lazyleap.onnx.parity import Array, Check, Feed
from lazyleap.setting import Setting
from lazyleap.trees import Tree

__all__ = ["ADAPT", "MODEL", "describe", "export", "feeds", "files", "load"]

MODEL, ADAPT = "model.onnx", "adapt.onnx"
MODEL_HALF, ADAPT_HALF = "model.half.onnx", "adapt.half.onnx"
EPISODES = 3  # test episodes that the files are checked on, at most
WORK = 1500  # images times steps of these checks: with many shots they took longer than a training
Models = dict[str, onnx.ModelProto]


def export(setting: Setting, theta: Tree, data: Prepared) -> Exported:
    """Both files of a trained run, checked on the first of its test episodes."""
    learned = load(setting, theta, data)
    episodes = feeds(learned, data, EPISODES, setting.horizon)
    count, steps = extent(len(episodes[0]["support_images"]), setting.horizon)
    given = [{**feed, "adaptation_steps": np.array(steps)} for feed in episodes[:count]]
    models, checks = files(learned, given)
    assert isinstance(setting.task, FewShotTask)
    mean, std = learned.normalisation
    size = setting.task.batch
    return Exported(
        models,
        checks,
        {
            "shot": str(setting.task.training.shot),
            "classes": str(setting.task.training.way),
            "pixels": "0..1",
            "normalisation": json.dumps({"mean": mean, "std": std}),
            "adaptation_steps": str(setting.horizon),
            "inner_lr": str(learned.rate),
        }
        | ({} if size is None else {"inner_batch": str(size)}),
    )


def extent(support: int, horizon: int) -> tuple[int, int]:
    """Test episodes and inner steps that the files are checked at, given an episode's support."""
    steps = max(1, min(horizon, WORK // support))
    return max(1, min(EPISODES, WORK // (support * steps))), steps


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
    episodes = Episodes.load(data.folder / "episodes.npz", len(images)).head(count)

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

    See :mod:`lazyleap.onnx.proofs`; all is checked on ``episodes``. What half precision costs in
    accuracy is for test episodes to say.
    """
    sets = [feed[name] for feed in episodes for name in ("support_images", "query_images")]
    outputs = ("logits", "features")
    model, of_model = proofs.network(MODEL, _plain(learned), learned.shape, sets, outputs)
    adapt, of_adapt = proofs.learner(ADAPT, learned, episodes)
    small = [proofs.half(MODEL_HALF, model), proofs.half(ADAPT_HALF, adapt)]
    models = {MODEL: model, ADAPT: adapt, MODEL_HALF: small[0][0], ADAPT_HALF: small[1][0]}
    return models, [*of_model, *of_adapt, *small[0][1], *small[1][1]]


def _plain(learned: Learned) -> nn.Module:
    whole = ordinary.WithFeatures(deepcopy(learned.network))
    return ordinary.Normalised(whole, *learned.normalisation)
