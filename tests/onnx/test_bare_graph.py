"""What the graph itself does, unguarded, with what its callers refuse: docs/export.md's table."""

from __future__ import annotations

import numpy as np
import pytest

from lazyleap.onnx import learner
from lazyleap.onnx.parity import session
from tests.onnx.learners import ALGORITHMS, WAY, episode, learned

SEVERAL = 3  # steps


@pytest.fixture(scope="module", params=[*ALGORITHMS, "group"])
def graph(request):
    """A call of the learner, its arguments, and whether images of a call depend on each other."""
    group = request.param == "group"
    model = learned("maml", "conv4-group-pool") if group else learned(request.param)
    run = session(learner.export(model))
    feed = episode(model, WAY, 4, SEVERAL, np.float32)

    def call(**changed):
        return run.run(None, {**feed, **changed})

    return call, feed, not group


def start(graph) -> np.ndarray:
    call, _, _ = graph
    logits: np.ndarray = call(adaptation_steps=np.array(0))[0]
    return logits


def test_no_steps_and_negative_steps_answer_with_the_start(graph):
    call, _, _ = graph
    for steps in (0, -1):
        logits, losses = call(adaptation_steps=np.array(steps))
        assert np.isfinite(logits).all()
        np.testing.assert_array_equal(logits, start(graph))
        assert losses.shape == (0,)
    assert np.abs(call()[0] - start(graph)).max() > 1e-3


def test_an_empty_support_set_answers_with_the_start_and_no_loss(graph):
    call, feed, _ = graph
    nothing = {name: feed[name][:0] for name in ("support_images", "support_labels")}
    logits, losses = call(**nothing)
    np.testing.assert_array_equal(logits, start(graph))
    assert np.isnan(losses).all()
    assert call(query_images=feed["query_images"][:0])[0].shape == (0, WAY)


@pytest.mark.parametrize("label", [-1, WAY])
def test_a_wrong_label_teaches_in_silence_that_an_image_is_of_no_class(graph, label):
    call, _, _ = graph
    found, losses = call(support_labels=np.array([0, 1, label]))
    assert np.isfinite(found).all()
    right, true_losses = call()
    assert losses[0] < true_losses[0]  # its loss counts as none
    assert np.abs(found - right).max() > 1e-3


def test_an_image_that_is_no_number_spoils_what_depends_on_it(graph):
    call, feed, together = graph
    support, query = feed["support_images"].copy(), feed["query_images"].copy()
    support[1], query[1] = np.nan, np.nan
    assert np.isnan(call(support_images=support)[0]).all()
    spoiled = np.isnan(call(query_images=query)[0]).all(1)
    assert spoiled.tolist() == ([True] * 4 if together else [False, True, False, False])


def test_a_negative_rate_unlearns_and_one_that_is_no_number_spoils(graph):
    call, feed, _ = graph
    logits, losses = call(inner_lr=np.array(-feed["inner_lr"]))
    assert np.isfinite(logits).all()
    assert losses[-1] > losses[0]
    assert np.isnan(call(inner_lr=np.array(np.nan, np.float32))[0]).all()


def test_classes_without_examples_have_logits_all_the_same(graph):
    call, _, _ = graph
    logits, losses = call(support_labels=np.array([0, 0, 1]))
    assert logits.shape == (4, WAY)
    assert np.isfinite(logits).all()
    assert losses[-1] < losses[0]


def test_onnx_runtime_refuses_what_does_not_fit_together(graph):
    call, feed, _ = graph
    for wrong in (
        {"support_labels": np.array([0, 1])},
        {"query_images": feed["query_images"][..., 1:]},
        {"inner_lr": np.array(0.1, np.float64)},
    ):
        with pytest.raises(Exception, match=r"ONNXRuntimeError|Unexpected input data type"):
            call(**wrong)
