"""What counts as the same answer, what is said when it is not, and that no mutant passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, helper, numpy_helper

from lazyleap import MAML
from lazyleap.algorithms import SGD
from lazyleap.errors import InputError
from lazyleap.fewshot import export as fewshot
from lazyleap.models import functional
from lazyleap.onnx import gradient, learner, ordinary, parity, proofs, smaller, twins
from lazyleap.onnx.parity import Check
from tests.onnx.learners import WAY, episode, learned, network

ONE = np.ones((2, 3), np.float32)


def test_the_tolerance_grows_with_the_logits_but_not_below_one():
    near = [(ONE * 1e-3, ONE * 1e-3 + 5e-5)]
    assert parity.compare("f", "w", "r", near, 1e-4).ok
    far = [(ONE * 100, ONE * 100 + 5e-3)]
    assert parity.compare("f", "w", "r", far, 1e-4).ok
    assert not parity.compare("f", "w", "r", [(ONE, ONE + 5e-3)], 1e-4).ok


@pytest.mark.parametrize("bad", [ONE * np.nan, ONE[:1], ONE * np.inf])
def test_no_number_or_another_shape_is_never_the_same(bad):
    expected = bad if bad.shape == ONE.shape else ONE
    with np.errstate(invalid="ignore"):
        check = parity.compare("f", "w", "r", [(bad, expected)], 1.0)
        told = parity.tell("f", "w", [(bad, expected, expected)])
    assert not check.ok
    assert not told.ok
    with pytest.raises(InputError, match=r"differs .* by inf in w \(.*\), where a number is allo"):
        parity.require([told])


def test_a_failed_check_is_one_sentence():
    bad = parity.compare("adapt.onnx", "its logits", "onnx 1", [(ONE, ONE + 1)], 1e-4)
    sentence = (
        r"^adapt\.onnx differs from PyTorch by 1 in its logits \(onnx 1\), where at most 0\.0002 "
        "is allowed: nothing was written$"
    )
    with pytest.raises(InputError, match=sentence):
        parity.require([bad])


def test_json_shows_what_is_nearest_to_its_limit_and_the_widest_gap_of_float32():
    checks = [
        parity.compare("a", "w", "r", [(ONE, ONE + d)], 1e-4) for d in (0.0, np.float32(5e-5))
    ]
    exact = ONE.astype(np.float64)
    checks += [parity.tell("a", "w", [(ONE + np.float32(gap), ONE, exact - 0.5)]) for gap in (2, 1)]
    content = json.loads(parity.to_json([*checks, Check("a", "same", "c", 1, 0.0, 0.0)]))
    assert content["max_abs_diff"] == pytest.approx(5e-5, rel=0.01)
    assert content["tolerance"] == pytest.approx(1e-4, rel=0.01)
    assert content["ok"]
    assert (content["float32_gap"], content["pytorch_gap"]) == (2, 0.5)
    assert [c["tolerance"] is None for c in content["checks"]] == [False, False, True, True, False]
    bad = Check("a", "other", "c", 1, float("inf"), 0.0)
    assert not json.loads(parity.to_json([*checks, bad]))["ok"]


def feeds(model, steps=3, count=1):
    return [episode(model, WAY, 2 * WAY, steps, np.float32, seed) for seed in range(count)]


def failed(checks) -> set[tuple[str, str]]:
    """Files that were found out, by ``graph`` (in float64) or ``weights`` (one by one)."""
    by = {parity.REFERENCE: "graph", parity.COMPARED: "weights"}
    return {
        (c.file, "weights" if proofs.STORED in c.what else by[c.runtime])
        for c in checks
        if not c.ok
    }


def test_what_is_right_passes_however_far_rounding_takes_float32():
    """At this rate one step is a knife edge: no tolerance of float32 would both pass and test."""
    model = learned("maml", "conv4-batch-pool")
    model = replace(model, problem=MAML(functional(model.network), 10.0))
    models, checks = fewshot.files(model, feeds(model, steps=9, count=2))
    names = {"model.onnx", "adapt.onnx", "model.half.onnx", "adapt.half.onnx"}
    assert set(models) == {check.file for check in checks} == names
    parity.require(checks)
    told = {c.what: c for c in checks if c.tolerance is None}
    far = told["logits after 9 steps"]
    assert far.max_abs_diff > 1
    assert far.pytorch_gap > 1
    assert told["logits"].max_abs_diff < 1e-4
    decided = [c for c in checks if c.tolerance]
    assert max(c.max_abs_diff / c.tolerance for c in decided) < 0.1


def weight(model: ModelProto, size: int = 50) -> ModelProto:
    """The thousandth part of one weight more."""
    tensor = next(t for t in model.graph.initializer if np.prod(t.dims) > size)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[7] *= 1.001
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


def step_fewer(model: ModelProto) -> ModelProto:
    (loop,) = [node for node in model.graph.node if node.op_type == "Loop"]
    model.graph.initializer.append(numpy_helper.from_array(np.array(1), "one"))
    fewer = helper.make_node("Sub", ["adaptation_steps", "one"], ["fewer"])
    place = list(model.graph.node).index(loop)
    model.graph.node.insert(place, fewer)
    loop.input[0] = "fewer"
    return model


def last_state_lost(model: ModelProto) -> ModelProto:
    """The loop's first parameter stays where it started."""
    (loop,) = [node for node in model.graph.node if node.op_type == "Loop"]
    body = next(a.g for a in loop.attribute if a.name == "body")
    body.node.append(helper.make_node("Identity", [body.input[2].name], ["kept"]))
    body.output[1].name = "kept"
    return model


