"""How each command of the documents is run: a table of patterns, the first that fits counts."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.docs import given
from tests.docs.elsewhere import STUDIES
from tests.docs.given import LABELS, LEARNED, RUN, SHOWN

FIELDS = "fields"


class Rule(NamedTuple):
    """How a command is run: what is replaced in it, and whether it runs until it is stopped."""

    pattern: str
    replaced: tuple[tuple[str, str], ...] = ()
    stays: str = ""  # what it prints once it stands
    before: str = ""  # a command that the text around it takes for granted


LEAST = (("--rounds 3", ""), ("--out docs/results/", "--rounds 1 --horizons 1,2 --out work/"))
SMALL = (("--episodes 600", "--episodes 2"), ("--episodes 300", "--episodes 2"))
NEW = 'export PYTHONPATH="$PWD"; mkdir -p ../new && cd ../new'
AS_SHORT = ("neural-fields-longer", "neural-fields")  # of the same settings in the test
FIELDS_NAMED = (
    AS_SHORT,
    ("psnr@10,psnr@100", "accuracy@5"),
    ("--only 'exact", "--only 'maml-*,exact"),
    (",3,4,5", ""),
)
WITH_SERVER = (  # as the text has it: a server that stays, and its address set
    "bash -c 'prefect server start --port {port} >server.log & "
    "export PREFECT_API_URL=http://127.0.0.1:{port}/api; "
    "until prefect work-pool create --overwrite local --type process; do sleep 1; done; prefect"
)
LEAST_ASKED = "models/ours.onnx few --budget 20 --count 2"
OURS = (("models/ours.onnx photos --budget 1000", LEAST_ASKED), ("MODEL.onnx IMAGES", LEAST_ASKED))
RULES = (
    Rule(r"make (test|test-system|check|mutants|faults|bench|docs|setup)|make VENV=path test"),
    Rule(r"python -m tests\.mutation .*"),
    Rule(r"pip install (\.|'lazyleap\[pipeline\]')|npm ci --prefix tests/report"),
    Rule(r"cd examples/web && npm ci && npm start"),
    Rule(r"make run ARGS='--grid mine'", before=given.MINE),
    Rule(r"dvc repro grids/mine/dvc\.yaml", before=f"{given.MINE} && cp dvc.yaml grids/mine/"),
    Rule(r"make run( ARGS=.*)?"),
    Rule(r"make grid NAME=.*"),
    Rule(r"python -m stages\.validate"),
    Rule(r"python -m stages\.budget", (("budget", "budget --help"),)),
    Rule(r"lazyleap budget --grid mine .*", (
        ("seconds 150", "seconds 0.5 --seconds 0"),
    ), before=given.MINE),
    Rule(r"lazyleap budget --cpu-seconds 100 --grid neural-fields", (
        ("seconds 100", "seconds 0.5 --seconds 0"),
    )),
    Rule(r"make ui", stays="Prefect"),
    Rule(r"dvc repro --single-item STAGE", (("STAGE", f"train@{LEARNED}"),)),
    Rule(r"dvc repro grids/omniglot/dvc\.yaml", before=given.OMNIGLOT),
    Rule(r"dvc repro --pull .*", before="dvc remote add -f -d store ../store"),
    Rule(r"dvc repro( .*)?"),
    Rule(r"dvc (metrics|params) diff"),
    Rule(r"dvc exp run -S .*"),
    Rule(
        r"dvc exp apply",
        (("apply", "apply tried"),),
        before=f"{given.TRIED_OUT}; dvc exp run -n tried -S {SHOWN}",
    ),
    Rule(r"dvc (metrics|plots) show"),
    Rule(
        r"dvc pull -r recorded --allow-missing",
        before=f"{given.RECORDED} && lazyleap record --only 'maml-lazy-*'",
    ),
    Rule(r"lazyleap record.*", before=given.RECORDED),
    Rule(r"dvc remote modify recorded .*", (("s3://BUCKET", "$PWD/.."),)),
    Rule(r"git rm -r recorded/files", (("rm -r", "rm -r --ignore-unmatch"),)),
    Rule(r"dvc remote add -d NAME URL", (("NAME URL", "-f store ../store"),)),
    Rule(
        r"dvc (push --run-cache|pull( --allow-missing)?)",
        before=f"{given.TRIED_OUT}; dvc remote add -f -d store ../store",
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
    Rule(
        r"lazyleap fidelity maml-lazy-k5( --place 3)?",
        (("k5", "k5 --tasks 2"),),
        before=given.RECORDED,
    ),
    Rule(r"lazyleap compare maml-lazy-k5 maml-lazy-k10", before=given.RECORDED),
    Rule(r"lazyleap plots( HEAD~1 HEAD)?"),
    Rule(r"lazyleap run --grid attack-study .*", (("untrained", "'maml-lazy-*'"),)),
    Rule(rf"lazyleap run --grid {STUDIES}-(tuning|confirmation) .*", (("--grid", "--help #"),)),
    Rule(rf"lazyleap (budget --grid|study [a-z]+) {STUDIES}.*"),
    Rule(r"lazyleap run --grid mine", before=given.MINE),
    Rule(r"lazyleap study tune mine .*", before=given.ANEW),
    Rule(r"lazyleap run --grid mine-tuning", before=given.TUNE),
    Rule(r"lazyleap study tuned mine", before=given.TUNED),
    Rule(r"lazyleap study confirm mine .*", (
        ("1,2,3", "1,2"),
    ), before=given.UNCONFIRMED),
    Rule(r"lazyleap run --grid mine-confirmation", before=given.CONFIRM),
    Rule(r"lazyleap study tune neural-fields(-longer)? .*", (AS_SHORT,), before=given.NO_FIELDS),
    Rule(
        r"lazyleap study tuned neural-fields(-longer)? .*", FIELDS_NAMED, before=given.OF_FIELDS
    ),
    Rule(
        r"lazyleap study confirm neural-fields(-longer)? .*",
        FIELDS_NAMED, before=given.FIELDS_UNCONFIRMED,
    ),
    Rule(
        r"lazyleap run --grid neural-fields(-longer)?-tuning .*",
        (AS_SHORT,), before=given.TUNE_FIELDS,
    ),
    Rule(r"lazyleap fidelity .* --grid neural-fields-tuning --tasks 32", (
        ("lazy-secants-listen-k10-t1", f"{RUN}-t1"),
        ("lazy-secants-listen-k10-t3", f"{RUN}-t2"),
        ("32", "2"),
    ), before=given.OF_FIELDS),
    Rule(r"lazyleap fidelity k10-.* --grid fidelity --place 3 --tasks 20", (
        ("k10-trained", RUN), ("k10-of-exact", RUN), ("20", "2"),
    ), before="lazyleap run --grid fidelity"),
    Rule(
        r"lazyleap run --grid neural-fields(-longer)?-confirmation .*",
        (AS_SHORT,), before=given.CONFIRM_FIELDS,
    ),
    Rule(
        r"lazyleap study judge neural-fields-.*",
        (AS_SHORT, ("exact-k3", RUN)),
        before=given.FIELDS_CONFIRMED,
    ),
    Rule(
        r"lazyleap study judge .*",
        (("maml-exact-k1", RUN),),
        before=given.CONFIRMED,
    ),
    Rule(r"lazyleap grid new \w+ --recipe .*", (("mine", "yours"), ("FOLDER", "photos"))),
    Rule(r"lazyleap run --grid fruit", before=given.FRUIT),
    Rule(r"lazyleap run --grid shop", before=given.SHOP),
    Rule(
        r"lazyleap (compare|export) .* --grid fruit.*",
        (("FOLDER", "$(mktemp -d)"),),
        before=given.OF_FRUIT,
    ),
    Rule(
        r"lazyleap (compare|export|predict) .*shop.*",
        (("FOLDER", "$(mktemp -d)"), ("IMAGES", "photos/*")),
        before=given.OF_SHOP,
    ),
    Rule(r"lazyleap attack .*", OURS),
    Rule(r"lazyleap sweep --pool .*|prefect worker start --pool team .*"),
    Rule(r"pip install ('lazyleap\[s3\]'|prefect-kubernetes)|prefect server start"),
    Rule(r"prefect work-pool create (local|team) --type \w+"),
    Rule(r"prefect --no-prompt deploy --all", before=given.POOL),
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
    Rule(r"python -m benchmarks\.workers .*", (("500 --workers 4", "--help"),)),
    Rule(r"python -m tests\.faults\.flow .*"),
    Rule(r"python -m benchmarks\.secants_cost .*", (
        ("--rounds 15", "--rounds 1 --horizons 2"),
        ("--rounds 30", "--rounds 1 --horizons 2"),
        ("docs/results/speed", "work"),
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
    Rule(r"python -m benchmarks\.\w+ .* --params grids/omniglot/.*", SMALL, before=given.OMNIGLOT),
    Rule(r"python -m benchmarks\.left_out .*", (("left_out", "left_out --help"),)),  # MNIST
    Rule(r"python -m benchmarks\.(adapt|smaller) .*", (*SMALL, ("RUN", LEARNED))),
    Rule(r"tensorboard --logdir .*", (("tensorboard", "tensorboard --port {port}"),), "http://"),
)  # fmt: skip
UNKNOWN = Rule("")


def rule_of(command: str) -> Rule:
    return next((rule for rule in RULES if re.fullmatch(rule.pattern, command)), UNKNOWN)
