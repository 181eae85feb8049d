"""Differentiating twice: attention on its maths path, and a sentence where torch cannot."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lazyleap import MAML, Batch, Exact, FirstOrder, Implicit, Lazy, Reptile, Task, Unrolled
from lazyleap.bilevel import gradient
from lazyleap.errors import InputError
from lazyleap.models import functional, weights
from tests import reference
from tests.cases import RATE, generator
from tests.reference import assert_same

WIDTH, HEADS, LENGTH = 4, 2, 3
TWICE = [Lazy(), Exact(), Unrolled(), Implicit()]
each = pytest.mark.parametrize("estimator", TWICE, ids=lambda e: type(e).__name__)


class Attention(nn.Module):
    """A transformer's encoder layer, its mean over the words, and a head."""

    def __init__(self) -> None:
        super().__init__()
        options = {"dim_feedforward": 5, "dropout": 0.0, "batch_first": True}
        self.body = nn.TransformerEncoderLayer(WIDTH, HEADS, **options)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.body(words).mean(1))


def written_out(p, words: Tensor) -> Tensor:
    """The same from its definition."""

    def split(x):  # [n, length, width] to [n, heads, length, width of a head]
        return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    def layer(name, x):
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def norm(name, x):
        x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        return x * p[f"{name}.weight"] + p[f"{name}.bias"]

    mixed = words @ p["body.self_attn.in_proj_weight"].T + p["body.self_attn.in_proj_bias"]
    q, k, v = map(split, mixed.chunk(3, -1))
    share = (q @ k.transpose(-1, -2) / (WIDTH / HEADS) ** 0.5).softmax(-1)
    heard = layer("body.self_attn.out_proj", (share @ v).transpose(1, 2).flatten(2))
    x = norm("body.norm1", words + heard)
    x = norm("body.norm2", x + layer("body.linear2", layer("body.linear1", x).relu()))
    return layer("head", x.mean(1))


def problem(*, training: bool):
    torch.manual_seed(0)
    net = Attention().double().train(training)
    draw = generator(1)
    theta = {n: p + 0.3 * draw(*p.shape) for n, p in weights(net).items()}
    batches = [Batch(draw(4, LENGTH, WIDTH), torch.arange(4) % 2) for _ in range(3)]
    return functional(net), theta, Task(batches[:2], batches[2])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("estimator", "steps"), [(Lazy(), [0]), (Exact(), [0, 1])], ids=str)
def test_attention_is_differentiated_as_its_definition(estimator, steps, training):
    forward, theta, task = problem(training=training)
    plain = reference.Plain("maml", written_out, F.cross_entropy, RATE)
    expected = reference.gradient(reference.taught(plain, theta, task, steps), theta)
    found = estimator(MAML(forward, RATE), theta, [task]).grad
    assert_same(found, expected)
    if len(steps) == 2:
        unrolled = Unrolled()(MAML(forward, RATE), theta, [task]).grad
        assert_same(found, unrolled, rtol=1e-12, atol=1e-14)


def test_attention_under_implicit_and_afterwards_as_it_was():
    forward, theta, task = problem(training=True)
    task = Task([task.inner[0]] * 2, task.outer)
    plain = reference.Plain("maml", written_out, F.cross_entropy, RATE)
    found = Implicit(cg_steps=200)(MAML(forward, RATE), theta, [task]).grad
    assert_same(found, reference.implicit(plain, theta, task, 2.0), rtol=1e-6, atol=1e-9)
    assert torch.backends.cuda.flash_sdp_enabled()


def spelling(estimator, forward, loss=F.cross_entropy):
    draw = generator(2)
    inputs = Batch(draw(4, 5, 3), torch.tensor([[1, 2], [2, 1], [1, 1], [2, 2]]))
    return estimator(
        MAML(forward, RATE, loss=loss), {"w": draw(3, 4)}, [Task([inputs] * 2, inputs)]
    )


def ctc(outputs: Tensor, targets: Tensor) -> Tensor:
    lengths = torch.full((4,), 5), torch.full((4,), 2)
    return F.ctc_loss(outputs.log_softmax(-1).transpose(0, 1), targets, *lengths)


def linear(p, inputs):
    return inputs @ p["w"]


@each
def test_an_operation_without_a_second_derivative_is_named(estimator):
    with pytest.raises(
        InputError, match=r"second derivative of 'ctc_loss': .*FirstOrder"
    ) as caught:
        spelling(estimator, linear, ctc)
    assert "\n" not in str(caught.value)


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (1 - x.tanh() ** 2)


def first(outputs, targets):
    return F.cross_entropy(outputs[:, 0], targets[:, 0])


@each
def test_a_function_that_torch_would_leave_out_is_refused_each_time(estimator):
    for _ in range(2):
        with pytest.raises(InputError, match=r"marked once_differentiable.*FirstOrder"):
            spelling(estimator, lambda p, x: Once.apply(linear(p, x)), first)
    spelling(estimator, linear, first)
    with pytest.raises(InputError, match="marked once_differentiable"):
        spelling(estimator, linear, lambda outputs, targets: first(Once.apply(outputs), targets))


class Own:
    """A problem that names no network and no loss: only itself can be looked at."""

    def __init__(self, act) -> None:
        self.act = act

    def init(self, theta):
        return dict(theta)

    def inner_grad(self, phi, theta, batch):
        return gradient(lambda p: self.act(p["w"] * batch).square().sum(), phi)

    def update(self, phi, grad, theta):
        return {"w": phi["w"] - RATE * grad["w"]}

    def outer_loss(self, phi, theta, batch):
        return self.act(phi["w"] * batch).sum()


@pytest.mark.parametrize("estimator", [Lazy(), Exact()], ids=lambda e: type(e).__name__)
def test_another_problem_of_a_class_that_was_in_order_is_looked_at_too(estimator):
    theta, task = {"w": generator(3)(4)}, Task([generator(4)(4)] * 2, generator(5)(4))
    assert estimator(Own(torch.tanh), theta, [task]).grad["w"].any()
    with pytest.raises(InputError, match="marked once_differentiable"):
        estimator(Own(Once.apply), theta, [task])


@pytest.mark.parametrize("estimator", [FirstOrder(), Reptile()], ids=lambda e: type(e).__name__)
def test_one_derivative_is_enough_for_first_order_and_reptile(estimator):
    for forward, loss in ((linear, ctc), (lambda p, x: Once.apply(linear(p, x)), first)):
        assert spelling(estimator, forward, loss).grad["w"].any()


def test_other_errors_of_torch_are_left_alone():
    with pytest.raises(RuntimeError, match=r"size of tensor|shapes cannot be multiplied"):
        spelling(Exact(), lambda p, x: x @ p["w"].T, first)
