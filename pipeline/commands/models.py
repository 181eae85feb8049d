"""The models of finished runs, used: ``lazyleap predict``, ``adapt`` and ``export``."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

from lazyleap.errors import InputError
from lazyleap.files import replacing
from pipeline import project
from pipeline.commands.answers import Answer
from stages import folders

LEARNER = "examples/adapt.py"  # a program of its own, which needs ONNX Runtime alone


def predict(words: list[str]) -> int:
    """Print labels of images, as ``python -m stages.predict`` does; the exit code."""
    from stages import predict as program  # onnxruntime only where it is needed

    return program.main(words)


def adapt(words: list[str]) -> int:
    """Print what examples/adapt.py says of these words; the exit code.

    Raises:
        InputError: as that refuses them.
    """
    program = _program(project.template() / LEARNER)
    try:
        code: int = program.main(program.parse(words))
    except program.RefusedError as error:
        raise InputError(str(error)) from error
    return code


def _program(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: is not there")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(grid: str, run: str, to: Path | None) -> Answer:
    """The files that export wrote of a run, copied into the folder ``to`` if one is given.

    Raises:
        InputError: if there are none, or ``to`` holds something else.
    """
    made = folders.exported(grid, run)
    if not made.is_dir():
        raise InputError(f"{made}: is not there; bring the run up to date first")
    if to is not None:
        if to.exists() and any(to.iterdir()):
            raise InputError(f"{to}: is not empty; choose a folder that is")
        with replacing(to) as fresh:
            shutil.copytree(made, fresh, dirs_exist_ok=True)
        made = to
    files = [path.as_posix() for path in sorted(made.iterdir())]
    return Answer({"run": run, "grid": grid, "files": files}, files)
