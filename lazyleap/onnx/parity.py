"""Does an exported file answer what PyTorch answers? One that does not is not written.

What decides is the graph in float64. In float32 a maximum or a ReLU that rounding decides otherwise
moves what an inner loop comes to, in PyTorch as in ONNX Runtime; so there the difference is told,
beside that of PyTorch's own float32 from its float64, and does not decide.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from lazyleap import onnxfile
from lazyleap.errors import InputError

Array = NDArray[Any]
Feed = Mapping[str, Array]
Pairs = Iterable[tuple[Array, Array]]
RUNTIME = f"onnxruntime {onnxruntime.__version__}"
COMPARED = "comparison, weight by weight"
REFERENCE = f"onnx {onnx.__version__} reference, float64"


class ParityError(InputError):
    """An exported model answers otherwise than the network it was made of."""


@dataclass(frozen=True)
class Check:
    """The largest difference that was found in a file's answers, and what was allowed.

    ``what`` says in words which answers, ``runtime`` who gave them. ``tolerance``: None where a
    difference is told and anything finite is allowed. ``pytorch_gap``: the largest difference of
    PyTorch's float32 from its float64 on the same, for answers in float32.
    """

    file: str
    what: str
    runtime: str
    cases: int
    max_abs_diff: float
    tolerance: float | None
    pytorch_gap: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the difference is a number within the tolerance."""
        limit = np.inf if self.tolerance is None else self.tolerance
        return bool(np.isfinite(self.max_abs_diff) and self.max_abs_diff <= limit)


def require(checks: Iterable[Check]) -> None:
    """Nothing, if all hold.

    Raises:
        ParityError: one sentence on the first that does not.
    """
    for check in checks:
        if not check.ok:
            limit = "a number" if check.tolerance is None else f"at most {check.tolerance:.2g}"
            raise ParityError(
                f"{check.file} differs from PyTorch by {check.max_abs_diff:.2g} in {check.what} "
                f"({check.runtime}), where {limit} is allowed: nothing was written"
            )


def to_json(checks: Sequence[Check]) -> str:
    """All checks; at the top the one that comes nearest to its tolerance, and the float32 gap.

    ``float32_gap``: the largest difference in float32; ``pytorch_gap``: PyTorch's own, there.
    """
    listed = [{**asdict(c), "ok": c.ok} for c in checks]
    deciding = [c for c in checks if c.tolerance]
    nearest = max(deciding, key=lambda c: c.max_abs_diff / (c.tolerance or 1))
    single = [c for c in checks if c.pytorch_gap is not None]
    widest = max(single, key=lambda c: c.max_abs_diff, default=nearest)
    top = {**asdict(nearest), "ok": all(c.ok for c in checks)}
    gaps = {"float32_gap": widest.max_abs_diff, "pytorch_gap": widest.pytorch_gap}
    return json.dumps({**top, **gaps, "checks": listed}, indent=1) + "\n"


def session(model: onnx.ModelProto | str, threads: int = 1) -> onnxruntime.InferenceSession:
    """A model, or the file at a path, in ONNX Runtime on the CPU."""
    return onnxfile.session(model if isinstance(model, str) else model.SerializeToString(), threads)


def compare(file: str, what: str, runtime: str, pairs: Pairs, relative: float) -> Check:
    """A check of pairs of what was found and what PyTorch gives.

    The tolerance is ``relative`` times PyTorch's largest absolute value, or times 1 if all are
    smaller.
    """
    worst, scale, cases = _over(pairs)
    return Check(file, what, runtime, cases, worst, relative * scale)


def tell(file: str, what: str, triples: Iterable[tuple[Array, Array, Array]]) -> Check:
    """What ONNX Runtime, PyTorch in float32 and PyTorch in float64 answer, told and not judged."""
    listed = list(triples)
    worst, _, cases = _over((found, single) for found, single, _ in listed)
    gap, _, _ = _over((single.astype(np.float64), double) for _, single, double in listed)
    return Check(file, what, RUNTIME, cases, worst, None, gap)


def _over(pairs: Pairs) -> tuple[float, float, int]:
    """The largest difference, the largest expected value or 1, and how many pairs there are."""
    worst, scale, cases = 0.0, 1.0, 0
    for found, expected in pairs:
        worst = max(worst, difference(found, expected))
        scale = max(scale, float(np.abs(expected).max(initial=0.0)))
        cases += 1
    return worst, scale, cases


def difference(found: Array, expected: Array) -> float:
    """The largest absolute difference; infinite if a shape differs or a value is not finite."""
    if found.shape != expected.shape or not (np.isfinite(found) & np.isfinite(expected)).all():
        return float("inf")
    return float(np.abs(found - expected).max(initial=0.0))
