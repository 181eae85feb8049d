"""Does an exported file answer what PyTorch answers? One that does not is not written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from lazyleap.errors import InputError

Array = NDArray[Any]
Feed = Mapping[str, Array]
Pairs = Iterable[tuple[Array, Array]]
RUNTIME = f"onnxruntime {onnxruntime.__version__}"
REFERENCE = f"onnx {onnx.__version__} reference, float64"


class ParityError(InputError):
    """An exported model answers otherwise than the network it was made of."""


@dataclass(frozen=True)
class Check:
    """The largest difference that was found in a file's answers, and what was allowed.

    ``what`` says in words which answers, ``runtime`` who gave them.
    """

    file: str
    what: str
    runtime: str
    cases: int
    max_abs_diff: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the difference is a number within the tolerance."""
        return bool(np.isfinite(self.max_abs_diff) and self.max_abs_diff <= self.tolerance)


def require(checks: Iterable[Check]) -> None:
    """Nothing, if all hold.

    Raises:
        ParityError: one sentence on the first that does not.
    """
    for check in checks:
        if not check.ok:
            raise ParityError(
                f"{check.file} in {check.runtime} differs from PyTorch by {check.max_abs_diff:.2g} "
                f"on {check.what}, more than {check.tolerance:.2g}: nothing was written"
            )


def to_json(checks: Iterable[Check]) -> str:
    """All checks; at the top the one that comes nearest to its tolerance."""
    listed = [{**asdict(c), "ok": c.ok} for c in checks]
    nearest = max(listed, key=lambda c: c["max_abs_diff"] / c["tolerance"])
    return json.dumps({**nearest, "checks": listed}, indent=1) + "\n"


def session(model: onnx.ModelProto | str, threads: int = 1) -> onnxruntime.InferenceSession:
    """A model, or the file at a path, in ONNX Runtime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    content = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def compare(
    file: str,
    what: str,
    runtime: str,
    pairs: Pairs,
    relative: float,
    least: float = 0.0,
) -> Check:
    """A check of pairs of what was found and what PyTorch gives.

    The tolerance is ``relative`` times PyTorch's largest absolute value, or times 1 if all are
    smaller; and it is ``least`` at least.
    """
    worst, scale, cases = 0.0, 1.0, 0
    for found, expected in pairs:
        worst = max(worst, difference(found, expected))
        scale = max(scale, float(np.abs(expected).max(initial=0.0)))
        cases += 1
    return Check(file, what, runtime, cases, worst, max(relative * scale, least))


def difference(found: Array, expected: Array) -> float:
    """The largest absolute difference; infinite if a shape differs or a value is not finite."""
    if found.shape != expected.shape or not (np.isfinite(found) & np.isfinite(expected)).all():
        return float("inf")
    return float(np.abs(found - expected).max(initial=0.0))
