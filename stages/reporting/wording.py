"""Numbers as people read them: units, intervals as they are, the mark of chance."""

from __future__ import annotations

from collections.abc import Sequence

from lazyleap.report import Cell, Column, Measure, Unit
from lazyleap.results import Score

DASH = "–"


def scaled(value: float, of: Measure | Column) -> float:
    """A value in the unit it is shown in: fractions as percent."""
    return 100 * value if of.unit == "%" else value


def unit_title(of: Measure | Column) -> str:
    """A title with its unit."""
    return f"{of.title} ({of.unit})" if of.unit not in ("", "queries") else of.title


def number(value: float, unit: Unit) -> str:
    """A number without its unit, with as many digits as mean something."""
    if unit == "%":
        return f"{100 * value:.1f}"
    if isinstance(value, int) or unit == "MiB":
        return f"{value:,.0f}"
    if unit in ("s", "queries"):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
    return f"{value:.4g}"


def shown(cell: Cell, unit: Unit) -> str:
    """A cell without its unit: an interval as ``value (low .. high)``; a dash for nothing."""
    if cell is None:
        return DASH
    if isinstance(cell, str):
        return cell
    if not isinstance(cell, Score):
        return number(cell, unit)
    plus = "+" if cell.signed and cell.value > 0 else ""
    ends = "" if cell.low is None or cell.high is None else _ends(cell.low, cell.high, unit)
    mark = f", {cell.chance}" if cell.chance else ""
    return f"{plus}{number(cell.value, unit)}{ends}{mark}".replace("-", "\N{MINUS SIGN}")


def _ends(low: float, high: float, unit: Unit) -> str:
    return f" ({number(low, unit)} .. {number(high, unit)})"


def said(score: Score, measure: Measure) -> str:
    """A score in a sentence, with its unit."""
    unit = f" {measure.unit}" if measure.unit else ""
    return f"{shown(score, measure.unit)}{unit}"


def listed(words: Sequence[str], most: int = 4) -> str:
    """Some words in a row, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def plural(count: int, word: str) -> str:
    """``1 seed``, ``2 seeds``; of a word that adds s."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def capital(words: str) -> str:
    """With a capital letter at the start of a sentence."""
    return words[:1].upper() + words[1:]
