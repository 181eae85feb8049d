"""The self-adapting learner against the library's own inner loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from lazyleap import MAML
from lazyleap.errors import InputError
from lazyleap.models import functional, weights
from lazyleap.onnx import learner
from lazyleap.onnx.learned import Learned
from lazyleap.onnx.parity import session
from lazyleap.onnx.several import over_tasks
from tests.onnx.learners import ALGORITHMS, WAY, episode, learned

BACKBONES = [
    "conv4-batch-stride",
    "conv4-batch-pool",
    "conv4-group-stride",
    "conv4-group-pool",
    "resnet12-batch",
    "resnet12-group",
]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_is_the_inner_loop_in_float64(algorithm, backbone):
    model = learned(algorithm, backbone, size=21).double()  # odd sizes, and odd after each halving
    evaluator = ReferenceEvaluator(learner.export(model))
    for support, queries, steps in ((WAY, 4, 1), (2 * WAY, 3, 3)):  # K changes at run time
        feed = episode(model, support, queries, steps)
        logits, losses = evaluator.run(None, feed)
        np.testing.assert_allclose(logits, model.adapt(feed), rtol=0, atol=1e-9)
        assert np.size(losses) == steps


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_support_image_one_query_and_momentum_in_float64(algorithm):
    model = learned(algorithm, size=24, momentum=0.9).double()
    evaluator = ReferenceEvaluator(learner.export(model))
    for support, queries in ((1, 1), (1, 2), (WAY, 1)):
        feed = episode(model, support, queries, 3)
        found = evaluator.run(None, feed)[0]
        np.testing.assert_allclose(found, model.adapt(feed), rtol=0, atol=1e-9)


class Filter(nn.Module):
    def __init__(self, kernel: torch.Tensor, *, registered: bool = True) -> None:
        super().__init__()
        if registered:
            self.register_buffer("kernel", kernel)
        else:
            self.kernel = kernel

    def forward(self, x):
        return nn.functional.conv2d(x, self.kernel, padding=1)


def filtered(algorithm: str, **options) -> Learned:
    """A frozen first layer, after a fixed filter, which is a buffer."""
    torch.manual_seed(0)
    net = nn.Sequential(
        Filter(torch.randn(2, 2, 3, 3), **options), nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten()
    )
    net[1].requires_grad_(False)
    net.append(nn.Linear(3 * 7 * 7, WAY))
    problem = ALGORITHMS[algorithm](functional(net), 0.05)
    if algorithm == "anil":
        problem = replace(problem, head="4.")
    theta = problem.theta(weights(net)) if algorithm == "meta_sgd" else weights(net)
    return Learned(net, problem, theta, (2, 9, 9), ([0.1, 0.3], [0.3, 0.6]))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_frozen_layers_and_buffers_are_constants_of_the_file(algorithm):
    model = filtered(algorithm).double()
    feed = episode(model, WAY, 4, 3)
    found = ReferenceEvaluator(learner.export(model)).run(None, feed)[0]
    np.testing.assert_allclose(found, model.adapt(feed), rtol=0, atol=1e-9)


def test_a_tensor_that_is_no_part_of_the_network_is_refused():
    with pytest.raises(InputError, match="a tensor that is no parameter or buffer"):
        learner.export(filtered("maml", registered=False))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_onnx_runtime_in_float32(algorithm):
    model = learned(algorithm)
    run = session(learner.export(model))
    for support, queries, steps in ((WAY, 4, 0), (WAY, 1, 1), (1, 1, 1), (5 * WAY, 7, 1)):
        feed = episode(model, support, queries, steps, np.float32)
        logits, losses = run.run(None, feed)
        np.testing.assert_allclose(logits, model.adapt(feed), rtol=0, atol=1e-4)
        assert losses.shape == (steps,)


def test_losses_are_those_before_each_step():
    model = learned("maml")
    feed = episode(model, 2 * WAY, 2, 4, np.float32)
    losses = session(learner.export(model)).run(None, feed)[1]
    for taken in range(4):
        asked = {
            **feed,
            "query_images": feed["support_images"],
            "adaptation_steps": np.array(taken),
        }
        labels = torch.from_numpy(feed["support_labels"])
        expected = nn.functional.cross_entropy(torch.from_numpy(model.adapt(asked)), labels)
        assert losses[taken] == pytest.approx(float(expected), abs=1e-5)
    assert losses[-1] < losses[0]


def test_the_rate_is_chosen_at_run_time_and_zero_of_it_learns_nothing():
    model = learned("meta_sgd")
    run = session(learner.export(model))
    feed = episode(model, WAY, 3, 5, np.float32)
    still = run.run(None, {**feed, "adaptation_steps": np.array(0)})[0]
    frozen = run.run(None, {**feed, "inner_lr": np.array(0, np.float32)})[0]
    np.testing.assert_array_equal(still, frozen)
    assert np.abs(run.run(None, feed)[0] - still).max() > 1e-3


def test_several_tasks_are_learned_each_as_alone():
    model = learned("maml", "conv4-group-pool")
    single = learner.export(model)
    feeds = [episode(model, WAY, 4, 3, np.float32, seed) for seed in (1, 2)]
    names = ("support_images", "support_labels", "query_images")
    together = feeds[0] | {name: np.stack([feed[name] for feed in feeds]) for name in names}
    logits, losses = session(over_tasks(single)).run(None, together)
    assert logits.shape == (2, 4, WAY)
    assert losses.shape == (2, 3)
    one = session(single)
    for i, feed in enumerate(feeds):
        np.testing.assert_allclose(logits[i], one.run(None, feed)[0], rtol=0, atol=1e-6)


def test_the_file_is_small_named_and_the_same_each_time():
    model = learned("anil")
    first, second = (learner.export(model).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second
    parameters = sum(p.numel() for p in model.theta.values())
    assert len(first) < 4 * parameters + 60_000
    graph = onnx.load_from_string(first).graph
    assert {"theta/head.weight", "fixed/body.block1.conv.weight"} <= {
        i.name for i in graph.initializer
    }
    assert [(v.name, shape(v)) for v in graph.input] == [
        ("support_images", ["S", 2, 28, 28]),
        ("support_labels", ["S"]),
        ("query_images", ["Q", 2, 28, 28]),
        ("adaptation_steps", []),
        ("inner_lr", []),
    ]
    assert [(v.name, shape(v)) for v in graph.output] == [
        ("query_logits", ["Q", WAY]),
        ("support_losses", ["steps"]),
    ]


def test_the_support_set_is_prepared_once_before_the_loop():
    graph = learner.export(learned("anil")).graph
    (loop,) = [node for node in graph.node if node.op_type == "Loop"]
    inside = [node.op_type for node in loop.attribute[0].g.node]
    assert "Conv" not in inside  # ANIL's body never moves: its features are those of every step
    assert "Gemm" in inside


def shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ([nn.Conv2d(2, 4, 3), nn.SiLU()], "aten.silu.default has no gradient rule"),
        ([nn.Conv2d(2, 4, 3, groups=2)], "grouped or dilated convolution"),
        ([nn.MaxPool2d(3, 2)], "overlapping or padded maximum"),
        ([nn.BatchNorm2d(2).eval()], "running statistics cannot be meta-learned"),
    ],
    ids=["silu", "grouped", "overlapping", "running-statistics"],
)
def test_what_has_no_rule_is_refused_by_name(layers, sentence):
    net = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(WAY))
    net(torch.rand(2, 2, 12, 12))
    model = Learned(net, MAML(functional(net), 0.1), weights(net), (2, 12, 12), ([0, 0], [1, 1]))
    with pytest.raises(InputError, match=sentence):
        learner.export(model)
