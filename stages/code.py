"""Where the project's own code lies: in the project itself, a checkout, or installed apart from it.

A stage of DVC depends on files of the project. Where the code is installed apart, ``lazyleap.lock``
stands for it there: the version, and a digest of each source file.
"""

from __future__ import annotations

import json
from pathlib import Path

import lazyleap
from stages.digests import digest

PACKAGES = ("lazyleap", "stages")
HOME = Path(__file__).resolve().parents[1]
LOCK = Path("lazyleap.lock")


def is_checkout(root: Path = Path()) -> bool:
    """Whether the project in ``root`` holds the code itself."""
    return all((root / name / "__init__.py").is_file() for name in PACKAGES)


def homes() -> dict[str, Path]:
    """The folder of each package that lies apart from the project; none of a checkout."""
    return {} if is_checkout() else dict.fromkeys(PACKAGES, HOME)


def located(name: str) -> Path:
    """Where a file of the project or of the code is; ``name``: from either's root."""
    return homes().get(name.partition("/")[0], Path()) / name


def named(path: Path) -> str:
    """The name of a file that :func:`located` finds: the same wherever the code is installed."""
    apart = path.is_absolute() and path.is_relative_to(HOME) and bool(homes())
    return (path.relative_to(HOME) if apart else path).as_posix()


def lock() -> str:
    """What lazyleap.lock says of the code that runs now."""
    found = (path for name in PACKAGES for path in sorted((HOME / name).rglob("*")))
    files = [path for path in found if path.is_file() and "__pycache__" not in path.parts]
    digests = {path.relative_to(HOME).as_posix(): digest(path) for path in files}
    return json.dumps({"version": lazyleap.__version__, "files": digests}, indent=1) + "\n"


def refresh() -> bool:
    """Write lazyleap.lock where the code lies apart; whether it changed."""
    if is_checkout():
        return False
    text = lock()
    if LOCK.is_file() and LOCK.read_text() == text:
        return False
    LOCK.write_text(text)
    return True
