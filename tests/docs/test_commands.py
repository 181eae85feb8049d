"""Every command of the documents runs: as it is typed, in a project whose settings take seconds."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.classifiers import test_session as session
from tests.conftest import ROOT, commit, copy, edit
from tests.docs.commands import commands
from tests.longtail.project import TASK as TAIL
from tests.longtail.project import shrink
from tests.pipeline.commands import test_recipes as recipes

RUN, LEARNED, LABELS = "maml-lazy-k5", "maml-lazy-k10", "lt-reweight-lazy-k5"
FIELDS = "fields"
SHOWN = "runs.maml-lazy-k5.horizon=10"
LIMIT = 400  # seconds of one command


class Rule(NamedTuple):
    """How a command is run: what is replaced in it, and whether it runs until it is stopped."""

    pattern: str
    replaced: tuple[tuple[str, str], ...] = ()
    stays: str = ""  # what it prints once it stands
    before: str = ""  # a command that the text around it takes for granted


LEAST = (("--rounds 3", ""), ("--out docs/results/", "--rounds 1 --horizons 1,2 --out work/"))
SMALL = (("--episodes 600", "--episodes 2"), ("--episodes 300", "--episodes 2"))
NEW = 'export PYTHONPATH="$PWD"; mkdir -p ../new && cd ../new'
RECORDED = "git checkout -q -- params.yaml dvc.lock && dvc repro -q"  # whatever was tried since
MINE = "lazyleap grid new mine"
ANEW = f"{MINE} && rm -rf grids/mine-tuning grids/mine-confirmation"
TUNED = f"{ANEW} && lazyleap study tune mine --outer 0.001,0.003 && lazyleap run --grid mine-tuning"
CONFIRMED = f"{TUNED} && lazyleap study confirm mine --seeds 1,2"
OMNIGLOT = "lazyleap run --grid omniglot"
SMALLER = (
    "sed -i 's/_iterations: [0-9]*/_iterations: 2/; s/validate_every: [0-9]*/validate_every: 1/; "
    "s/_episodes: [0-9]*/_episodes: 4/g; /-s[12]:/d' grids/{}/params.yaml"
)
POOL = "prefect work-pool create --overwrite local --type process"
FRUIT = "lazyleap grid new fruit --recipe few-shot --images photos --size 28"
SHOP = "lazyleap grid new shop --recipe long-tail --images photos --size 32"
FRUIT, SHOP = (f"{FRUIT} && {SMALLER.format('fruit')}", f"{SHOP} && {SMALLER.format('shop')}")
LEAST_ASKED = "models/ours.onnx few --budget 20 --count 2"
OURS = (("models/ours.onnx photos --budget 1000", LEAST_ASKED), ("MODEL.onnx IMAGES", LEAST_ASKED))
RULES = (
    Rule(r"make (test|test-system|check|mutants|faults|bench|docs|setup)|make VENV=path test"),
    Rule(r"python -m tests\.mutation .*"),
    Rule(r"pip install (\.|'lazyleap\[pipeline\]')|npm ci --prefix tests/report"),
    Rule(r"cd examples/web && npm ci && npm start"),
    Rule(r"make run ARGS='--grid mine'|dvc repro grids/mine/dvc\.yaml", before=MINE),
    Rule(r"make run( ARGS=.*)?"),
    Rule(r"make grid NAME=.*"),
    Rule(r"python -m stages\.validate"),
    Rule(r"python -m stages\.budget", (("budget", "budget --help"),)),
    Rule(r"lazyleap budget --grid mine .*", (
        ("seconds 150", "seconds 0.5 --seconds 0"),
    ), before=MINE),
    Rule(r"lazyleap budget --cpu-seconds 100 --grid neural-fields-tuning", (
        ("seconds 100", "seconds 0.5 --seconds 0"),
    )),
    Rule(r"make ui", stays="Prefect"),
    Rule(r"dvc repro --single-item STAGE", (("STAGE", f"train@{LEARNED}"),)),
    Rule(r"dvc repro grids/omniglot/dvc\.yaml", before=OMNIGLOT),
    Rule(r"dvc repro --pull .*", before="dvc remote add -f -d store ../store"),
    Rule(r"dvc repro( .*)?"),
    Rule(r"dvc (metrics|params) diff"),
    Rule(r"dvc exp run -S .*"),
    Rule(r"dvc exp apply", (("apply", "apply tried"),), before=f"dvc exp run -n tried -S {SHOWN}"),
    Rule(r"dvc remote add -d NAME URL", (("NAME URL", "-f store ../store"),)),
    Rule(r"dvc (push --run-cache|pull)", before="dvc remote add -f -d store ../store"),
    Rule(r"git (checkout dvc\.lock|status|diff dvc\.lock)"),
    Rule(r"dvc status"),
    Rule(r"python -m stages\.train RUN --traceback", (("RUN", LEARNED),)),
    Rule(r"torchrun --standalone .* -m stages\.train RUN", (("RUN", LEARNED),)),
    Rule(r"lazyleap COMMAND --help", (("COMMAND", "run"),)),
    Rule(r"prefect gcl update gpu --limit 2", before="prefect gcl create gpu --limit 1"),
    Rule(r"python -m pipeline"),
    Rule(r"lazyleap --install-completion", (("--install-completion", "--show-completion && :"),)),
    Rule(r"lazyleap (--help|run|status|doctor|show [a-z0-9-]+|grid new mine)"),
    Rule(r"lazyleap fidelity maml-lazy-k5", (("k5", "k5 --tasks 2"),), before=RECORDED),
    Rule(r"lazyleap compare maml-lazy-k5 maml-lazy-k10", before=RECORDED),
    Rule(r"lazyleap plots( HEAD~1 HEAD)?"),
    Rule(r"lazyleap run --grid mine", before=MINE),
    Rule(r"lazyleap study tune mine .*", before=ANEW),
    Rule(r"lazyleap run --grid mine-tuning", before=TUNED),
    Rule(r"lazyleap study confirm mine .*", (("1,2,3", "1,2"),), before=TUNED),
    Rule(r"lazyleap run --grid mine-confirmation", before=CONFIRMED),
    Rule(
        r"lazyleap study judge .*",
        (("maml-exact-k1", RUN),),
        before=f"{CONFIRMED} && lazyleap run --grid mine-confirmation",
    ),
    Rule(r"lazyleap grid new \w+ --recipe .*", (("mine", "yours"), ("FOLDER", "photos"))),
    Rule(r"lazyleap run --grid fruit", before=FRUIT),
    Rule(r"lazyleap run --grid shop", before=SHOP),
    Rule(
        r"lazyleap (compare|export) .* --grid fruit.*",
        (("FOLDER", "$(mktemp -d)"),),
        before=f"{FRUIT} && lazyleap run --grid fruit",
    ),
    Rule(
        r"lazyleap (compare|export|predict) .*shop.*",
        (("FOLDER", "$(mktemp -d)"), ("IMAGES", "photos/*")),
        before=f"{SHOP} && lazyleap run --grid shop",
    ),
    Rule(r"lazyleap attack .*", OURS),
    Rule(r"lazyleap sweep --pool .*|prefect worker start --pool team .*"),
    Rule(r"pip install ('lazyleap\[s3\]'|prefect-kubernetes)|prefect server start"),
    Rule(r"prefect work-pool create (local|team) --type \w+"),
    Rule(r"prefect --no-prompt deploy --all", before=POOL),
    Rule(r"prefect worker start --pool local", stays="started", before=POOL),
    Rule(r"dvc remote add -d store \S+", (("add -d", "add -f -d"),)),
    Rule(r"dvc remote modify store .*", before="dvc remote add -f -d store s3://BUCKET/lazyleap"),
    Rule(r"dvc fetch --run-cache", before="dvc remote add -f -d store ../store && dvc push"),
    Rule(r"lazyleap run .*"),
    Rule(r"lazyleap grid new", (("lazyleap", f"{NEW} && lazyleap"),)),
    Rule(r"lazyleap serve .*", stays="every|cron|schedule"),
    Rule(r"lazyleap ui", stays="Prefect"),
    Rule(r"lazyleap export .*", (("FOLDER", "$(mktemp -d)"),)),
    Rule(r"lazyleap adapt .*", (("SUPPORT", "pictures"), ("QUERIES", "pictures/a"))),
    Rule(
        r"lazyleap predict .*",
        (("predict model.onnx", f"predict artifacts/export/quick/{LABELS}/model.onnx"),
         ("IMAGES", "pictures/*/*.png")),
    ),
    Rule(r"python -m stages\.export .*", (("RUN", LEARNED),)),
    Rule(r"python examples/adapt\.py .*", (("SUPPORT", "pictures"), ("QUERIES", "pictures/a"))),
    Rule(r"python examples/web/bundle\.py .*"),
    Rule(r"python examples/web/bundle_fields\.py .*", before="lazyleap run --grid fields"),
    Rule(r"python examples/sinusoid\.py", (
        ("python", "PYTHONPATH=. python"),  # in place of pip install
        ("sinusoid.py", "sinusoid.py --iterations 2"),
    )),
    Rule(r"python -m benchmarks\.horizon\w+ .*", LEAST),
    Rule(r"python -m benchmarks\.peers .*", (
        ("--rounds 7", "--rounds 1 --horizons 1,2 --width 2"), ("docs/results/speed", "work"),
    )),
    Rule(r"python -m benchmarks\.fields_grid .*", (
        ("tuning", "tuning --into work"), ("confirmation", "confirmation --into work"),
    )),
    Rule(r"python -m benchmarks\.fields_study --out docs/results"),
    Rule(r"python -m benchmarks\.fields_memory .*", (
        ("--out docs/results/", "--horizons 1,2 --layers 2 --width 4 --side 8 --out work/"),
    )),
    Rule(r"python -m benchmarks\.gpu .*", (
        ("--out docs/results/gpu", "--device cpu --horizons 1 --width 2 --rounds 1 --out work"),
    )),
    Rule(r"python -m benchmarks\.before 585f826 .*", (
        ("585f826 --rounds 3", "HEAD --rounds 1"),
        ("resnet32 --width 16 --batch 50 --horizons 1 --rounds 2",
         "resnet8 --width 1 --batch 2 --horizons 1 --rounds 1"),
    )),
    Rule(r"python -m benchmarks\.before .*", (
        ("COMMIT --rounds 3", "HEAD --rounds 1"),
        ("longtail", "longtail --horizons 1 --rounds 1 --width 1 --batch 2"),
    )),
    Rule(r"python -m benchmarks\.\w+ .* --params grids/omniglot/.*", SMALL, before=OMNIGLOT),
    Rule(r"python -m benchmarks\.(adapt|smaller) .*", (*SMALL, ("RUN", LEARNED))),
    Rule(r"tensorboard --logdir .*", (("tensorboard", "tensorboard --port {port}"),), "http://"),
)  # fmt: skip
UNKNOWN = Rule("")
ELSEWHERE = {  # called by the continuous integration, or by tests of their own
    "make": ROOT / ".ci" / "run",
    "python -m tests.mutation": ROOT / "tests" / "mutation",
    "python -m benchmarks.fields_study": ROOT / "tests" / "test_fields_study.py",
    "npm ci": ROOT / ".ci" / "run",
    "pip install .": ROOT / "tests" / "docs" / "test_commands.py",
    "pip install 'lazyleap[pipeline]'": ROOT / "tests" / "pipeline" / "test_wheel.py",
    "lazyleap sweep": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "prefect worker start --pool team": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "prefect work-pool create team": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "prefect server start": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "pip install 'lazyleap[s3]'": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "pip install prefect-kubernetes": ROOT / "docs" / "deploy.md",
    "python -m pipeline": ROOT / "tests" / "pipeline" / "test_cli.py",
    "cd examples/web": ROOT / "tests" / "examples" / "test_web.py",
}


def rule_of(command: str) -> Rule:
    return next((rule for rule in RULES if re.fullmatch(rule.pattern, command)), UNKNOWN)


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_documents_is_known_here(command):
    assert rule_of(command) is not UNKNOWN


def small(params: dict[str, Any]) -> None:
    """The settings that the documents name, of seconds each."""
    params |= {"device": "cpu", "surrogates": {}, "targets": {}}
    params["runs"] = {name: params["runs"][name] for name in (RUN, LEARNED, LABELS)}
    params["tasks"] = {name: params["tasks"][name] for name in ("glyphs", TAIL)}
    task = params["tasks"]["glyphs"]
    task["dataset"].update(classes={"train": 12, "val": 6, "test": 6}, images_per_class=8)
    task["draw"].update(validation_episodes=4, test_episodes=6)
    task["model"]["width"] = 4
    task["training"].update(meta_iterations=4, validate_every=2, log_every=2)
    task["test"].update(curve_episodes=2, curve_steps=6)
    shrink(params)


def small_fields(params: dict[str, Any]) -> None:
    """The grid of neural fields, in seconds."""
    task = params["tasks"]["drawings"]
    task["dataset"].update(size=12, classes={"train": 6, "val": 2, "test": 2}, images_per_class=4)
    task["draw"].update(validation_images=2, test_images=6)
    task["model"].update(layers=2, width=8)
    task["training"].update(meta_batch=2, meta_iterations=2, validate_every=1, log_every=1)
    params["runs"] = {name: params["runs"][name] for name in ("first-order-k5", "exact-k3")}


def as_grid(name: str) -> Callable[[dict[str, Any]], None]:
    """The small settings as those of a recorded grid, so that no data is fetched."""

    def change(params: dict[str, Any]) -> None:
        params |= {"root": "../..", "here": f"grids/{name}/", "grid": name}

    return change


@cache
def script() -> Path:
    """A folder with ``lazyleap``, as ``make setup`` puts it into the environment."""
    folder = Path(tempfile.mkdtemp(prefix="lazyleap-script-"))
    atexit.register(shutil.rmtree, folder)
    (folder / "lazyleap").write_text('#!/bin/sh\nexec python -m pipeline "$@"\n')
    (folder / "lazyleap").chmod(0o755)
    return folder


def environment() -> dict[str, str]:
    venv = Path(sys.prefix)
    place = os.pathsep.join([str(script()), str(venv / "bin"), os.environ["PATH"]])
    ports = {"PREFECT_PORT": str(free_port()), "TENSORBOARD_PORT": str(free_port())}
    return {**os.environ, **ports, "VENV": str(venv), "PATH": place, "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def shell(folder: Path, command: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after ``make run``, with a few pictures beside it."""
    folder = copy(tmp_path_factory.mktemp("walked") / "project")
    edit(folder / "params.yaml", small)
    for grid in (folder / "grids").iterdir():
        if grid.name == FIELDS:
            edit(grid / "params.yaml", small_fields)
            continue
        shutil.copy(folder / "params.yaml", grid / "params.yaml")
        edit(grid / "params.yaml", as_grid(grid.name))
    commit(folder)
    shell(folder, "dvc init -q --force >/dev/null 2>&1; make run")
    shell(folder, "git add -A && git -c user.name=t -c user.email=t@localhost commit -qm results")
    draw_pictures(folder)
    return folder


