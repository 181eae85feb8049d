"""Classifiers: the CIFAR networks, their heads, and the twin without running statistics."""

from __future__ import annotations

import pytest
import torch

from lazyleap.longtail.network import build as classifier
from lazyleap.longtail.options import ClassifierOptions
from lazyleap.models import Cosine, ResNetCifar, functional, weights

IMAGE = {"channels": 3, "height": 32, "width": 32}


def options(backbone="resnet8", **other):
    words = {"width": 4, "norm": "batch", "downsample": "stride"} | other
    return ClassifierOptions(backbone=backbone, **words)


@pytest.mark.parametrize(("blocks", "count"), [(1, 75_290), (5, 464_154)])
def test_the_published_sizes(blocks, count):
    """With shortcuts that have no parameters, and BatchNorm's scales and shifts in the count."""
    net = ResNetCifar(10, blocks=blocks)
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize("backbone", ["conv4", "resnet8", "resnet32"])
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_twins_have_the_same_parameters_and_in_training_the_same_answers(backbone, norm):
    nets = [classifier(options(backbone, norm=norm), 7, IMAGE, running=r) for r in (True, False)]
    running, virtual = nets
    start, images = weights(running), torch.randn(5, 3, 32, 32)
    assert {n: p.shape for n, p in weights(virtual).items()} == {
        n: p.shape for n, p in start.items()
    }
    found = functional(virtual)(start, images)
    assert found.shape == (5, 7)
    torch.testing.assert_close(running.train()(images), found)
    assert not list(virtual.buffers())
    assert bool(list(running.buffers())) == (norm == "batch")


def test_a_shortcut_keeps_what_comes_in_among_zeros():
    net = ResNetCifar(2, blocks=1, width=4)
    block = net.body.stage2_block1
    with torch.no_grad():
        block.branch.norm2.weight.zero_()
    images = torch.rand(2, 4, 6, 6)
    found = block(images)
    torch.testing.assert_close(found[:, 2:6], images[:, :, ::2, ::2])
    assert not found[:, :2].any()
    assert not found[:, 6:].any()


def test_a_cosine_head_knows_no_lengths():
    head, features = Cosine(3, 4, scale=30.0), torch.randn(5, 3)
    torch.testing.assert_close(head(features), head(7 * features))
    assert head(features).abs().max() <= 30
    net = classifier(options(), 7, IMAGE, running=False, scale=2.0)
    assert isinstance(net.head, Cosine)
    assert net(torch.randn(2, 3, 32, 32)).abs().max() <= 2
