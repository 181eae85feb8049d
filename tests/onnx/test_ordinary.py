"""Ordinary exports: classifiers, image-to-image networks, feature extractors."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from lazyleap.onnx import ordinary
from lazyleap.onnx.parity import session
from tests.onnx.learners import network


class Classifier(nn.Module):
    """Running statistics and a residual, as long-tailed classifiers have."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 4)

    def forward(self, images):
        x = self.stem(images)
        return self.head((x + self.block(x)).relu().mean((2, 3)))


def predictor() -> nn.Module:
    """Image to image, as gradient predictors are."""
    down = [nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU()]
    return nn.Sequential(*down, nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh())


@pytest.mark.parametrize("make", [Classifier, predictor])
def test_running_statistics_any_batch_and_normalisation_inside(make):
    torch.manual_seed(0)
    net = make()
    for _ in range(3):
        net(torch.rand(8, 3, 16, 16))
    moments = ([0.5, 0.4, 0.3], [0.2, 0.3, 0.4])
    model = ordinary.export(
        ordinary.Normalised(net.eval(), *moments), (3, 16, 16), outputs=("output",)
    )
    run = session(model)
    mean, std = (torch.tensor(m).view(-1, 1, 1) for m in moments)
    for batch in (1, 2, 7):
        images = torch.rand(batch, 3, 16, 16)
        expected = net((images - mean) / std).detach().numpy()
        found = run.run(["output"], {"images": images.numpy()})[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["conv4-group-pool", "resnet12-batch"])
def test_features_are_what_the_head_reads(name):
    net = network(name, size=20)
    module = ordinary.WithFeatures(deepcopy(net))
    model = ordinary.export(module, (1, 20, 20), outputs=("logits", "features"))
    images = torch.rand(3, 1, 20, 20)
    logits, features = session(model).run(None, {"images": images.numpy()})
    np.testing.assert_allclose(logits, net(images).detach().numpy(), atol=1e-4)
    head = net.head
    np.testing.assert_allclose(head(torch.from_numpy(features)).detach(), logits, atol=1e-4)


def test_nothing_of_this_machine_is_in_the_file(capfd):
    model = ordinary.export(network("conv4-batch-pool"), (1, 28, 28))
    content = model.SerializeToString()
    assert b"site-packages" not in content
    assert __file__.encode() not in content
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert model.opset_import[0].version == 18
    assert not any(i.data_location == onnx.TensorProto.EXTERNAL for i in model.graph.initializer)
    assert capfd.readouterr().err == ""  # the exporter's remarks are not our user's concern
