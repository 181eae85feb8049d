"""Files of half the size: what is rounded, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from lazyleap.onnx import learner
from lazyleap.onnx.parity import session
from lazyleap.onnx.smaller import LEAST, half
from tests.onnx.learners import ALGORITHMS, WAY, episode, learned, rounded


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_learns_as_the_library_does_from_rounded_weights(algorithm):
    model = learned(algorithm)
    feed = episode(model, WAY, 4, 2, np.float32)
    found = session(half(learner.export(model))).run(None, feed)[0]
    np.testing.assert_allclose(found, rounded(model).adapt(feed), rtol=0, atol=1e-4)
    full = model.adapt(feed)
    assert 0 < np.abs(found - full).max() < 1e-2 * np.abs(full).max()


def test_weights_take_half_the_space_and_all_else_stays():
    whole = learner.export(learned("maml", "resnet12-batch"))
    small = half(whole)
    large = [i for i in whole.graph.initializer if np.prod(i.dims) >= LEAST]
    saved = 2 * sum(np.prod(i.dims) for i in large if i.data_type == onnx.TensorProto.FLOAT)
    assert whole.ByteSize() - small.ByteSize() > 0.95 * saved
    assert small.graph.input == whole.graph.input
    assert small.graph.output == whole.graph.output
    assert [n for n in small.graph.node if n.op_type != "Cast"] == [
        n for n in whole.graph.node if n.op_type != "Cast"
    ]
    assert whole.SerializeToString() != small.SerializeToString()  # a copy, not a change
    assert half(whole).SerializeToString(deterministic=True) == small.SerializeToString(
        deterministic=True
    )
