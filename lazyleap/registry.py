"""Names of params.yaml and the code that they stand for, imported when it is asked for.

A user's code is named by ``package.module:Name`` and found below the folder ``extensions`` of
params.yaml (or wherever else Python imports from).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from lazyleap.errors import LONGEST, InputError, nearest, short
from lazyleap.kind import Kind
from lazyleap.places import made, place

ALGORITHMS = {
    "maml": "lazyleap.algorithms.maml:MAML",
    "meta_sgd": "lazyleap.algorithms.meta_sgd:MetaSGD",
    "anil": "lazyleap.algorithms.anil:ANIL",
    "reweight": "lazyleap.algorithms.reweight:Reweight",
    "weight_net": "lazyleap.algorithms.weight_net:WeightNet",
    "cross_entropy": "lazyleap.longtail.baselines:CrossEntropy",
    "class_balanced": "lazyleap.longtail.baselines:ClassBalanced",
    "ldam_drw": "lazyleap.longtail.baselines:LdamDrw",
    "meta_attack": "lazyleap.algorithms.meta_attack:MetaAttack",
    "zoo": "lazyleap.attack.zoo:Zoo",
    "square": "lazyleap.attack.square:Square",
    "random_direction": "lazyleap.attack.random_direction:RandomDirection",
}
ESTIMATORS = {
    "first_order": "lazyleap.estimators.first_order:FirstOrder",
    "lazy": "lazyleap.estimators.lazy:Lazy",
    "exact": "lazyleap.estimators.exact:Exact",
    "unrolled": "lazyleap.estimators.unrolled:Unrolled",
    "reptile": "lazyleap.estimators.reptile:Reptile",
    "implicit": "lazyleap.estimators.implicit:Implicit",
    "none": "lazyleap.estimators.none:NoGradient",
}
READERS = {
    "omniglot": "lazyleap.datasets.omniglot",
    "cifar-fs": "lazyleap.datasets.cifar",
    "fc100": "lazyleap.datasets.cifar",
    "cifar-10": "lazyleap.datasets.cifar",
    "cifar-100": "lazyleap.datasets.cifar",
    "mnist": "lazyleap.datasets.mnist",
    "miniimagenet": "lazyleap.datasets.imagenet",
    "tieredimagenet": "lazyleap.datasets.imagenet",
    "image-folder": "lazyleap.datasets.image_folder",
    "glyphs": "lazyleap.datasets.glyphs",
    "characters": "lazyleap.datasets.characters",
    "none": "lazyleap.datasets.none",
}
KINDS = {name: f"lazyleap.{name}.kind" for name in ("fewshot", "longtail", "attack")}
TABLES: dict[str, Mapping[str, str]] = {
    "algorithm": ALGORITHMS,
    "estimator": ESTIMATORS,
    "reader": READERS,
    "kind": KINDS,
    "network": {},
}


def find(what: str, word: str) -> Any:
    """What ``word`` stands for as an algorithm, an estimator, a reader, a network or a kind.

    Raises:
        InputError: if there is none of that name, or the user's module cannot be imported.
    """
    table = TABLES[what]
    if word not in table and (":" not in word or len(word) > LONGEST):
        raise InputError(f"{what} '{short(word)}' is unknown; {nearest(word, table)}")
    module, _, name = table.get(word, word).partition(":")
    found = _import(what, word, module)
    if not name:
        return found
    if not hasattr(found, name):
        public = [n for n in vars(found) if not n.startswith("_")]
        raise InputError(f"{what} '{word}': {module} has no '{name}'; {nearest(name, public)}")
    return getattr(found, name)


def options_of(what: str, word: str) -> Any:
    """The ``Options`` of a user's class; InputError if it has none."""
    found = find(what, word)
    if not (isinstance(options := getattr(found, "Options", None), type)):
        raise InputError(f"{what} '{word}' has no Options, which say what params.yaml may hold")
    return options


def kind(name: str) -> Kind:
    """The kind of task that params.yaml calls ``name``; InputError if there is none."""
    return cast(Kind, made(find("kind", name)))


def server(name: str, stage: str) -> str:
    """The :func:`lazyleap.places.place` of what serves a stage for that kind.

    Of a module ``package.kind`` the module ``package.STAGE``; of a class the class itself, or the
    modules that it names.
    """
    found = find("kind", name)
    if not isinstance(found, type):
        return f"{found.__package__}.{stage}"
    kind = cast(type[Kind], found)
    named = {"export": kind.EXPORTER, "report": kind.REPORTER}.get(stage)
    return named or place(kind)


def reads(name: str, stage: str) -> tuple[str, ...]:
    """The keys of a task's block that a stage reads: all, where the kind does not say."""
    found = find("kind", name)
    table: Mapping[str, tuple[str, ...]] = getattr(found, "READS", {})
    return table.get(stage) or tuple(key for key in found.Options.model_fields if key != "kind")


def _import(what: str, word: str, module: str) -> Any:
    try:
        return import_module(module)
    except Exception as error:  # whatever a user's module does when it is imported
        if isinstance(error, ModuleNotFoundError) and module.startswith(str(error.name)):
            reason = f"there is no module '{error.name}' below extensions or on Python's path"
        else:
            reason = f"importing it fails ({type(error).__name__}: {' '.join(str(error).split())})"
        raise InputError(f"{what} '{word}': {reason}") from error
