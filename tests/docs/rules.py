"""How each command of the documents is run: a table of patterns, the first that fits counts."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.conftest import ROOT

RUN, LEARNED, LABELS = "maml-lazy-k5", "maml-lazy-k10", "lt-reweight-lazy-k5"
FIELDS = "fields"
SHOWN = "runs.maml-lazy-k5.horizon=10"


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
TRIED_OUT = "rm -rf grids/mine grids/mine-*"  # whose stages may not all have run
MINE = "lazyleap grid new mine"
ANEW = f"{MINE} && rm -rf grids/mine-tuning grids/mine-confirmation"
TUNED = f"{ANEW} && lazyleap study tune mine --outer 0.001,0.003 && lazyleap run --grid mine-tuning"
CONFIRMED = f"{TUNED} && lazyleap study confirm mine --seeds 1,2"
OMNIGLOT = "lazyleap run --grid omniglot"
SMALLER = (
    "sed -i 's/_iterations: [0-9]*/_iterations: 2/; s/validate_every: [0-9]*/validate_every: 1/; "
    "s/_episodes: [0-9]*/_episodes: 4/g; /-s[12]:/d' grids/{}/params.yaml"
)
OF_FIELDS = "rm -rf grids/neural-fields-* && lazyleap study tune neural-fields --inner 0.01,0.02"
OF_FIELDS = f"{OF_FIELDS} --only {RUN} && lazyleap run --grid neural-fields-tuning"
FIELDS_CONFIRMED = f"{OF_FIELDS} && lazyleap study confirm neural-fields --seeds 1,2"
FIELDS_ONLY = (
    "exact-k3-*,lazy-secants-listen-k10-*,lazy-3-secants-listen-3-then-10-*,exact-k10-*,lazy-k10-*,"
    "exact-k3-then-10-*,reptile-k10-*,lazy-listen-k10-*,exact-listen-k10-*"
)
FIELDS_NAMED = (
    ("psnr@10,psnr@100", "accuracy@5"),
    (f"'{FIELDS_ONLY}'", "'maml-*'"),
    (",3,4,5", ""),
)
WITH_SERVER = (  # as the text has it: a server that stays, and its address set
    "bash -c 'prefect server start --port {port} >server.log & "
    "export PREFECT_API_URL=http://127.0.0.1:{port}/api; "
    "until prefect work-pool create --overwrite local --type process; do sleep 1; done; prefect"
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
    Rule(r"make run ARGS='--grid mine'", before=MINE),
    Rule(r"dvc repro grids/mine/dvc\.yaml", before=f"{MINE} && cp dvc.yaml grids/mine/"),
    Rule(r"make run( ARGS=.*)?"),
    Rule(r"make grid NAME=.*"),
    Rule(r"python -m stages\.validate"),
    Rule(r"python -m stages\.budget", (("budget", "budget --help"),)),
    Rule(r"lazyleap budget --grid mine .*", (
        ("seconds 150", "seconds 0.5 --seconds 0"),
    ), before=MINE),
    Rule(r"lazyleap budget --cpu-seconds 100 --grid neural-fields", (
        ("seconds 100", "seconds 0.5 --seconds 0"),
    )),
    Rule(r"make ui", stays="Prefect"),
    Rule(r"dvc repro --single-item STAGE", (("STAGE", f"train@{LEARNED}"),)),
    Rule(r"dvc repro grids/omniglot/dvc\.yaml", before=OMNIGLOT),
    Rule(r"dvc repro --pull .*", before="dvc remote add -f -d store ../store"),
    Rule(r"dvc repro( .*)?"),
    Rule(r"dvc (metrics|params) diff"),
    Rule(r"dvc exp run -S .*"),
    Rule(
        r"dvc exp apply",
        (("apply", "apply tried"),),
        before=f"{TRIED_OUT}; dvc exp run -n tried -S {SHOWN}",
    ),
    Rule(r"dvc (metrics|plots) show"),
    Rule(
        r"dvc pull -r recorded --allow-missing",
        before=f"{RECORDED} && lazyleap record --only 'maml-lazy-*'",
    ),
    Rule(r"lazyleap record.*", before=RECORDED),
    Rule(r"dvc remote modify recorded .*", (("s3://BUCKET", "$PWD/.."),)),
    Rule(r"git rm -r recorded/files", (("rm -r", "rm -r --ignore-unmatch"),)),
    Rule(r"dvc remote add -d NAME URL", (("NAME URL", "-f store ../store"),)),
    Rule(
        r"dvc (push --run-cache|pull( --allow-missing)?)",
        before=f"{TRIED_OUT}; dvc remote add -f -d store ../store",
    ),
    Rule(r"git (checkout dvc\.lock|status|diff dvc\.lock)"),
    Rule(r"dvc status"),
    Rule(r"python -m stages\.train RUN --traceback", (("RUN", LEARNED),)),
    Rule(r"torchrun --standalone .* -m stages\.train RUN", (("RUN", LEARNED),)),
    Rule(r"lazyleap COMMAND --help", (("COMMAND", "run"),)),
    Rule(r"prefect gcl update gpu --limit 2", before="prefect gcl create gpu --limit 1"),
    Rule(r"python -m pipeline"),
    Rule(r"lazyleap --install-completion", (("--install-completion", "--show-completion && :"),)),
    Rule(r"lazyleap (--help|run|status|doctor|show [a-z0-9-]+|grid new mine)"),
    Rule(r"lazyleap fidelity maml-lazy-k5( --place 3)?", (("k5", "k5 --tasks 2"),), "", RECORDED),
    Rule(r"lazyleap compare maml-lazy-k5 maml-lazy-k10", before=RECORDED),
    Rule(r"lazyleap plots( HEAD~1 HEAD)?"),
    Rule(r"lazyleap run --grid mine", before=MINE),
    Rule(r"lazyleap study tune mine .*", before=ANEW),
    Rule(r"lazyleap run --grid mine-tuning", before=TUNED),
    Rule(r"lazyleap study tuned mine", before=TUNED),
    Rule(r"lazyleap study confirm mine .*", (("1,2,3", "1,2"),), before=TUNED),
    Rule(r"lazyleap run --grid mine-confirmation", before=CONFIRMED),
    Rule(r"lazyleap study tune neural-fields .*", before="rm -rf grids/neural-fields-*"),
    Rule(r"lazyleap study (tuned|confirm) neural-fields .*", FIELDS_NAMED, before=OF_FIELDS),
    Rule(r"lazyleap run --grid neural-fields-tuning .*", before=OF_FIELDS),
    Rule(r"lazyleap fidelity .* --grid neural-fields-tuning --tasks 32", (
        ("lazy-secants-listen-k10-t1", f"{RUN}-t1"),
        ("lazy-secants-listen-k10-t3", f"{RUN}-t2"),
        ("32", "2"),
    ), before=OF_FIELDS),
    Rule(r"lazyleap fidelity k10-.* --grid fidelity --place 3 --tasks 20", (
        ("k10-trained", RUN), ("k10-of-exact", RUN), ("20", "2"),
    ), before="lazyleap run --grid fidelity"),
    Rule(r"lazyleap run --grid neural-fields-confirmation .*", before=FIELDS_CONFIRMED),
    Rule(
        r"lazyleap study judge neural-fields-.*",
        (("exact-k3", RUN),),
        before=f"{FIELDS_CONFIRMED} && lazyleap run --grid neural-fields-confirmation",
    ),
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
    Rule(
        r"prefect worker start --pool local",
        (("prefect", WITH_SERVER), ("--pool local", "--pool local'")),
        stays="started",
    ),
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
    Rule(r"python -m benchmarks\.prepare .*", (
        ("60000 --out docs/results/prepare", "8000 --out work"),
    )),
    Rule(r"python -m benchmarks\.peers .*", (
        ("--rounds 7", "--rounds 1 --horizons 1,2 --width 2"), ("docs/results/speed", "work"),
    )),
    Rule(r"python -m benchmarks\.fields_memory .*", (
        ("--out docs/results/", "--horizons 1,2 --layers 2 --width 4 --side 8 --out work/"),
    )),
    Rule(r"python -m benchmarks\.sweep .*", ((" 100 500", " --help"),)),
    Rule(r"python -m benchmarks\.workers .*", (("500 --workers 2", "--help"),)),
    Rule(r"python -m tests\.faults\.flow .*"),
    Rule(r"python -m benchmarks\.secants_cost .*", (
        ("--rounds 15", "--rounds 1 --horizons 2"), ("docs/results/speed", "work"),
    )),
    Rule(r"python -m benchmarks\.gpu .*", (
        ("--out docs/results/gpu", "--device cpu --horizons 1 --width 2 --rounds 1 --out work"),
    )),
    Rule(r"python -m benchmarks\.before 585f826 .* run --jobs 1; fi'\"", (
        ("585f826", "HEAD"), ("pipeline run --jobs 1", "stages.validate"),
        ("pipeline.flows run --jobs 1", "stages.validate"),
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
    "python -m tests.faults.flow": ROOT / "tests" / "pipeline" / "test_killed.py",
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
