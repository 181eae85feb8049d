"""What may be wrong with an installation or a project, and the command that mends it."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal, NamedTuple

from packaging.requirements import Requirement

from lazyleap.errors import InputError
from lazyleap.settings import Settings, load
from pipeline import project
from pipeline.commands.locks import NOTED, holders
from pipeline.plan import FETCHED
from stages import code

DISTRIBUTION = "lazyleap"
EXTRA = "pipeline"
FREE = 5  # GiB that a grid's data, cache and results may take
INSTALL = "pip install 'lazyleap[pipeline]'"


class Finding(NamedTuple):
    """One thing looked at: ``state``, in a sentence, and what mends it."""

    what: str
    state: Literal["ok", "note", "wrong"]
    words: str
    mend: str = ""


def all_findings() -> Iterator[Finding]:
    """Everything, the machine first; the project's only where there is one."""
    yield from packages()
    yield gpu()
    yield disk()
    yield server()
    if project.root() is None:
        words = f"none here, in {Path.cwd()}"
        yield Finding("project", "note", words, "lazyleap grid new   # or go to one")
        return
    yield own_code()
    for path in [Path("params.yaml"), *sorted(Path("grids").glob("*/params.yaml"))]:
        yield from parameters(path)
    yield from locks()


def packages() -> Iterator[Finding]:
    """Each requirement that is not met, or one line that all are; other versions than tested."""
    lines = [Requirement(line) for line in _declared()]
    asked = dict.fromkeys([*_asked(lines, ""), *_asked(lines, EXTRA)])
    wrong = [found for one in asked if (found := _unmet(one))]
    yield from wrong
    if not wrong:
        yield Finding("packages", "ok", f"all that {DISTRIBUTION}[{EXTRA}] asks for")
    yield from _pins()


def _declared() -> list[str]:
    """What the project and its extras ask for: in a checkout by its own pyproject.toml."""
    about = project.HOME / "pyproject.toml"
    if not about.is_file():
        return requires(DISTRIBUTION) or []
    table = tomllib.loads(about.read_text())["project"]
    extras: dict[str, list[str]] = table["optional-dependencies"]
    more = [f"{line} ; extra == '{name}'" for name, lines in extras.items() for line in lines]
    return [*table["dependencies"], *more]


def _asked(lines: list[Requirement], extra: str) -> Iterator[Requirement]:
    """Those of an extra, and of the extras that it is made of; "": those of no extra."""
    for one in lines:
        named = "extra" in str(one.marker)
        if named != bool(extra) or (one.marker and not one.marker.evaluate({"extra": extra})):
            continue
        if one.name != DISTRIBUTION:
            yield one
        for part in one.extras if one.name == DISTRIBUTION else ():
            yield from _asked(lines, part)


def _unmet(asked: Requirement) -> Finding | None:
    found = _version(asked.name)
    if found is None:
        return Finding(asked.name, "wrong", "is not installed", _installs())
    if not asked.specifier.contains(found, prereleases=True):
        return Finding(asked.name, "wrong", f"is {found}, needed {asked.specifier}", _installs())
    return None


def _pins() -> Iterator[Finding]:
    """Packages of other versions than were tested together."""
    lock = project.template() / "requirements.lock"
    lines = lock.read_text().splitlines() if lock.is_file() else []
    pins = [found.groups() for line in lines if (found := re.match(r"([\w.-]+)\S*==(\S+)", line))]
    other = [
        f"{name} {have} (tested {pin})"
        for name, pin in pins
        if (have := _version(name)) is not None and have.partition("+")[0] != pin
    ]
    if other:
        yield Finding(
            "pins", "note", f"other versions than tested: {', '.join(other)}", _installs()
        )


def _installs() -> str:
    return "make setup" if (project.HOME / "Makefile").is_file() else INSTALL


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def gpu() -> Finding:
    """Whether torch sees the GPU that the machine has."""
    import torch  # seconds: not before it is asked for

    if torch.cuda.is_available():
        return Finding("gpu", "ok", torch.cuda.get_device_name())
    if shutil.which("nvidia-smi") is None:
        return Finding("gpu", "ok", "none; everything runs on the CPU")
    words = f"there is one, but torch {torch.__version__} does not see it"
    mend = "pip install --force-reinstall torch   # of a build for CUDA, see pytorch.org"
    return Finding("gpu", "wrong", words, mend)


def disk() -> Finding:
    """Room for data, cache and results."""
    free = shutil.disk_usage(".").free / 2**30
    state: Literal["ok", "wrong"] = "ok" if free >= FREE else "wrong"
    mend = "" if state == "ok" else "dvc gc --workspace   # forgets results of other parameters"
    return Finding("disk", state, f"{free:.1f} GiB free", mend)


def server() -> Finding:
    """Prefect's server, where one is configured or runs."""
    from pipeline import server

    url = server.configured()
    if server.answers(url):
        return Finding("server", "ok", f"Prefect's answers at {url}")
    if "PREFECT_API_URL" not in os.environ:
        return Finding("server", "ok", "none runs; a run starts its own")
    return Finding("server", "wrong", f"{url}: does not answer", "unset PREFECT_API_URL")


def own_code() -> Finding:
    """Where the code is, and whether lazyleap.lock is of it."""
    if code.is_checkout():
        return Finding("code", "ok", f"a checkout, {Path.cwd()}")
    written = code.LOCK.read_text() if code.LOCK.is_file() else ""
    words = f"installed in {code.HOME}"
    if written != code.lock():
        words += f"; {code.LOCK} is of another version"
        return Finding("code", "note", words, "lazyleap run   # what depends on it runs again")
    return Finding("code", "ok", words)


def parameters(path: Path) -> Iterator[Finding]:
    """Whether a grid's parameters are right and its data there."""
    try:
        settings = load(path)
    except InputError as error:
        yield Finding(f"{path}", "wrong", str(error), f"edit {path}")
        return
    yield Finding(f"{path}", "ok", f"{len(settings.runs)} settings")
    yield from data(settings)


def data(settings: Settings) -> Iterator[Finding]:
    """Sources that are not there."""
    mirror = os.environ.get("LAZYLEAP_DATA_MIRROR")
    if mirror and not Path(mirror).is_dir():
        words = f"LAZYLEAP_DATA_MIRROR={mirror}: is no folder"
        yield Finding("data", "wrong", words, "unset LAZYLEAP_DATA_MIRROR")
    for name, task in settings.tasks.items():
        source = task.dataset.source
        if Path(source).exists():
            continue
        if source.startswith(FETCHED):
            mend = f"lazyleap run --grid {settings.grid}   # downloads it"
            yield Finding(f"data of {name}", "note", f"{source}: not fetched yet", mend)
        else:
            mend = f"edit tasks.{name}.dataset.source"
            yield Finding(f"data of {name}", "wrong", f"{source}: is not there", mend)


def locks() -> Iterator[Finding]:
    """Who is at work in this project."""
    try:
        found = holders()
    except InputError as error:
        yield Finding("locks", "wrong", str(error), f"rm {NOTED}   # once nothing runs here")
        return
    for pid, command in found:
        yield Finding("locks", "note", f"process {pid} is at work: {command}", "wait for it")
    if not found:
        yield Finding("locks", "ok", "nobody is at work here")
