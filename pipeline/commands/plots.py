"""DVC's plots as a page that needs no network: ``lazyleap plots``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lazyleap.errors import InputError, short
from lazyleap.settings import load
from pipeline.commands.answers import Answer
from pipeline.plan import params_of
from stages import folders
from stages.reporting import drawing

TEMPLATE = Path(".dvc/tmp/plots.html")
FOLDER = "dvc_plots"  # DVC's own name for it
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>DVC plots</title>
<script>{bundle}</script>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


def template() -> Path:
    """Write a page around DVC's plots that holds what draws them; DVC's own loads it."""
    TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
    TEMPLATE.write_text(PAGE.format(bundle=drawing.bundle()))
    return TEMPLATE


def plots(grid: str | None, revisions: list[str]) -> Answer:
    """The curves of a grid's finished runs, or how they differ between ``revisions`` of git.

    Raises:
        InputError: if none is finished, or with what DVC says, if it makes no page.
    """
    curves = folders.evaluated(load(params_of(grid)).grid, "*")
    files = sorted(path.as_posix() for path in Path().glob(f"{curves}/curve.csv"))
    if not files:
        raise InputError(f"{curves}: no run is finished; lazyleap run makes some")
    words = ["diff", *revisions, "--targets", *files] if revisions else ["show", *files]
    command = ["plots", *words, "--html-template", str(template()), "-o", FOLDER]
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *command], capture_output=True, text=True, check=False
    )
    page = Path(FOLDER) / "index.html"
    if done.returncode or not page.is_file():
        raise InputError(f"dvc plots: {short(done.stderr or done.stdout)}")
    return Answer({"page": page.as_posix()}, [page.as_posix()])
