"""The kind of ``examples/neural_fields``, found as a user's is: below the folder ``extensions``."""

from __future__ import annotations

import sys

from tests.conftest import ROOT

sys.path.append(str(ROOT / "examples"))
