"""What accuracies of single episodes come to: at each number of steps, and at the best of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lazyleap.datasets.indices import Indices
from lazyleap.items import Items
from lazyleap.statistics import interval, marked

Accuracies = Mapping[int, NDArray[np.float64]]
"""Query accuracy of each episode in 0..1, ``[E]``, by test-time steps."""


def measure(
    test: Accuracies,
    validation: Accuracies,
    common: Sequence[int],
    clusters: Indices,
    validation_clusters: Indices,
    way: int,
) -> tuple[Items, dict[str, Any]]:
    """Test episodes one by one, and their metrics.

    Args:
        test: at the common steps and at the setting's own horizon.
        validation: of the validation episodes, at the common steps.
        common: numbers of steps that all settings of the task are judged at.
        clusters: what test episodes have in common, ``[E, c]``: their classes, or groups of them.
        validation_clusters: of the validation episodes.
        way: classes an episode.

    ``accuracy`` is that at the one of ``common`` with the best validation accuracy, the fewest
    steps of equals; ``step`` says which. Intervals take the clusters for a sample.
    """
    step = max(sorted(common), key=lambda steps: validation[steps].mean())
    values = {f"accuracy@{steps}": of for steps, of in sorted(test.items())}
    items = Items(values | {"accuracy": test[step]}, {"clusters": clusters})
    metrics = {
        "metrics": {
            name: marked(interval(of, (0, 1), clusters), 1 / way)
            for name, of in items.values.items()
        },
        "primary": "accuracy",
        "step": step,
        "common_steps": sorted(common),
        "validation": {
            f"accuracy@{steps}": interval(validation[steps], (0, 1), validation_clusters)
            for steps in sorted(common)
        },
        "test_classes": len(np.unique(clusters)),
    }
    return items, metrics