def patched(monkeypatch, module, name: str, mutate: Callable[[ModelProto], ModelProto]) -> None:
    right = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *a, **k: mutate(right(*a, **k)))


@pytest.mark.parametrize("mutate", [step_fewer, last_state_lost, weight])
def test_a_wrong_learner_is_found_out(monkeypatch, mutate):
    model = learned("maml", size=16)
    patched(monkeypatch, learner, "export", mutate)
    _, checks = proofs.learner("adapt.onnx", model, feeds(model))
    assert failed(checks) == {("adapt.onnx", "graph")}


def wrong_relu(x):
    return x.builder.op("Relu", x), lambda gy: (gy,)


SWAPPED = {
    "relu": (torch.ops.aten.relu.default, lambda rule: wrong_relu),
    "bias": (
        torch.ops.aten.linear.default,
        lambda rule: lambda x, w, b: (rule(x, w, b)[0], lambda gy: (*rule(x, w, b)[1](gy)[:2], b)),
    ),
    "normalisation": (
        torch.ops.aten.batch_norm.default,
        lambda rule: lambda *a: (rule(*a)[0], lambda gy: (gy, *rule(*a)[1](gy)[1:])),
    ),
}


@pytest.mark.parametrize("name", SWAPPED)
def test_a_wrong_rule_is_found_out(monkeypatch, name):
    operation, swap = SWAPPED[name]
    monkeypatch.setitem(gradient.RULES, operation, swap(gradient.RULES[operation]))
    model = learned("maml", size=16)
    _, checks = proofs.learner("adapt.onnx", model, feeds(model))
    assert failed(checks) == {("adapt.onnx", "graph")}


@pytest.mark.parametrize(
    "change",
    [
        lambda m: replace(m, problem=MAML(functional(m.network), 0.05, optimizer=SGD(0.9))),
        lambda m: replace(m, normalisation=([0.1, 0.3], [0.3, 0.61])),
    ],
    ids=["momentum", "moments"],
)
def test_a_file_of_another_learner_is_found_out(monkeypatch, change):
    model, right = learned("maml", size=16), learner.export
    monkeypatch.setattr(learner, "export", lambda asked: right(change(asked)))
    _, checks = proofs.learner("adapt.onnx", model, feeds(model))
    assert failed(checks) == {("adapt.onnx", "graph")}


def only_single(mutate):
    """Mutated in the file alone, not in the graph that is run in float64."""

    def change(model: ModelProto) -> ModelProto:
        single = model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        return mutate(model) if single else model

    return change


def other_operation(model: ModelProto) -> ModelProto:
    next(n for n in model.graph.node if n.op_type == "Relu").op_type = "Tanh"
    return model


@pytest.mark.parametrize("mutate", [weight, other_operation])
def test_a_file_that_is_not_the_graph_that_was_checked_is_found_out(monkeypatch, mutate):
    patched(monkeypatch, learner, "export", only_single(mutate))
    model = learned("maml", size=16)
    _, checks = fewshot.files(model, feeds(model))
    assert failed(checks) == {("adapt.onnx", "weights")}


@pytest.mark.parametrize("mutate", [weight, other_operation])
def test_a_network_that_is_not_the_graph_that_was_checked_is_found_out(monkeypatch, mutate):
    patched(monkeypatch, twins, "narrowed", mutate)
    images = [np.random.default_rng(0).random((3, 1, 16, 16), np.float32)]
    net = network("conv4-batch-pool", size=16)
    _, checks = proofs.network("model.onnx", net, (1, 16, 16), images, ("logits",))
    assert failed(checks) == {("model.onnx", "weights")}


def test_a_right_network_passes_and_a_wrong_one_is_found_out(monkeypatch):
    """Of leaky rectifiers, whose slope ONNX keeps in float32 in any graph."""
    images = [np.random.default_rng(0).random((3, 1, 16, 16), np.float32)]
    net = network("resnet12-batch", size=16)
    asked = ("model.onnx", net, (1, 16, 16), images, ("logits",))
    made: list[ModelProto] = []
    patched(monkeypatch, ordinary, "export", lambda model: made.append(model) or model)
    parity.require(proofs.network(*asked)[1])
    monkeypatch.setattr(ordinary, "export", lambda *a, **k: weight(made.pop(0)))
    assert failed(proofs.network(*asked)[1]) == {("model.onnx", "graph"), ("model.onnx", "weights")}


def test_a_file_of_half_size_that_is_not_the_whole_one_is_found_out(monkeypatch):
    whole = learner.export(learned("maml", size=16))
    assert proofs.half("f", whole)[1][0].ok
    patched(monkeypatch, smaller, "half", lambda model: weight(model, smaller.LEAST))
    assert failed(proofs.half("f", whole)[1]) == {("f", "weights")}


def test_a_weight_beyond_half_precision_is_found_out():
    whole = learner.export(learned("maml", size=16))
    tensor = next(t for t in whole.graph.initializer if np.prod(t.dims) >= smaller.LEAST)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = 1e5
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    with np.errstate(over="ignore"):
        assert twins.halved(smaller.half(whole), whole) == twins.OTHER
