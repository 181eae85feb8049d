"""What the long run has done so far, on disk after each piece, and the page that says so."""

from __future__ import annotations

import json
import platform
import resource
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".scratch" / "faults.json"
PAGE = ROOT / "docs" / "reliability.md"
LOG = ROOT / "docs" / "results" / "faults.json"
MARK = "<!-- make faults -->"
FAULTS = ("lost", "differs", "traceback", "hangs", "else")  # the first word of a fault's sentence
HEAD = ("what", "times", "lost", "other bytes", "tracebacks", "hangs", "else", "peak MiB", "commit")


class Tally:
    """Counts and faults by what was attacked; what another commit did is done again."""

    def __init__(self) -> None:
        self.commit = _commit()
        found = json.loads(STATE.read_text()) if STATE.is_file() else {}
        self.found: dict[str, dict[str, Any]] = {
            what: entry for what, entry in found.items() if entry["commit"] == self.commit
        }

    def done(self, what: str, of: str = "count") -> int:
        """How often it was done."""
        return int(self.found.get(what, {}).get(of, 0))

    def add(self, what: str, count: int, *faults: str) -> None:
        """So many more, and what was wrong with some of them."""
        entry = self.found.setdefault(what, {"count": 0, "calls": 0, "faults": [], "mib": 0})
        entry |= {"commit": self.commit, "cpu": _processor()}
        entry["count"] += count
        entry["calls"] += 1
        entry["faults"] += [fault[:500] for fault in faults]
        entry["mib"] = max(_peak(), entry["mib"])
        STATE.parent.mkdir(parents=True, exist_ok=True)
        STATE.write_text(json.dumps(self.found, indent=1) + "\n")

    def faults(self) -> list[str]:
        """All sentences."""
        return [fault for entry in self.found.values() for fault in entry["faults"]]


def page(tally: Tally) -> None:
    """The table of what was run, below the mark of docs/reliability.md, and its log."""
    rows = [f"| {' | '.join(HEAD)} |", f"|---|{'---:|' * (len(HEAD) - 2)}---|"]
    for what, entry in tally.found.items():
        counts = [0] * len(FAULTS)
        for fault in entry["faults"]:
            word = fault.partition(":")[0]
            counts[FAULTS.index(word if word in FAULTS else "else")] += 1
        cells = [what, f"{entry['count']:,}", *map(str, counts), str(entry["mib"])]
        rows.append(f"| {' | '.join([*cells, entry['commit']])} |")
    above = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(f"{above}{MARK}\n\nOn {_processor()}.\n\n" + "\n".join(rows) + "\n")
    LOG.write_text(json.dumps(tally.found, indent=1) + "\n")
    print("\n".join([*rows, *tally.faults()]))


def _peak() -> int:
    """MiB, of this process or the largest that it started."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose) // 2**10


def _commit() -> str:
    changed = _git("status", "--porcelain", "--", "lazyleap", "stages", "pipeline", "tests/faults")
    return _git("rev-parse", "--short=10", "HEAD") + "-dirty" * bool(changed)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()
