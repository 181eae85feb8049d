"""The blocks of params.yaml that a setting is put together from, and whether they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from lazyleap.blocks import Block
from lazyleap.errors import InputError
from lazyleap.sentences import keys, mistakes, sentence
from lazyleap.setting import Setting
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
        if (steps := setting.horizons) != [1]:
            raise InputError(f"horizon {max(steps)}: with {names[0]} nothing is looked ahead: 1")
        return
    if not meta:
        raise InputError(
            f"{names[0]} does not go with {names[1]}: it has no meta-gradient; its estimator is "
            "'none'"
        )
    problem = setting.algorithm_class.build(setting.algorithm_options, _absent)
    require(names[0], estimator.needs, names[1], getattr(problem, "offers", None))
    for horizon in setting.horizons:
        if hasattr(estimator, "teacher"):
            estimator.teacher(problem, horizon)
        if hasattr(estimator, "points"):
            estimator.points(horizon)
    if hasattr(estimator, "reach"):
        estimator.reach(max(setting.horizons))


def _absent(*arguments: Any) -> NoReturn:
    """The network of a problem that is only asked what it offers."""
    raise NotImplementedError


def _name(code: Any) -> str:
    return f"{code.__module__}:{code.__qualname__}"
