"""A user's network, named in params.yaml by ``package.module:Name``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from lazyleap.blocks import NetworkOptions
from lazyleap.errors import InputError
from lazyleap.places import at


def network(
    options: NetworkOptions, outputs: int, image: Mapping[str, int], **more: Any
) -> nn.Module | None:
    """``Name(outputs, image, **options)``, or None where the network is one of the project's.

    ``image`` has ``channels``, ``height`` and ``width``. ``Name.Options`` derives from
    :class:`lazyleap.blocks.NetworkOptions` and says what else the block may hold. For ANIL, and for
    features in an export, the last layer is called ``head``.

    Raises:
        InputError: if what is made is no ``nn.Module``.
    """
    if ":" not in options.backbone:
        return None
    arguments = {k: getattr(options, k) for k in type(options).model_fields if k != "backbone"}
    found = at(options.backbone)(outputs, image, **arguments, **more)
    if not isinstance(found, nn.Module):
        raise InputError(f"network '{options.backbone}' makes a {type(found).__name__}, no Module")
    return found
