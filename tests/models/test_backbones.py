"""Shapes, names and what depends on what."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lazyleap.models import Conv4, ResNet12, functional, weights
from tests.reference import assert_same

BACKBONES = {"conv4": Conv4, "resnet12": ResNet12}
every_norm = pytest.mark.parametrize("norm", ["batch", "group"])
every_backbone = pytest.mark.parametrize("build", BACKBONES.values(), ids=BACKBONES)


def images(n, channels=1, size=16):
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(0))


@every_norm
@pytest.mark.parametrize("downsample", ["pool", "stride"])
@pytest.mark.parametrize(
    ("channels", "size", "pooled", "strided"),
    [(1, 28, 1, 2), (3, 84, 5, 6), (3, 32, 2, 2), (2, 16, 1, 1), (1, 31, 1, 2)],
)
def test_conv4_shapes(channels, size, pooled, strided, downsample, norm):
    net = Conv4(5, channels=channels, size=size, width=4, norm=norm, downsample=downsample)
    assert net(images(2, channels, size)).shape == (2, 5)
    side = pooled if downsample == "pool" else strided
    assert net.head.weight.shape == (5, 4 * side * side)


@every_norm
@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 28), (3, 84), (1, 16)])
def test_resnet12_shapes(channels, size, norm):
    net = ResNet12(7, channels=channels, width=4, norm=norm)
    assert net(images(2, channels, size)).shape == (2, 7)
    assert net.head.weight.shape == (7, 40)


def test_the_published_sizes():
    def count(net):
        return sum(p.numel() for p in net.parameters())

    assert count(Conv4(5, norm="group")) == 768 + 3 * 37_056 + 325
    assert count(Conv4(5)) == 704 + 3 * 36_992 + 325  # biases that the norm would take off again
    assert 12.4e6 < count(ResNet12(5)) < 12.5e6


def test_an_image_too_small_is_refused():
    with pytest.raises(ValueError, match="too small"):
        Conv4(5, size=15)
    assert Conv4(5, size=15, width=4, downsample="stride")(images(2, 1, 15)).shape == (2, 5)


@every_backbone
def test_the_head_is_named_so_and_the_rest_is_the_body(build):
    names = {n.split(".")[0] for n in weights(build(3, width=4))}
    assert names == {"head", "body"}
    assert {n for n in weights(build(3, width=4)) if n.startswith("head.")} == {
        "head.weight",
        "head.bias",
    }


@every_backbone
@every_norm
def test_no_buffers_so_nothing_leaks_between_tasks(build, norm):
    assert not list(build(3, width=4, norm=norm).buffers())


@every_backbone
@every_norm
def test_images_of_one_call_depend_on_each_other_only_through_batch_statistics(build, norm):
    torch.manual_seed(0)
    net = build(3, channels=1, width=8, norm=norm).eval()
    size = 28 if build is Conv4 else 16
    x = images(4, size=size)
    other = torch.cat([x[:1], 3 * images(7, size=size)[4:]])
    same = torch.allclose(net(x)[0], net(other)[0], atol=1e-5)
    assert same == (norm == "group")


@every_backbone
def test_functional_is_the_module_at_other_parameters(build):
    a, b = build(3, channels=1, width=4), build(3, channels=1, width=4)
    x = images(4, size=28)
    theta = weights(b)
    torch.testing.assert_close(functional(a)(theta, x), b(x))
    before = weights(a)
    functional(a)(theta, x)
    assert_same(weights(a), before, rtol=0, atol=0)


def test_weights_are_a_copy():
    net = nn.Linear(2, 2)
    tree = weights(net)
    tree["weight"].zero_()
    assert net.weight.abs().sum() > 0
    assert not any(p.requires_grad for p in tree.values())
