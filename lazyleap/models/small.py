"""Small classifiers of unlike architectures, to be attacked and to learn attacks from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from lazyleap.errors import InputError, nearest
from lazyleap.models.conv4 import Conv4
from lazyleap.models.resnet_cifar import BLOCKS, ResNetCifar


def mlp(classes: int, channels: int, side: int, width: int) -> nn.Module:
    """Two hidden layers of ``width`` units."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * side * side, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, classes),
    )


def lenet(classes: int, channels: int, side: int, width: int) -> nn.Module:
    """Two 5x5 convolutions with 2x2 maxima and two linear layers.

    After LeCun, Bottou, Bengio and Haffner, Proc. IEEE 1998, with ReLU and maxima.
    """
    return nn.Sequential(
        nn.Conv2d(channels, width, 5, padding=2),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 5, padding=2),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * width * (side // 4) ** 2, 8 * width),
        nn.ReLU(),
        nn.Linear(8 * width, classes),
    )


def vgg(classes: int, channels: int, side: int, width: int) -> nn.Module:
    """Two pairs of 3x3 convolutions, each pair before a 2x2 maximum, and a linear layer.

    After Simonyan and Zisserman, ICLR 2015.
    """
    return nn.Sequential(
        *_convolution(channels, width),
        *_convolution(width, width),
        nn.MaxPool2d(2),
        *_convolution(width, 2 * width),
        *_convolution(2 * width, 2 * width),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * (side // 4) ** 2, classes),
    )


def allconv(classes: int, channels: int, side: int, width: int) -> nn.Module:
    """Convolutions alone, some with stride 2, and the mean over places.

    After Springenberg, Dosovitskiy, Brox and Riedmiller, ICLR 2015 workshop, with batch
    normalisation.
    """
    del side
    return nn.Sequential(
        *_normalised(channels, width, 1),
        *_normalised(width, 2 * width, 2),
        *_normalised(2 * width, 2 * width, 1),
        *_normalised(2 * width, 2 * width, 2),
        nn.Conv2d(2 * width, classes, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def conv4(classes: int, channels: int, side: int, width: int) -> nn.Module:
    """Conv-4 with strides, as a classifier."""
    return Conv4(
        classes, channels=channels, size=side, width=width, downsample="stride", running=True
    )


def resnet8(classes: int, channels: int, side: int, width: int) -> nn.Module:
    """The CIFAR residual network of 8 layers, as a classifier."""
    del side
    blocks = BLOCKS["resnet8"]
    return ResNetCifar(classes, blocks=blocks, channels=channels, width=width, running=True)


ARCHITECTURES: dict[str, Callable[[int, int, int, int], nn.Module]] = {
    function.__name__: function for function in (mlp, lenet, conv4, resnet8, vgg, allconv)
}


def small(architecture: str, width: int, classes: int, image: Mapping[str, int]) -> nn.Module:
    """A classifier from normalised images to logits, initialised from torch's global stream.

    ``image`` has ``channels``, ``height`` and ``width``; ``width`` is the feature maps of the first
    convolution, or the units of ``mlp``.

    Raises:
        InputError: if the architecture is unknown or the images are not squares from 8 pixels.
    """
    if architecture not in ARCHITECTURES:
        hint = nearest(architecture, ARCHITECTURES)
        raise InputError(f"architecture '{architecture}' is unknown; {hint}")
    side = image["height"]
    if image["width"] != side or side < 8:
        raise InputError(f"images are {side}x{image['width']}: classifiers want squares from 8")
    return ARCHITECTURES[architecture](classes, image["channels"], side, width)


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()


def _normalised(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU()
