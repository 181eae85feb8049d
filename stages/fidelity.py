"""How far estimators are from the exact gradient: ``python -m stages.fidelity RUN``.

At the theta of a finished run, on its validation tasks. Writes a table where the report finds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from lazyleap import registry
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError, nearest
from lazyleap.fidelity import Fidelity, compare
from lazyleap.places import at, made
from lazyleap.seeding import seed_torch
from lazyleap.setting import Setting
from lazyleap.settings import load, resolve
from stages import folders, machine
from stages.contents import write_json
from stages.program import Params, Traceback, run
from stages.trained import load_theta

Tasks = Annotated[int, typer.Option(min=1, help="of validation, at most")]


def main(
    name: str, params: Params = "params.yaml", tasks: Tasks = 20, traceback: Traceback = False
) -> None:
    """Write the table of run NAME."""
    measure(Path(params), name, tasks)


def measure(params: Path, name: str, count: int) -> list[Fidelity]:
    """Compare, write the table and return it.

    Raises:
        InputError: if there is no such run, it is not trained, or its kind has no inner problems
            that are held out.
    """
    settings = load(params)
    if name not in settings.runs:
        raise InputError(f"'{name}' is not in runs; {nearest(name, settings.runs)}")
    setting = resolve(settings, name)
    torch.set_num_threads(setting.threads)
    device = machine.device(setting.device)
    theta = load_theta(folders.trained(setting.grid, name), device)
    found = at_theta(setting, theta, count, device)
    content = {"run": name, "task": setting.task_name, "horizon": setting.horizon}
    rows = [row._asdict() for row in found]
    path = folders.fidelity(setting.grid, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content | {"tasks": count, "rows": rows})
    return found


def at_theta(
    setting: Setting, theta: dict[str, torch.Tensor], count: int, device: torch.device
) -> list[Fidelity]:
    """The comparison at ``theta`` on the first ``count`` validation tasks of a setting."""
    data = load_data(folders.images(setting.grid, setting.task_name, "train"))
    server = made(at(registry.server(setting.task.kind, "train")))
    learner = server.learner(setting, data, device)
    held_out = getattr(learner, "held_out", None)
    if held_out is None:
        raise InputError(
            f"{setting.name}: a task of kind '{setting.task.kind}' with algorithm "
            f"'{setting.algorithm}' has no inner problems held out for validation, on which "
            "meta-gradients could be compared"
        )
    seed_torch(setting.seed, "fidelity")
    return compare(learner.problem, theta, held_out(count), setting.option("listen") or "end")


if __name__ == "__main__":
    run(main)
