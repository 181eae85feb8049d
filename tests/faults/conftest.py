from __future__ import annotations

from tests.pipeline.conftest import prepared, toy, toys

__all__ = ["prepared", "toy", "toys"]
