"""What is wrong here, and the command that mends it: ``lazyleap doctor``."""

from __future__ import annotations

import platform
from collections.abc import Iterable

import lazyleap
from pipeline.commands.answers import Answer, table
from pipeline.commands.checks import Finding

WRONG = 1  # the exit code where something is


def doctor(findings: Iterable[Finding]) -> Answer:
    """Every finding; exit code 1 if one is wrong."""
    found = list(findings)
    wrong = [one for one in found if one.state == "wrong"]
    about = {"lazyleap": lazyleap.__version__, "python": platform.python_version()}
    rows = [(one.state, one.what, one.words) for one in found]
    mends = [f"{one.what}: {one.mend}" for one in found if one.mend]
    return Answer(
        {**about, "ok": not wrong, "findings": [one._asdict() for one in found]},
        (
            " ".join(f"{name} {version}" for name, version in about.items()),
            table(("state", "what", ""), rows),
            *(["to mend:", *(f"  {line}" for line in mends)] if mends else []),
        ),
        WRONG if wrong else 0,
    )
