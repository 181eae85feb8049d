"""The ONNX file of a gradient predictor, as the stages write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from lazyleap.settings import load, resolve
from tests.attack.stages.project import META, SURROGATES, TASK
from tests.onnx import facts

CPU = torch.device("cpu")

DATA = Path("data/prepare/quick") / TASK


def test_the_exported_predictor_answers_as_the_network(done):
    path = done / f"artifacts/export/quick/{META}/model.onnx"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).random((5, 1, 16, 16), np.float32)
    (found,) = session.run(["gradients"], {"images": images})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(done)
        setting = resolve(load(Path("params.yaml")), META)
    from lazyleap.attack.network import predictor

    network = predictor(setting, {"channels": 1, "height": 16, "width": 16})
    network.load_state_dict(load_file(done / f"artifacts/train/quick/{META}/theta.safetensors"))
    with torch.no_grad():
        np.testing.assert_allclose(found, network(torch.from_numpy(images)), atol=1e-4)
    (alone,) = session.run(["gradients"], {"images": images[:1]})
    np.testing.assert_allclose(alone, found[:1], atol=1e-4)


def test_all_that_the_predictors_file_says_of_itself_is_true(done):
    """It takes pixels as they are (above), so there is no normalisation to tell of."""
    assert facts.said(done / f"artifacts/export/quick/{META}/model.onnx") == facts.common(
        done, META
    ) | {
        "inner_lr": "0.02",
        "goal": "untargeted",
        "norm": "l2",
        "epsilon": "3.0",
        "budget": "80",
        "pixels": "0..1",
        "surrogates": ", ".join(SURROGATES),
    }
