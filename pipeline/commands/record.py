"""Results for everyone who clones the repository: ``lazyleap record``.

Outs of finished settings go to a remote of DVC that is a folder of the repository, ``recorded/``.
``dvc pull -r recorded --allow-missing`` then has theta, metrics and ONNX without training or data.
"""

from __future__ import annotations

import configparser
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lazyleap import records
from lazyleap.errors import InputError
from pipeline import dvc
from pipeline.commands.answers import Answer
from pipeline.outcomes import StageError
from pipeline.plan import STAGES, Plan, plan
from stages import folders, stored
from stages.reporting.inputs import committed
from stages.reporting.wording import plural

REMOTE = "recorded"  # the name and the folder
LIST = Path(REMOTE) / "settings.json"  # grid -> names of its recorded settings
MIB = 2**20
LIMIT = 25 * MIB  # of all that is recorded; git keeps what was recorded before, too
FETCH = f"dvc pull -r {REMOTE} --allow-missing"


def record(grid: str | None, only: str | None) -> Answer:
    """Record the chosen settings of a grid, in place of what was recorded of it before.

    Raises:
        InputError: for a setting that is not up to date or of no commit, or too many bytes.
    """
    chosen = plan(grid, only)
    _require_done(chosen)
    before: dict[str, list[str]] = json.loads(LIST.read_text()) if LIST.is_file() else {}
    others = [plan(name, ",".join(runs)) for name, runs in before.items() if name != chosen.grid]
    size = sum(map(_size, [chosen, *others]))
    if size > LIMIT and _url() in (None, f"../{REMOTE}"):
        raise InputError(
            f"record: {size / MIB:.1f} MiB of results are more than the {LIMIT // MIB} MiB that "
            "git is to hold; choose fewer settings with --only, or another place: docs/deploy.md"
        )
    _store(_names([chosen]), _names(others))
    LIST.write_text(json.dumps({**before, chosen.grid: list(chosen.runs)}, indent=1) + "\n")
    content = {"grid": chosen.grid, "runs": list(chosen.runs), "bytes": size, "fetch": FETCH}
    here = chosen.settings.here
    add = f"git add {here}dvc.lock {f'{here}{STAGES} ' if here else ''}.dvc/config {REMOTE}"
    count = f"{plural(len(chosen.runs), 'setting')}, {size / MIB:.1f} MiB"
    return Answer(content, (f"{count}; commit: {add}", f"in a clone: {FETCH}"))


def _require_done(chosen: Plan) -> None:
    """Refuse what is not up to date, or what no commit holds the code of."""
    stale = chosen.stale()
    if stale is None:
        raise InputError("record: DVC could not tell what is up to date; dvc status says why")
    for run in chosen.runs:
        if waits := next((name for name in chosen.chain(run) if name in stale), None):
            raise InputError(f"record: {waits} is not up to date; lazyleap run brings it")
        path = folders.record(chosen.grid, run) / "record.json"
        ok, words = committed(records.read(path, records.Record))
        if not ok:
            raise InputError(f"record: {path}: {words}; only what a commit holds is recorded")


def _size(chosen: Plan) -> int:
    """Bytes of the outs of its settings, by its lock."""
    lock = stored.read(Path(f"{chosen.settings.here}dvc.lock"))
    own: Iterable[Mapping[str, Any]] = (
        lock["stages"][name.removeprefix(chosen.prefix)] for name in _names([chosen])
    )
    return sum(out.get("size", 0) for stage in own for out in stage["outs"])


def _url() -> str | None:
    """Where the remote is, by DVC's configuration."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(".dvc/config")
    return config.get(f"'remote \"{REMOTE}\"'", "url", fallback=None)


def _names(plans: Iterable[Plan]) -> list[str]:
    return [name for one in plans for run in one.runs for name in one.chain(run)]


def _store(names: list[str], others: list[str]) -> None:
    """Make the remote hold these stages' outs and no more; ``others``: recorded before."""
    try:
        if _url() is None:
            dvc.call(["remote", "add", REMOTE, REMOTE])
        if others:
            dvc.call(["fetch", "-r", REMOTE, *others])
        shutil.rmtree(Path(REMOTE) / "files", ignore_errors=True)
        Path(REMOTE).mkdir(exist_ok=True)
        dvc.call(["push", "-r", REMOTE, *names, *others])
    except StageError as error:
        raise InputError(f"record: {error.stage}: {error.sentence}") from error
