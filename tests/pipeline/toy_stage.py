"""A stand-in for every stage program of a toy project: same command line and outs, no work.

TOY_FAIL, TOY_BUDGET, TOY_CRASH, TOY_SLOW: lists of "stage key" that fail with a sentence, end with
the time budget, raise, or take minutes after they wrote their process number into toy.pid.
TOY_SECONDS: how long each training takes, which is noted by a line in toy.trained.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import yaml

from stages import folders

STAGE = Path(sys.argv[0]).stem
PARAMS = yaml.safe_load(Path(sys.argv[2]).read_text())  # of JSON, too
KEY = sys.argv[3] if len(sys.argv) > 3 else ""
GRID = PARAMS["grid"]
RECORD = {"commit": "a toy's", "dirty": False}


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)


def outs() -> None:
    if STAGE == "prepare":
        write(folders.images(GRID, KEY, "train"), data_txt=KEY)
        write(folders.images(GRID, KEY, "test"), data_txt=KEY)
    elif STAGE == "train":
        if seconds := os.environ.get("TOY_SECONDS"):
            time.sleep(float(seconds))
            with Path("toy.trained").open("a") as file:
                file.write(f"{KEY}\n")
        write(folders.trained(GRID, KEY), setting_json=json.dumps(PARAMS["parameters"]))
        write(folders.record(GRID, KEY), record_json=json.dumps(RECORD | {"at": time.time()}))
    elif STAGE == "evaluate":
        for part in ("pictures", "tensorboard"):
            write(folders.evaluated(GRID, KEY) / part)
        score = {"value": PARAMS["parameters"]["horizon"] / 10, "low": 0.49, "high": 0.52}
        metrics = {"primary": "accuracy@1", "metrics": {"accuracy@1": score}}
        write(folders.evaluated(GRID, KEY), metrics_json=json.dumps(metrics), curve_csv="step\n0\n")
        (folders.evaluated(GRID, KEY) / "items.npz").write_text("items")
    elif STAGE == "fidelity":
        folders.fidelity(GRID, KEY).write_text(json.dumps(PARAMS["parameters"]["tasks"]))
    elif STAGE == "export":
        write(folders.exported(GRID, KEY), model_onnx=KEY)
    else:
        report()


def report() -> None:
    there = sorted(
        path.name for path in folders.evaluated(GRID, "x").parent.iterdir() if path.is_dir()
    )
    rows = [f"{GRID},{name},accuracy@1,0.5,0.01" for name in there]
    text = "\n".join(["grid,run,metric,value,ci95", *rows, ""])
    write(folders.results(GRID), summary_csv=text, summary_md=f"{len(rows)} settings\n")


def asked(variable: str) -> bool:
    return f"{STAGE} {KEY}" in os.environ.get(variable, "").split(",")


def main() -> int:
    if asked("TOY_SLOW"):
        Path("toy.pid").write_text(str(os.getpid()))
        time.sleep(300)
    if asked("TOY_CRASH"):
        raise KeyError("nobody foresaw this")
    for step in (1, 2):
        print(f"{STAGE} {KEY} {step}/2 {step * 50}% eta 1s loss 1.0", file=sys.stderr, flush=True)
    if asked("TOY_FAIL"):
        print("error: the toy diverged at step 2", file=sys.stderr)
        return 3
    if asked("TOY_BUDGET"):
        print("error: the time budget ended at step 1", file=sys.stderr)
        return 75
    outs()
    return 0


if __name__ == "__main__":
    sys.exit(main())
