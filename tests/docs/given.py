"""What the text around a command takes for granted: the commands that must have been run before."""

from __future__ import annotations

RUN, LEARNED, LABELS = "maml-lazy-k5", "maml-lazy-k10", "lt-reweight-lazy-k5"
SHOWN = "runs.maml-lazy-k5.horizon=10"


def once(grid: str, command: str) -> str:
    """``command``, unless all of that grid has been run and is still there."""
    return f"{{ test -s grids/{grid}/dvc.lock || {{ {command}; }}; }}"


RECORDED = "git checkout -q -- params.yaml dvc.lock && dvc repro -q"  # whatever was tried since
TRIED_OUT = "rm -rf grids/mine grids/mine-*"  # whose stages may not all have run
MINE = "lazyleap grid new mine"
ANEW = f"{MINE} && rm -rf grids/mine-tuning grids/mine-confirmation"
TUNE = f"{ANEW} && lazyleap study tune mine --outer 0.001,0.003"
TUNED = once("mine-tuning", f"{TUNE} && lazyleap run --grid mine-tuning")
UNCONFIRMED = f"{TUNED} && rm -rf grids/mine-confirmation"
CONFIRM = f"{UNCONFIRMED} && lazyleap study confirm mine --seeds 1,2"
CONFIRMED = once("mine-confirmation", f"{CONFIRM} && lazyleap run --grid mine-confirmation")
OMNIGLOT = "lazyleap run --grid omniglot"
SMALLER = (
    "sed -i 's/_iterations: [0-9]*/_iterations: 2/; s/validate_every: [0-9]*/validate_every: 1/; "
    "s/_episodes: [0-9]*/_episodes: 4/g; /-s[12]:/d' grids/{}/params.yaml"
)
NO_FIELDS = "rm -rf grids/neural-fields-*"
TUNE_FIELDS = f"{NO_FIELDS} && lazyleap study tune neural-fields"
TUNE_FIELDS = f"{TUNE_FIELDS} --inner 0.01,0.02 --only {RUN}"
OF_FIELDS = once(
    "neural-fields-tuning", f"{TUNE_FIELDS} && lazyleap run --grid neural-fields-tuning"
)
FIELDS_UNCONFIRMED = f"{OF_FIELDS} && rm -rf grids/neural-fields-confirmation"
CONFIRM_FIELDS = f"{FIELDS_UNCONFIRMED} && lazyleap study confirm neural-fields --seeds 1,2"
FIELDS_CONFIRMED = once(
    "neural-fields-confirmation",
    f"{CONFIRM_FIELDS} && lazyleap run --grid neural-fields-confirmation",
)
POOL = "prefect work-pool create --overwrite local --type process"
FRUIT = "lazyleap grid new fruit --recipe few-shot --images photos --size 28"
SHOP = "lazyleap grid new shop --recipe long-tail --images photos --size 32"
FRUIT, SHOP = (f"{FRUIT} && {SMALLER.format('fruit')}", f"{SHOP} && {SMALLER.format('shop')}")
OF_FRUIT = once("fruit", f"{FRUIT} && lazyleap run --grid fruit")
OF_SHOP = once("shop", f"{SHOP} && lazyleap run --grid shop")
