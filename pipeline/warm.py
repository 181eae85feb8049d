"""DVC and the stages it runs, forked from one process that has their libraries loaded already.

A job is a line on stdin, ``{"arguments": [..], "environment": {..}}``; after each comes a line
:data:`ENDED` with the exit code. :mod:`pipeline.workers` starts this file and hands out the jobs.

Starting DVC costs half a CPU second, PyTorch one and a half, its ONNX exporter two more, three
stages a setting. Here each is paid once. A job is a fork that becomes DVC; where that would start
``python -m stages.NAME ..`` it asks this process for one more fork, which becomes the stage. DVC
itself could not: it has threads, and of those a fork keeps the locks alone.

What a setting's stages need is loaded when the first of them comes, for the others follow; what any
other kind needs when one comes for the second time, so that what is done once costs no more than
ever. Loaded are libraries, no module of the project's: a stage reads the code as it is when it
begins. Where a GPU is nothing is loaded for stages: CUDA does not survive a fork.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import re
import runpy
import select
import shlex
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

ENDED = "lazyleap: a chain of stages ended with "
PAUSE = 0.02  # seconds between looking whether a stage has ended
GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
# A stage as dvc.yaml writes it: words and what stands in single quotes, nothing for a shell to do.
_STAGE = re.compile(r"python -m stages\.\w+(?: (?:'[^']*'|[\w./:@%+=,-]+))*")

DVC = ("dvc.cli", "dvc.commands.repro", "dvc.repo.reproduce", "dvc.stage.run")
USUAL = (
    *("torch", "numpy", "pandas", "scipy.stats", "pydantic", "typer", "yaml", "safetensors.torch"),
    "torch.utils.tensorboard",
)
EXPORTER = (
    *("onnx.reference", "torch.onnx", "torch._dynamo", "torch.export._trace"),
    "onnxscript.function_libs.torch_lib.ops",
)
LIBRARIES = {"train": USUAL, "evaluate": USUAL, "export": (*USUAL, *EXPORTER)}  # a setting's chain

Program = Callable[[], int]
_seen: Counter[str] = Counter()  # the stages there were, by kind
_told: list[int] = []  # the signals that came while DVC was at work


def main() -> int:
    """Do the jobs; in a fork, be what it is for."""
    jobs = _jobs()
    while line := _next(jobs):
        done = _serve(json.loads(line))
        if not isinstance(done, int):
            jobs.close()
            _end(done)
        if done < 0:  # killed: so is this process, and the group by its leash
            os.kill(os.getpid(), signal.SIGKILL)
        if _told:
            return done
        print(f"\n{ENDED}{done}", flush=True)
    return 0


def _end(program: Program) -> NoReturn:
    """Run it and leave as Python does, but for taking apart all that was loaded, which is shared.

    That would touch, and so copy, hundreds of megabytes: a CPU second for each stage.
    """
    code: Any = 1
    try:
        code = program()
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            code = 128 + signal.SIGINT
    if not isinstance(code, int | None):  # a sentence
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as Python does
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def _jobs() -> IO[str]:
    """The standard input, which DVC and the stages do not get."""
    jobs = os.fdopen(os.dup(0))
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    return jobs


def _next(jobs: IO[str]) -> str:
    """Wait for a job; a signal ends this process here, and nowhere else."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    line = jobs.readline()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _go_on)
    return line


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _go_on(number: int, _frame: FrameType | None) -> None:
    """DVC and the stage are told the same; when they end, so does this process."""
    _told.append(number)


def _serve(job: dict[str, Any]) -> Program | int:
    """Do a job and say DVC's exit code; in a fork, what that is to run."""
    _load(DVC)
    ours, theirs = socket.socketpair()
    pid = _fork()
    if not pid:
        ours.close()
        return partial(_be_dvc, job, theirs)
    theirs.close()
    with ours, ours.makefile() as requests:
        while line := requests.readline():
            request = json.loads(line)
            _expect(request["words"][0])
            stage = _fork()
            if not stage:
                return partial(_be_stage, request)
            if (code := _wait(stage, ours)) is None:
                break  # DVC is gone
            ours.sendall(f"{code}\n".encode())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _expect(stage: str) -> None:
    """Load what it needs, where that will serve more than this one."""
    _seen[stage] += 1
    more = stage in LIBRARIES or _seen[stage] > 1
    if more and not any(map(os.path.exists, GPUS)):
        _load(LIBRARIES.get(stage, USUAL))


@cache
def _load(names: tuple[str, ...]) -> None:
    for name in names:
        with suppress(ImportError):  # a stage that needs it will say so
            import_module(name)
    gc.collect()
    gc.freeze()  # a fork that looked for garbage among them would copy them


def _fork() -> int:
    """As ``os.fork``; the fork has a new process's signal handlers."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return pid


def _wait(stage: int, dvc: socket.socket) -> int | None:
    """A shell's exit code of the stage; None if DVC ends first, which only a kill makes it do."""
    while True:
        pid, status = os.waitpid(stage, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if select.select([dvc], [], [], PAUSE)[0]:
            return None


def _be_stage(request: dict[str, Any]) -> int:
    """``python -m stages.NAME ..``."""
    name, *arguments = request["words"]
    _be(request["environment"], [name, *arguments])
    os.chdir(request["folder"])
    runpy.run_module(f"stages.{name}", run_name="__main__", alter_sys=True)
    return 0


def _be_dvc(job: dict[str, Any], starter: socket.socket) -> int:
    """``python -m dvc ..``, whose stages are forked elsewhere."""
    import dvc.__main__  # in the fork alone: whoever imports this file gets no DVC with it
    import dvc.stage.run
    from dvc.cli import main as dvc_main

    _be(job["environment"], [str(dvc.__main__.__file__), *job["arguments"]])
    from pipeline import otherwise

    otherwise.install()
    shell = dvc.stage.run._run
    dvc.stage.run._run = partial(_run, shell, starter)
    return int(dvc_main(job["arguments"]))


def _be(environment: dict[str, str], words: list[str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words


def _run(
    shell: Callable[..., None], starter: socket.socket, executable: str, cmd: str, /, **options: Any
) -> None:
    """Instead of DVC's own, which starts a shell: a stage by the fork, another command as ever."""
    from dvc.stage.exceptions import StageCmdFailedError

    if not _STAGE.fullmatch(cmd):
        shell(executable, cmd, **options)
        return
    words = shlex.split(cmd.removeprefix("python -m stages."))
    request = {"words": words, "folder": options["cwd"], "environment": options["env"]}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stage answers to it
    try:
        starter.sendall((json.dumps(request) + "\n").encode())
        code = int(starter.makefile().readline() or 128 + signal.SIGKILL)
    finally:
        signal.signal(signal.SIGINT, before)
    if code:
        raise StageCmdFailedError(cmd, code)


if __name__ == "__main__":
    sys.exit(main())
