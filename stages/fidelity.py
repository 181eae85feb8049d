"""How far estimators are from the exact gradient: ``python -m stages.fidelity RUN``.

At the theta of a finished run, on its validation tasks. Writes a table where the report finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
import typer

from lazyleap.bilevel import Bilevel, Task
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.fidelity import Fidelity, compare
from lazyleap.files import storing
from lazyleap.placing import Placed, place
from lazyleap.seeding import seed_torch
from lazyleap.setting import Setting
from lazyleap.training.loop import Learner
from lazyleap.training.posed import Poses
from lazyleap.trees import Tree
from stages import folders, machine
from stages.contents import write_json
from stages.inputs import Inputs
from stages.program import Params, Traceback, run
from stages.trained import load_theta

TASKS = 20
Tasks = Annotated[
    int | None, typer.Option(min=1, help=f"of validation, at most; else params.yaml's, or {TASKS}")
]


def main(
    name: str, params: Params = "params.yaml", tasks: Tasks = None, traceback: Traceback = False
) -> None:
    """Write the table of run NAME."""
    measure(params, name, tasks)


def measure(params: str, name: str, count: int | None = None) -> list[Fidelity]:
    """Compare on ``count`` tasks, write the table and return it.

    Raises:
        InputError: if there is no such run, it is not trained, or its kind has no inner problems
            that are held out.
    """
    setting, learner, theta, count = _trained(params, name, count)
    found = at_theta(setting, learner, theta, count)
    content = {"run": name, "task": setting.task_name, "horizon": setting.horizon}
    rows = [row._asdict() for row in found]
    path = folders.fidelity(setting.grid, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with storing(path):
        write_json(path, content | {"tasks": count, "rows": rows})
    return found


def placed(params: str, name: str, most: int, count: int | None = None) -> list[Placed]:
    """The steps that a teacher of up to ``most`` should take, on ``count`` tasks.

    With the run's own way to stand for the others, and its own listening.

    Raises:
        InputError: as :func:`measure`.
    """
    setting, learner, theta, count = _trained(params, name, count)
    own = {key: value for key in ("rest", "listen") if (value := setting.option(key))}
    return place(*_posed(setting, learner, theta, count), most, **own)


def _trained(
    params: str, name: str, count: int | None
) -> tuple[Setting, Learner, dict[str, torch.Tensor], int]:
    inputs = Inputs(params, "fidelity", name)
    setting = Setting.of(inputs.parameters)
    machine.use(setting.threads)
    device = machine.device(setting.device)
    theta = load_theta(folders.trained(setting.grid, name), device)
    data = load_data(folders.images(setting.grid, setting.task_name, "train"))
    learner = inputs.server.learner(setting, data, device)
    return setting, learner, theta, count or inputs.parameters.get("tasks", TASKS)


def at_theta(
    setting: Setting, learner: Learner, theta: dict[str, torch.Tensor], count: int
) -> list[Fidelity]:
    """The comparison at what training ended with, on ``count`` tasks of validation at most."""
    posed = _posed(setting, learner, theta, count)
    return compare(*posed, setting.option("listen") or "end")


def _posed(
    setting: Setting, learner: Learner, theta: dict[str, torch.Tensor], count: int
) -> tuple[Bilevel, Tree, Sequence[Task]]:
    posed = learner.posed(theta, count) if isinstance(learner, Poses) else None
    if posed is None:
        raise InputError(
            f"{setting.name}: a task of kind '{setting.task.kind}' with algorithm "
            f"'{setting.algorithm}' has no inner problems to pose outside of its training, on "
            "which meta-gradients could be compared"
        )
    seed_torch(setting.seed, "fidelity")
    return posed


if __name__ == "__main__":
    run(main)
