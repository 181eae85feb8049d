"""What the user said on the module holds: frozen layers, modes, buffers, names."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lazyleap import ANIL, MAML, Batch, Exact, Lazy, MetaSGD, Task
from lazyleap.bilevel import step
from lazyleap.errors import InputError
from lazyleap.models import functional, weights
from tests import reference
from tests.cases import generator
from tests.reference import assert_same

RATE = 0.3


def network(*middle: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    layers = OrderedDict(body=nn.Linear(3, 4), middle=nn.Sequential(*middle), act=nn.Tanh())
    return nn.Sequential(layers | {"head": nn.Linear(4, 2)}).double()


def tasks(n: int = 2) -> list[Task]:
    draw = generator(1)
    batches = [Batch(draw(6, 3), (draw(6) > 0).long()) for _ in range(3 * n)]
    return [Task(batches[3 * i : 3 * i + 2], batches[3 * i + 2]) for i in range(n)]


@pytest.mark.parametrize("kind", [MAML, MetaSGD, ANIL])
def test_frozen_layers_are_neither_adapted_nor_learned(kind):
    net = network()
    net.body.requires_grad_(False)
    theta, body = weights(net), dict(net.body.named_parameters())
    assert set(theta) == {"head.weight", "head.bias"}

    def alone(p, inputs):  # the head on what the frozen body says of the inputs
        features = torch.tanh(F.linear(inputs, body["weight"], body["bias"]))
        return F.linear(features, p["head.weight"], p["head.bias"])

    found, expected = (kind(forward, RATE) for forward in (functional(net), alone))
    if kind is MetaSGD:
        theta = found.theta(theta)
    before = {n: p.clone() for n, p in net.named_parameters()}
    metas = [Exact()(problem, theta, tasks()) for problem in (found, expected)]
    assert_same(metas[0].grad, metas[1].grad, rtol=1e-12)
    phi = step(found, found.init(theta), theta, tasks()[0].inner[0])
    assert set(phi) == {"head.weight", "head.bias"}
    assert_same(dict(net.named_parameters()), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: {"hea.bias" if n == "head.bias" else n: p for n, p in t.items()}, "head.bias"),
        (lambda t: t | {"extra": torch.ones(2).double()}, r"theta\['extra'\] is no parameter"),
        (lambda t: {n: p for n, p in t.items() if n != "head.bias"}, "theta has no 'head.bias'"),
        (lambda t: t | {"head.bias": torch.ones(1).double()}, r"\[1\], the network's is \[2\]"),
        (
            lambda t: t | {"middle.0.running_mean": torch.ones(4).double()},
            "is a buffer of the network",
        ),
        (lambda t: t | {"body.weight": torch.ones(4, 3).double()}, "has it frozen"),
    ],
    ids=["misspelt", "foreign", "missing", "shape", "buffer", "frozen"],
)
def test_a_theta_that_is_not_the_networks_is_refused_by_name(change, words):
    net = network(nn.BatchNorm1d(4)).eval()
    net.body.requires_grad_(False)
    with pytest.raises(InputError, match=words):
        Lazy()(MAML(functional(net), RATE), change(weights(net)), tasks())


class Recurrent(nn.Module):
    """Torch keeps an LSTM's weights in a list of its own besides, and a tied one in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.LSTM(3, 3, batch_first=True), nn.Linear(3, 3)
        self.head.weight = nn.Parameter(self.head.weight.clone())
        self.again = nn.Linear(3, 3)
        self.again.weight = self.head.weight

    def forward(self, x):
        return self.again(self.head(self.body(x)[0][:, -1]))


def test_recurrent_and_tied_layers_take_the_parameters_they_are_given():
    torch.manual_seed(0)
    a, b, x = Recurrent().double(), Recurrent().double(), generator(3)(2, 4, 3)
    before = a(x)
    torch.testing.assert_close(functional(a)(weights(b), x), b(x), rtol=1e-12, atol=0)
    torch.testing.assert_close(a(x), before, rtol=0, atol=0)
    draw = generator(4)
    batches = [Batch(draw(2, 4, 3), torch.tensor([0, 2])) for _ in range(3)]
    found, expected = (
        Exact()(MAML(forward, RATE), weights(b), [Task(batches[:2], batches[2])])
        for forward in (functional(a), lambda p, x: torch.func.functional_call(a, p, (x,)))
    )
    assert_same(found.grad, expected.grad, rtol=1e-11)


def test_a_network_without_anything_to_learn_is_refused():
    with pytest.raises(InputError, match="nothing to learn"):
        weights(network().requires_grad_(False))


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor([0.5, 1, 2, 3]))
        self.register_buffer("unset", None)

    def forward(self, x):
        return x * self.scale


def test_buffers_and_running_statistics_in_eval_mode_are_constants():
    norm = nn.BatchNorm1d(4)
    norm.running_mean.normal_(generator=torch.Generator().manual_seed(2))
    norm.running_var.fill_(2.5)
    net = network(norm, Scaled()).eval()
    before = {n: b.clone() for n, b in net.named_buffers()}
    theta, problem = weights(net), MAML(functional(net), RATE)
    found = Exact()(problem, theta, tasks())

    def written_out(p, inputs):
        x = F.linear(inputs, p["body.weight"], p["body.bias"]) - before["middle.0.running_mean"]
        x = x / (2.5 + norm.eps) ** 0.5 * p["middle.0.weight"] + p["middle.0.bias"]
        return F.linear(torch.tanh(x * net.middle[1].scale), p["head.weight"], p["head.bias"])

    plain = reference.Plain("maml", written_out, F.cross_entropy, RATE)
    programs = [reference.unrolled(plain, task) for task in tasks()]
    assert_same(found.grad, reference.mean([reference.gradient(f, theta) for f in programs]))
    assert_same(dict(net.named_buffers()), before, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.InstanceNorm1d])
def test_running_statistics_in_training_mode_are_refused_by_layer(kind):
    net = network(kind(4, track_running_stats=True))
    with pytest.raises(InputError, match=r"layer 'middle.0' \(\w+Norm1d\).*eval mode"):
        functional(net)
    forward, theta = functional(net.eval()), weights(net)
    net.train()
    with pytest.raises(InputError, match=r"layer 'middle.0'"):
        forward(theta, torch.ones(2, 3))


class Counting(nn.Module):
    def __init__(self, assign: bool) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.assign = assign

    def forward(self, x):
        if self.assign:
            self.count = self.count + 1
        else:
            self.count += 1
        return x


@pytest.mark.parametrize("assign", [False, True])
def test_a_buffer_that_a_step_changes_is_refused_by_name(assign):
    net = network(Counting(assign))
    with pytest.raises(InputError, match=r"buffer 'middle.0.count' \(Counting\) is changed"):
        Lazy()(MAML(functional(net), RATE), weights(net), tasks())


def test_images_of_one_channel_reach_the_network_channels_last():
    """In whatever order they are handed in; its answer is the same."""
    net, images = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh()), generator(0)(5, 1, 6, 6).float()
    expected, seen = net(images), []
    net[0].register_forward_pre_hook(lambda _module, given: seen.append(given[0].stride()))
    found = functional(net)(weights(net), images)
    assert seen == [(36, 1, 6, 1)]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
