"""What a report says, read back, and made-up results changed."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from stages import folders
from tests.report import grid

FEW = {"maml-exact-k5-s0", "maml-lazy-k10-s0", "lt-reweight-lazy-k5-s0", "lt-cross-entropy-s0"}
FEW |= {"attack-lazy-k5-s0", "attack-square-s0"}

CHOSEN = "accuracy at the common step validation chose (%)"


class Tables(HTMLParser):
    """The cells of each table of a page, by the name of its region."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.name, self.cell = "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.name = dict(attrs).get("aria-label", self.name) if tag == "div" else self.name
        if tag == "tr":
            self.found.setdefault(self.name, []).append([])
        if tag in ("td", "th"):
            self.cell = True
            self.found[self.name][-1].append("")

    def handle_endtag(self, tag):
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self.cell:
            self.found[self.name][-1][-1] += data.strip()


def rows(text: str, name: str) -> list[dict[str, str]]:
    head, *body = Tables(text).found[name]
    return [dict(zip(head, row, strict=True)) for row in body]


def small(root: Path, seeds: int = 1) -> dict:
    """Some runs of each kind, with results, in a root."""
    content = grid.params(seeds)
    content["runs"] = {n: r for n, r in content["runs"].items() if n[:-1] + "0" in FEW}
    grid.write(root, content)
    return content


def metrics(root: Path, run: str) -> Path:
    return root / folders.evaluated(grid.GRID, run) / "metrics.json"


def record(root: Path, run: str) -> Path:
    return root / folders.record(grid.GRID, run) / "record.json"


def score(root: Path, run: str, metric: str, **changed) -> None:
    content = json.loads(metrics(root, run).read_text())
    content["metrics"][metric] |= changed
    grid.save(metrics(root, run), content)


def drawn(text: str) -> dict:
    """The charts of a page by name."""
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])["charts"]
