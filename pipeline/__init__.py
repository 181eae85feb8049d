"""Orchestration: Prefect decides when and where a stage runs, DVC decides whether it has to.

Importing this package, which must come before Prefect's import, gives Prefect a home inside the
project, so that a run without a server leaves the user's own Prefect profile alone. Whoever set
PREFECT_API_URL, PREFECT_HOME or PREFECT_PROFILE is left with what they chose.
"""

from __future__ import annotations

import os

import stages  # noqa: F401  # an interrupt is one sentence from here on
from pipeline import project

_CHOSEN = ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE")

os.environ.setdefault("DO_NOT_TRACK", "1")  # no usage statistics from Prefect's client
if not any(name in os.environ for name in _CHOSEN) and (_root := project.root()):
    os.environ["PREFECT_HOME"] = str(_root / ".prefect")
