"""What a file says about itself: the same facts in ``metadata_props`` and in the model card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import onnx

ENDS = ("value", "low", "high")  # of a score: itself and its 95% interval


def facts(setting: Mapping[str, Any], metrics: Mapping[str, Any], commit: str) -> dict[str, str]:
    """Names and values, all strings as ``metadata_props`` asks; what is structured is JSON.

    Args:
        setting: the resolved run with image, dataset_digest, licence and citation, as training left
            it in ``setting.json``.
        metrics: the run's ``metrics.json``; ``metric`` is its primary one or, where there is one,
            that at the setting's ``own`` horizon, which is how the file is to be used.
        commit: of the code that writes the file.

    What a graph does with pixels and what its outputs are is for its kind's exporter to add.
    """
    metric = metrics.get("own", metrics["primary"])
    all_scores = metrics["metrics"]
    score = all_scores[metric]
    plain = ("grid", "estimator", "algorithm", "horizon", "seed")
    rate = setting["algorithm_options"].get("inner_lr")
    said = ("dataset_digest", "licence", "citation")
    return {
        "run": str(setting["name"]),
        "task": str(setting["task_name"]),
        "kind": str(setting["task"]["kind"]),
        **{key: str(setting[key]) for key in plain if setting[key] is not None},
        **({} if rate is None else {"inner_lr": str(rate)}),
        "model": json.dumps(setting["task"]["model"]),
        "image": json.dumps(setting["image"]),
        "dataset": str(metrics["dataset"]),
        **{key: str(setting[key]) for key in said},
        "metric": str(metric),
        **{key: f"{score[key]:.4f}" for key in ENDS},
        "at_chance": json.dumps(score.get("at_chance", False)),
        "metrics": json.dumps(
            {name: [round(s[key], 4) for key in ENDS] for name, s in all_scores.items()}
        ),
        "test_digest": str(metrics["test_digest"]),
        "params_fingerprint": fingerprint(setting),
        "commit": commit,
    }


def fingerprint(setting: Mapping[str, Any]) -> str:
    """Sha256 of the resolved setting: equal for equal parameters and data."""
    plain = json.dumps(setting, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def annotate(model: onnx.ModelProto, properties: Mapping[str, str]) -> onnx.ModelProto:
    """The model with ``properties`` for its ``metadata_props``."""
    onnx.helper.set_model_props(model, dict(properties))
    return model
