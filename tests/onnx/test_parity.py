"""What counts as the same answer, and what is said when it is not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from lazyleap.errors import InputError
from lazyleap.fewshot import export as fewshot
from lazyleap.onnx import learner, parity
from tests.onnx.learners import WAY, episode, learned

ONE = np.ones((2, 3), np.float32)


def test_the_tolerance_grows_with_the_logits_but_not_below_one():
    near = [(ONE * 1e-3, ONE * 1e-3 + 5e-5)]
    assert parity.compare("f", "w", "r", near, 1e-4).ok
    far = [(ONE * 100, ONE * 100 + 5e-3)]
    assert parity.compare("f", "w", "r", far, 1e-4).ok
    assert not parity.compare("f", "w", "r", [(ONE, ONE + 5e-3)], 1e-4).ok
    assert parity.compare("f", "w", "r", [(ONE, ONE + 5e-3)], 1e-4, least=1e-2).ok


@pytest.mark.parametrize("bad", [ONE * np.nan, ONE[:1], ONE * np.inf])
def test_no_number_or_another_shape_is_never_the_same(bad):
    expected = bad if bad.shape == ONE.shape else ONE
    with np.errstate(invalid="ignore"):
        check = parity.compare("f", "w", "r", [(bad, expected)], 1.0)
    assert not check.ok


def test_a_failed_check_is_one_sentence():
    bad = parity.compare("adapt.onnx", "its logits", "onnxruntime 1", [(ONE, ONE + 1)], 1e-4)
    with pytest.raises(InputError, match=r"adapt\.onnx in onnxruntime 1 differs from PyTorch by 1"):
        parity.require([bad])


def test_json_shows_the_worst_first_and_all_of_them():
    checks = [
        parity.compare("a", "w", "r", [(ONE, ONE + d)], 1e-4) for d in (0.0, np.float32(5e-5))
    ]
    content = json.loads(parity.to_json(checks))
    assert content["max_abs_diff"] > 0
    assert content["ok"]
    assert content["checks"][0]["max_abs_diff"] == 0


def test_a_wrong_learner_is_found_out(monkeypatch):
    """An export of another start than the library's: every check of adapt.onnx must fail."""
    model = learned("maml")
    feeds = [episode(model, WAY, 2 * WAY, 3, np.float32)]
    models, checks = fewshot.files(model, feeds)
    names = {"model.onnx", "adapt.onnx", "model.half.onnx", "adapt.half.onnx"}
    assert set(models) == names
    parity.require(checks)
    right = learner.export

    def wrong(asked):
        theta = {n: p * 1.02 for n, p in asked.theta.items()}
        return right(replace(asked, theta=theta))

    monkeypatch.setattr(learner, "export", wrong)
    _, checks = fewshot.files(model, feeds)
    assert [c.ok for c in checks] == [True, False, False, False, True, False]
