"""Which estimator goes with which algorithm, and which of the student's steps the teacher may take.

Pure words and integers, so that a params file is refused before torch is even imported.
"""

from __future__ import annotations

from lazyleap.errors import InputError, nearest

FEW_SHOT = ("maml", "meta_sgd", "anil")
WEIGHTINGS = ("reweight", "weight_net")
BASELINES = ("cross_entropy", "class_balanced", "ldam_drw")
ATTACKS = ("meta_attack", "zoo", "square", "random_direction")
UNTRAINED = ATTACKS[1:]
ALGORITHMS = FEW_SHOT + WEIGHTINGS + BASELINES + ATTACKS
META = ("first_order", "lazy", "exact", "unrolled", "reptile", "implicit")
ESTIMATORS = (*META, "none")
KINDS = {"fewshot": FEW_SHOT, "longtail": WEIGHTINGS + BASELINES, "attack": ATTACKS}
"""Which algorithms each kind of task has."""

_RATES = "its learned rates would get no gradient"
_WEIGHTS = {
    "first_order": "its meta-gradient would be zero, as weights act through a step's direction",
    "reptile": "its theta is not where the task model starts",
    "implicit": "each of its inner steps has a mini-batch of its own, so there is no one optimum",
}
REFUSED: dict[tuple[str, str], str] = {
    ("meta_sgd", "reptile"): _RATES,
    ("meta_sgd", "implicit"): _RATES,
    ("anil", "reptile"): "its body takes no inner step, so s_0 - s_k says nothing of it",
    **{(algorithm, name): why for algorithm in WEIGHTINGS for name, why in _WEIGHTS.items()},
    **{
        (name, "none"): "what it learns needs a gradient"
        for name in (*FEW_SHOT, *WEIGHTINGS, "meta_attack")
    },
    **{
        (algorithm, name): "it has no meta-gradient; its estimator is 'none'"
        for algorithm in BASELINES + UNTRAINED
        for name in META
    },
}


def check_kind(kind: str, algorithm: str) -> None:
    """Refuse an algorithm that does not solve tasks of this kind.

    Raises:
        InputError: naming both and what does go with the kind.
    """
    if algorithm not in KINDS[kind]:
        raise InputError(
            f"algorithm '{algorithm}' does not go with a task of kind '{kind}'; "
            f"valid: {', '.join(KINDS[kind])}"
        )


def check_pair(algorithm: str, estimator: str) -> None:
    """Refuse an unknown name or an estimator whose gradient is wrong for the algorithm.

    Raises:
        InputError: naming the pair and the reason.
    """
    for word, known, what in (
        (algorithm, ALGORITHMS, "algorithm"),
        (estimator, ESTIMATORS, "estimator"),
    ):
        if word not in known:
            raise InputError(f"{what} '{word}' is unknown; {nearest(word, known)}")
    if reason := REFUSED.get((algorithm, estimator)):
        raise InputError(
            f"algorithm '{algorithm}' does not go with estimator '{estimator}': {reason}"
        )
