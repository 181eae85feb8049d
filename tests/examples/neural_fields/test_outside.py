"""The kind is outside the project: no line there has a word for it."""

from __future__ import annotations

import re

from tests.conftest import ROOT

WORDS = re.compile(r"neural|siren|psnr|ssim", re.IGNORECASE)


def test_the_project_has_no_word_for_it():
    files = [p for top in ("lazyleap", "stages", "pipeline") for p in (ROOT / top).rglob("*.*")]
    texts = [p for p in files if p.suffix in {".py", ".j2", ".js", ".css", ".yaml"}]
    assert len(texts) > 100
    assert [p for p in texts if WORDS.search(p.read_text())] == []
