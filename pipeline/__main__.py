"""``python -m pipeline`` and ``lazyleap``: see :mod:`pipeline.cli`."""

from __future__ import annotations

import os
import sys

from pipeline import project


def console() -> None:
    """Run the command line; inside of a checkout that one's own, whichever is installed."""
    root = project.root()
    if root and (root / "pipeline" / "cli.py").is_file() and root != project.HOME:
        path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-m", "pipeline", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})
    from pipeline.cli import main

    main()


if __name__ == "__main__":
    console()
