"""What a stage is given: its parameters, and nothing else of params.yaml.

``stages.validate`` writes them, a file a stage (:mod:`stages.resolve`), and dvc.yaml names that
file as the dependency. So an edit of params.yaml makes just the stages run again that read what
changed.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

from lazyleap.places import at, extend, made
from stages.contents import Content, read, written


class Inputs:
    """Of one stage of one key: run, task or classifier.

    ``params``: what validate wrote of it; or, by hand, the grid's params.yaml.

    Raises:
        InputError: if the file is missing, broken, or has no such stage.
    """

    def __init__(self, params: str, stage: str, key: str) -> None:
        path = Path(params)
        if path.suffix == ".json":
            self.content = read(path, stage, key)
        else:  # no import statement: a stage that DVC runs knows no other stage's parameters
            self.content = import_module("stages.resolve").of(params, stage, key)
        self.parameters: Content = self.content["parameters"]
        self.grid: str = self.content["grid"]
        self.extensions: str = self.content["extensions"]
        self.origin: str = self.content["from"]
        extend(Path(self.extensions))

    @property
    def digest(self) -> str:
        """Equal for equal parameters and files."""
        content = {key: part for key, part in self.content.items() if key != "from"}
        return hashlib.sha256(written(content)).hexdigest()

    @property
    def server(self) -> Any:
        """What serves the stage for its kind of task."""
        place = self.content["server"]
        return made(at(place)) if place else None
