"""One setting of params.yaml: its task, its algorithm and its estimator, each with its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from lazyleap.blocks import Block
from lazyleap.errors import InputError
from lazyleap.sentences import keys, mistakes, sentence
from lazyleap.traits import require

FOUR = ("init", "inner_grad", "update", "outer_loss")


@dataclass(frozen=True)
class Part:
    """A block of ``algorithms`` or ``estimators``: the class that it is for, and what it gives.

    ``what`` is algorithm or estimator.
    """

    what: str
    name: str
    maker: Any
    given: Mapping[str, Any]

    @property
    def keys(self) -> frozenset[str]:
        """What the block may hold, and a run override."""
        return frozenset(self.maker.Options.model_fields)

    def check(self) -> None:
        """Refuse a wrong key or value of the block; what is missing a run may give."""
        for mistake in mistakes(self.maker.Options, dict(self.given)):
            if mistake["type"] != "missing":
                place = [f"{self.what}s", self.name, *keys(mistake, self.given)]
                raise InputError(sentence(mistake, place))

    def options(self, changes: Mapping[str, Any], where: str) -> Block:
        """The options of a run at ``where`` that changes some."""
        model: type[Block] = self.maker.Options
        merged = model.merged(dict(self.given), changes)
        for mistake in mistakes(model, merged):
            place = keys(mistake, merged)
            if mistake["type"] == "missing":
                raise InputError(
                    f"{where}: {self.what} '{self.name}' needs {'.'.join(place)}, in the run or in "
                    f"{self.what}s.{self.name}"
                )
            raise InputError(sentence(mistake, [where, *place]))
        return model.model_validate(merged)


@dataclass(frozen=True)
class Setting:
    """One run with its overrides resolved: all that meta-training needs to know.

    ``surrogates`` and ``targets`` name the classifiers of its task; ``overrides`` are what the run
    itself says of its algorithm and estimator, and part of their options already.
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
    surrogates: tuple[str, ...]
    targets: tuple[str, ...]
    overrides: Mapping[str, Any] = field(default_factory=dict)

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
        for options in (self.estimator_options, self.algorithm_options):
            if key in type(options).model_fields:
                return getattr(options, key)
        return None

    def chosen(self) -> dict[str, Any]:
        """What tells settings apart, flat: names, numbers, and the options that are one word."""
        plain = ("task_name", "algorithm", "estimator", "horizon", "seed", "meta_iterations")
        options = self.algorithm_options.model_dump() | self.estimator_options.model_dump()
        single = {key: value for key, value in options.items() if not isinstance(value, dict)}
        return {key: getattr(self, key) for key in plain} | single

    def asked(self) -> dict[str, Any]:
        """The same and what its task says of the test: all that a result is of, for JSON."""
        test = getattr(self.task, "test", None)
        return self.chosen() | {"test": None if test is None else test.model_dump(mode="json")}

    def to_dict(self) -> dict[str, Any]:
        """All that training depends on, as plain numbers and words, for JSON and digests."""
        plain = ("name", "grid", "task_name", "algorithm", "estimator", "horizon", "seed")
        return {
            **{key: getattr(self, key) for key in (*plain, "meta_iterations", "threads")},
            "task": self.task.model_dump(include={"kind", "model", "training"}),
            "algorithm_class": _name(self.algorithm_class),
            "algorithm_options": self.algorithm_options.model_dump(),
            "estimator_class": _name(self.estimator_class),
            "estimator_options": self.estimator_options.model_dump(),
            "surrogates": list(self.surrogates),
        }


def fits(setting: Setting) -> None:
    """Refuse an estimator that is wrong for the algorithm or the horizon, as it would itself.

    Raises:
        InputError: naming both and what is missing, or the number that does not fit.
    """
    names = f"estimator '{setting.estimator}'", f"algorithm '{setting.algorithm}'"
    meta = all(hasattr(setting.algorithm_class, function) for function in FOUR)
    estimator = setting.make_estimator()
    if not callable(estimator):
        if meta:
            raise InputError(
                f"{names[0]} does not go with {names[1]}: it gives no gradient to its theta"
            )
        if setting.horizon != 1:
            raise InputError(
                f"horizon {setting.horizon}: with {names[0]} nothing is looked ahead: 1"
            )
        return
    if not meta:
        raise InputError(
            f"{names[0]} does not go with {names[1]}: it has no meta-gradient; its estimator is "
            "'none'"
        )
    problem = setting.algorithm_class.build(setting.algorithm_options, _absent)
    require(names[0], estimator.needs, names[1], getattr(problem, "offers", None))
    if hasattr(estimator, "teacher"):
        estimator.teacher(problem, setting.horizon)


def _absent(*arguments: Any) -> NoReturn:
    """The network of a problem that is only asked what it offers."""
    raise NotImplementedError


def _name(code: Any) -> str:
    return f"{code.__module__}:{code.__qualname__}"
