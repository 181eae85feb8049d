"""One thin program a DVC stage: ``python -m stages.NAME KEY``. Needs neither DVC nor Prefect.

Importing it, which comes before all else that a program loads, makes an interrupt one sentence.
"""

from __future__ import annotations

import sys
from types import TracebackType


def _interrupted(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("error: interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _interrupted
