"""budget: the data prepared by DVC, the timing, and what params.yaml then says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lazyleap.errors import InputError
from lazyleap.settings import load
from pipeline.cli import app
from stages import provenance
from tests.conftest import RUNS, edit

pytestmark = pytest.mark.system

LAZY, EXACT = RUNS
WORDS = ["budget", "--cpu-seconds", "3", "--rounds", "1", "--seconds", "0", "--json"]


def test_one_setting_is_given_its_share_and_the_other_left_alone(project: Path) -> None:
    done = CliRunner().invoke(app, [*WORDS, "--only", LAZY], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)
    (share,) = answer["shares"]
    assert (answer["params"], answer["cpu_seconds"], share["runs"]) == ("params.yaml", 3, [LAZY])
    assert answer["machine"].endswith(f"({provenance.instruction_set()})")
    bought = share["meta_iterations"]
    assert bought * share["cpu_ms"] <= 3000 < (bought + 1) * share["cpu_ms"]
    runs = load(Path("params.yaml")).runs
    assert runs[LAZY].meta_iterations == bought
    assert runs[EXACT].meta_iterations is None


def test_what_fails_before_the_timing_is_its_sentence(project: Path) -> None:
    before = Path("params.yaml")
    for block in ("draw", "training"):
        edit(before, lambda p, block=block: p["tasks"]["glyphs"][block].update(way=50))
    text = before.read_text()
    with pytest.raises(InputError, match=r"^prepare@glyphs: .*way 50"):
        CliRunner().invoke(app, WORDS, catch_exceptions=False)
    assert before.read_text() == text
