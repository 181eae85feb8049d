"""Where code is found again: ``module``, or ``module:Class``."""

from __future__ import annotations

import sys
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any


def place(code: Any) -> str:
    """Of a module or a class."""
    return f"{code.__module__}:{code.__qualname__}" if isinstance(code, type) else code.__name__


def at(place: str) -> Any:
    """The module or class of a :func:`place`."""
    module, _, name = place.partition(":")
    return reduce(getattr, filter(None, name.split(".")), import_module(module))


def made(found: Any) -> Any:
    """What serves: of a class an instance, a module itself."""
    return found() if isinstance(found, type) else found


def extend(folder: Path) -> None:
    """Let modules below ``folder`` be imported, after all others."""
    path = str(folder.resolve())
    if folder.is_dir() and path not in sys.path:
        sys.path.append(path)
