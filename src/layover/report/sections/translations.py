"""Consistency: how often the translations of one item have the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from layover.escape import csv_file, inline, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.main_table import NOTHING
from layover.report.rows import CellRow, by_group, without_repeats

EXPLAINED = (
    "The test items of these languages have the same id or line, and the same gold: they translate each other. "
    "*same answer*: the share of items with the same answer as in the language of the training data, the mean over "
    "the other languages; *lowest*: the language with the smallest share. *in all*: the share of items with the "
    "same answer, and with the right answer, in all languages. Percent, mean over seeds; only items with equal gold"
    " count."
)
HEADERS = [
    "model",
    "method",
    "intermediate",
    "same answer",
    "lowest",
    "same in all",
    "right in all",
    "languages",
]


def cells(rows: Sequence[CellRow], target: str) -> list[list[str]]:
    """Return the lines of the table of one target."""
    lines = []
    for group, every in by_group([row for row in rows if row.cell.target == target]).items():
        seeds = [row.breakdown for row in without_repeats(every) if row.breakdown is not None]
        by_language: dict[str, list[float]] = {}
        for each in seeds:
            for language, agreement in each.translations.items():
                by_language.setdefault(language, []).append(percent(agreement.same, agreement.items))
        if not by_language:
            continue
        same = {language: fmean(values) for language, values in by_language.items()}
        lowest = min(same, key=lambda language: same[language])
        everywhere = [each.everywhere for each in seeds if each.everywhere is not None and each.everywhere.items]
        all_same = [percent(agreement.same, agreement.items) for agreement in everywhere]
        all_right = [percent(agreement.right, agreement.items) for agreement in everywhere]
        shares = [f"{fmean(values):.1f}" if values else NOTHING for values in (all_same, all_right)]
        lines.append([*group, f"{fmean(same.values()):.1f}", f"{lowest} {same[lowest]:.1f}", *shares, str(len(same))])
    return lines


def percent(count: int, items: int) -> float:
    """Return a percentage of items."""
    return 100 * count / items


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per cell and language, and one for all languages together (`all`)."""
    known = [(row, row.breakdown) for row in rows if row.breakdown is not None and row.breakdown.translations]
    if not known:
        return False
    with csv_file(path) as writerow:
        writerow(["model", "method", "intermediate", "target", "seed", "language", "items", "same", "right"])
        for row, parts in known:
            agreements = {**parts.translations}
            if parts.everywhere is not None:
                agreements["all"] = parts.everywhere
            for language, each in agreements.items():
                writerow([*row.cell.group, row.cell.seed, language, each.items, each.same, each.right])
    return True


def _target(_plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    lines = cells(rows, target)
    return [f"### {inline(target)}: translations", EXPLAINED, markdown_table(HEADERS, lines)] if lines else []


SECTION = Section(37, target=_target, file="translations.csv", write=write)
