"""Small classifiers and the gradient predictor."""

from __future__ import annotations

import pytest
import torch

from lazyleap.errors import InputError
from lazyleap.models import functional, weights
from lazyleap.models.predictor import Predictor
from lazyleap.models.small import ARCHITECTURES, small


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32), (1, 16)])
def test_a_classifier_gives_logits_for_each_image_by_itself(architecture, channels, side):
    image = {"channels": channels, "height": side, "width": side}
    torch.manual_seed(0)
    network = small(architecture, 8, 5, image).eval()
    images = torch.rand(3, channels, side, side)
    together = network(images)
    assert together.shape == (3, 5)
    torch.testing.assert_close(network(images[:1]), together[:1], rtol=1e-4, atol=1e-5)


def test_refusals():
    with pytest.raises(InputError, match="did you mean 'lenet'"):
        small("lenett", 8, 5, {"channels": 1, "height": 28, "width": 28})
    with pytest.raises(InputError, match="images are 28x20"):
        small("lenet", 8, 5, {"channels": 1, "height": 28, "width": 20})


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 32, 32), (1, 12, 20)])
def test_a_map_has_the_images_shape_and_each_image_its_own(channels, height, width):
    torch.manual_seed(0)
    network = Predictor(channels, 4)
    images = torch.rand(3, channels, height, width)
    maps = network(images)
    assert maps.shape == images.shape
    torch.testing.assert_close(network(images[:1]), maps[:1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(functional(network)(weights(network), images), maps)
