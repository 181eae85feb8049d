"""Readers of public image formats and the prepared form every task reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazyleap.lazily import offer

if TYPE_CHECKING:
    from lazyleap.datasets.readers import read as read
    from lazyleap.datasets.store import ImageSet as ImageSet
    from lazyleap.datasets.store import Prepared as Prepared
    from lazyleap.datasets.store import load as load
    from lazyleap.datasets.store import save as save

_HOMES = {
    "read": "lazyleap.datasets.readers",
    "ImageSet": "lazyleap.datasets.store",
    "Prepared": "lazyleap.datasets.store",
    "load": "lazyleap.datasets.store",
    "save": "lazyleap.datasets.store",
}
__all__ = [*_HOMES]
__getattr__, __dir__ = offer(__name__, _HOMES)
