"""Where a worker of a pool works: in a checkout of its own, found when a flow run begins.

A pull step of Prefect's; no path of the machine that deployed is in a deployment.
"""

from __future__ import annotations

import os
from pathlib import Path

from lazyleap.errors import InputError
from pipeline import project


def enter() -> dict[str, str]:
    """Go to the worker's checkout: LAZYLEAP_ROOT, or the one that this code is of.

    Raises:
        InputError: if that is no project.
    """
    chosen = os.environ.get("LAZYLEAP_ROOT")
    root = project.root(Path(chosen) if chosen else project.HOME)
    if root is None:
        where = f"LAZYLEAP_ROOT={chosen}" if chosen else f"LAZYLEAP_ROOT is not set; {project.HOME}"
        raise InputError(f"{where}: is in no project; set it to the worker's own checkout")
    os.chdir(root)
    return {"directory": str(root)}
