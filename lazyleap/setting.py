"""One setting of params.yaml: its task, its algorithm and its estimator, each with its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lazyleap.blocks import Block, Loose
from lazyleap.places import at

DeviceChoice = str | Mapping[str, Any]  # its name, or a config.Device as plain words
RATE = "lr"  # of a task's training, where it has one, which a run may have its own of
PLAIN = (
    "name",
    "grid",
    "task_name",
    "algorithm",
    "estimator",
    "horizon",
    "growth",
    "seed",
    "meta_iterations",
    "threads",
)


def device_name(device: DeviceChoice) -> str:
    """``auto``, ``cpu`` or ``cuda``."""
    return device if isinstance(device, str) else str(device["name"])


@dataclass(frozen=True)
class Setting:
    """One run with its overrides resolved: all that meta-training needs to know.

    ``growth``: shorter horizons of training before ``horizon``, each with the fraction of the
    meta-iterations up to which it holds. ``surrogates`` and ``targets`` name the classifiers of its
    task; ``overrides`` are what the run itself says of its algorithm, its estimator and its rate,
    and part of their options already.
    """

    name: str
    grid: str
    task_name: str
    task: Any
    algorithm: str
    algorithm_class: Any
    algorithm_options: Any
    estimator: str
    estimator_class: Any
    estimator_options: Block
    horizon: int
    seed: int
    meta_iterations: int
    threads: int
    device: DeviceChoice
    surrogates: tuple[str, ...]
    targets: tuple[str, ...]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    growth: Sequence[tuple[float, int]] = ()

    @property
    def horizons(self) -> list[int]:
        """Those of training, from the first to the last, which is ``horizon``."""
        return [*(steps for _, steps in self.growth), self.horizon]

    def horizon_at(self, iteration: int) -> int:
        """The inner steps of a meta-iteration: fewer at first where the horizon grows."""
        early = (k for until, k in self.growth if iteration < until * self.meta_iterations)
        return next(early, self.horizon)

    def make_problem(self, forward: Any, **parts: Any) -> Any:
        """The algorithm's problem for a network as a function (the class's ``build``)."""
        return self.algorithm_class.build(self.algorithm_options, forward, **parts)

    def make_estimator(self) -> Any:
        """The estimator: its class with its options for arguments."""
        options = self.estimator_options
        return self.estimator_class(
            **{key: getattr(options, key) for key in type(options).model_fields}
        )

    def option(self, key: str) -> Any:
        """An option of the estimator or the algorithm; None if neither has one of that name."""
        both = self.algorithm_options.model_dump() | self.estimator_options.model_dump()
        return both.get(key)

    def chosen(self) -> dict[str, Any]:
        """What tells settings apart, flat: names, numbers, and the options that are one word."""
        plain = ("task_name", "algorithm", "estimator", "horizon", "seed", "meta_iterations")
        options = self.algorithm_options.model_dump() | self.estimator_options.model_dump()
        single = {key: value for key, value in options.items() if not isinstance(value, dict)}
        grows = " ".join(f"{steps} until {until:g}," for until, steps in self.growth)
        growth = {"growth": f"{grows} {self.horizon}"} if self.growth else {}
        rate = {RATE: self.overrides[RATE]} if RATE in self.overrides else {}
        return {key: getattr(self, key) for key in plain} | growth | rate | single

    def asked(self) -> dict[str, Any]:
        """The same and what its task says of the test: all that a result is of, for JSON."""
        test = getattr(self.task, "test", None)
        return self.chosen() | {"test": None if test is None else test.model_dump(mode="json")}

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Setting:
        """The part of a setting that a stage reads, by :func:`lazyleap.views.view`."""
        algorithm = at(view["algorithm_class"])
        estimator = at(view["estimator_class"]) if "estimator_class" in view else None
        options = estimator.Options if estimator else Loose
        return cls(
            **{key: view[key] for key in PLAIN},
            device=view.get("device", "cpu"),
            task=at(view["task_class"]).some(view["task"], view["task_blocks"]),
            algorithm_class=algorithm,
            algorithm_options=algorithm.Options.some(view["algorithm_options"]),
            estimator_class=estimator,
            estimator_options=options.some(view["estimator_options"]),
            surrogates=tuple(view.get("surrogates", ())),
            targets=tuple(view.get("targets", ())),
            overrides=view.get("overrides", {}),
        )
