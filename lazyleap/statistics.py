"""Values with their 95% confidence intervals, as metrics.json has them; shared by all kinds."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Numbers = NDArray[Any]


def interval(values: Numbers) -> dict[str, float]:
    """Mean, half width of the 95% confidence interval (normal) over ``values``, their number."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return {
        "value": float(values.mean()),
        "ci95": 1.96 * spread / len(values) ** 0.5,
        "n": len(values),
    }


def proportion(hits: Numbers) -> dict[str, float]:
    """The share of true values and the half width of its 95% confidence interval.

    Wilson's interval, made symmetric about the share by its longer side: none right of ten is
    no certainty. With no values at all the share is 0 and the interval everything.
    """
    n, z = len(hits), 1.96
    if not n:
        return {"value": 0.0, "ci95": 1.0, "n": 0}
    p = float(hits.mean())
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return {"value": p, "ci95": half + abs(centre - p), "n": n}
