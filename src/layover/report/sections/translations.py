"""Consistency: how often the translations of one item have the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from layover.breakdown import Agreement
from layover.escape import csv_file, inline, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.rows import CellRow, by_group, spread, without_repeats

EXPLAINED = (
    "The test items of these languages are translations of each other. *same answer*: the share of items with the "
    "same answer as in the language of the training data, the mean over the other languages; *lowest*: the language "
    "with the smallest share. *everywhere*: the share of items with the same answer, and with the right answer, in "
    "all languages. Percent, mean over seeds; only items with equal gold count."
)
HEADERS = [
    "model",
    "method",
    "intermediate",
    "same answer",
    "lowest",
    "same everywhere",
    "right everywhere",
    "languages",
]
NOTHING = "–"


def share(count: int, items: int) -> float | None:
    """Return a percentage; None without items."""
    return 100 * count / items if items else None


def cells(rows: Sequence[CellRow], target: str) -> list[list[str]]:
    """Return the lines of the table of one target."""
    lines = []
    for group, every in by_group([row for row in rows if row.cell.target == target]).items():
        parts = [row.parts for row in without_repeats(every) if row.parts is not None and row.parts.translations]
        languages = sorted({language for part in parts for language in part.translations})
        if not languages:
            continue
        same = {
            language: _mean([part.translations[language] for part in parts if language in part.translations])
            for language in languages
        }
        known = {language: value for language, value in same.items() if value is not None}
        if not known:
            continue
        lowest = min(known, key=lambda language: known[language])
        everywhere = [part.everywhere for part in parts if part.everywhere is not None]
        lines.append(
            [
                *group,
                f"{sum(known.values()) / len(known):.1f}",
                f"{lowest} {known[lowest]:.1f}",
                _text(_mean(everywhere)),
                _text(_mean(everywhere, right=True)),
                str(len(known)),
            ]
        )
    return lines


def _mean(agreements: Sequence[Agreement], *, right: bool = False) -> float | None:
    """Return the mean share over seeds."""
    shares = [share(each.right if right else each.same, each.items) for each in agreements]
    mean = spread([value for value in shares if value is not None])
    return None if mean is None else mean.mean


def _text(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per cell and language, and one for all languages together (`everywhere`)."""
    known = [(row, row.parts) for row in rows if row.parts is not None and row.parts.translations]
    if not known:
        return False
    with csv_file(path) as writerow:
        writerow(["model", "method", "intermediate", "target", "seed", "language", "items", "same", "right"])
        for row, parts in known:
            agreements = {**parts.translations}
            if parts.everywhere is not None:
                agreements["everywhere"] = parts.everywhere
            for language, each in agreements.items():
                writerow([*row.cell.group, row.cell.seed, language, each.items, each.same, each.right])
    return True


def _target(_plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    lines = cells(rows, target)
    return [f"### {inline(target)}: translations", EXPLAINED, markdown_table(HEADERS, lines)] if lines else []


SECTION = Section(37, target=_target, file="translations.csv", write=write)