def draw_pictures(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    recipes.draw(folder / "photos", {f"class{i:02}": 8 + 2 * (i % 4) for i in range(10)})
    recipes.draw(folder / "few", {f"class{i}": 8 for i in range(session.CLASSES)})
    (folder / "models").mkdir()
    session.model(folder / "models" / "ours.onnx", session.SHAPES["nhwc"])
    for i, name in enumerate("ab"):
        (folder / "pictures" / name).mkdir(parents=True)
        picture = np.zeros((28, 28), np.uint8)
        picture[4 + 8 * i : 12 + 8 * i] = 255
        for copy_ in range(2):
            Image.fromarray(picture).save(folder / "pictures" / name / f"{copy_}.png")


RUNNABLE = [c for c in commands() if not c.startswith(tuple(ELSEWHERE)) or "run" in c.split()[:2]]


@pytest.mark.system
@pytest.mark.timeout(2 * LIMIT)
@pytest.mark.parametrize("command", [c for c in RUNNABLE if not rule_of(c).stays])
def test_it_runs_as_it_is_typed(walked, command):
    rule = rule_of(command)
    for old, new in rule.replaced:
        command = command.replace(old, new)
    if rule.before:
        shell(walked, rule.before)
    shell(walked, command)


@pytest.mark.system
@pytest.mark.timeout(2 * LIMIT)
@pytest.mark.parametrize("command", [c for c in commands() if rule_of(c).stays])
def test_it_stands_until_it_is_stopped(walked, command, tmp_path):
    rule = rule_of(command)
    for old, new in rule.replaced:
        command = command.replace(old, new.format(port=free_port()))
    if rule.before:
        shell(walked, rule.before)
    with (tmp_path / "log").open("w+") as log:
        words = ["timeout", "-s", "INT", "-k", "10", "90", "bash", "-c", f"exec {command}"]
        with subprocess.Popen(words, cwd=walked, env=environment(), stdout=log, stderr=log) as it:
            while it.poll() is None and not said(tmp_path / "log", rule.stays):
                time.sleep(0.2)
            it.send_signal(signal.SIGINT)
        assert said(tmp_path / "log", rule.stays)


def said(log: Path, words: str) -> bool:
    return bool(re.search(words, log.read_text(), re.IGNORECASE))


def test_what_runs_elsewhere_does():
    integration = (ROOT / ".ci" / "run").read_text()
    assert "make test" in integration
    assert "make test-system" in integration
    assert re.search(r"^test: check", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for place in ELSEWHERE.values():
        assert place.exists()


@pytest.mark.system
def test_pip_install_takes_the_library_without_the_pipeline(tmp_path):
    source = copy(tmp_path / "source")
    command = "pip install --no-deps --no-build-isolation --target ../installed ."
    shell(source, f"{command} 2>&1 | tail -5; test -e ../installed/lazyleap/py.typed")
    code = "import lazyleap; assert 'installed' in lazyleap.__file__; lazyleap.Lazy"
    shell(tmp_path, f'cd installed && "{sys.executable}" -c "{code}"')


def test_the_python_of_the_readme_is_a_program():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    prelude = """
import torch
from torch import nn
network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
support_x, query_x = torch.randn(6, 3), torch.randn(4, 3)
support_y, query_y = torch.arange(6) % 2, torch.arange(4) % 2
"""
    for block in blocks:
        names: dict[str, Any] = {}
        exec(prelude + block, names)
        assert names["meta"].grad.keys() == names["theta"].keys()
