"""How even a gain is over languages: its spread, the share of languages that it hurts, and the worst one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.plan.nodes import Group
from layover.report._section import Section
from layover.report.gains import once
from layover.report.rows import CellRow, signed

EXPLAINED = (
    "The gain over no intermediate in each zero-shot language, the mean over the seeds that both cells have. "
    "*deviation*: its standard deviation over languages. *hurt*: languages with a loss, of any size. These "
    "describe the trained models, without a test."
)
HEADERS = ["model", "method", "intermediate", "target", "gain", "deviation", "hurt", "worst language"]
ROUNDING = 1e-9
"""Smallest loss, in the unit of the metric: a smaller one is rounding."""


@dataclass(frozen=True)
class LanguageGains:
    """The gains of one group by language."""

    group: Group
    gains: dict[str, float]
    """Language -> mean difference over seeds, in the unit of the metric."""

    @property
    def mean(self) -> float:
        """The mean over languages."""
        return fmean(self.gains.values())

    @property
    def deviation(self) -> float | None:
        """The standard deviation over languages; None for one language."""
        return stdev(self.gains.values()) if len(self.gains) > 1 else None

    @property
    def hurt(self) -> int:
        """The number of languages with a loss."""
        return sum(value < -ROUNDING for value in self.gains.values())

    @property
    def worst(self) -> str:
        """The language with the lowest gain."""
        return min(self.gains, key=lambda language: self.gains[language])


@once
def language_gains(rows: Sequence[CellRow]) -> list[LanguageGains]:
    """Return the gains by language of each group with an intermediate and a zero-shot language."""
    differences: dict[Group, dict[str, list[float]]] = {}
    for row in rows:
        if row.record is None or row.baseline is None:
            continue
        by_language = differences.setdefault(row.cell.group, {})
        for language in row.record.averaged(zero_shot=True):
            own, other = (record.value(language, row.metric) for record in (row.record, row.baseline))
            if own is not None and other is not None:
                by_language.setdefault(language, []).append(own - other)
    return [
        LanguageGains(group, {language: fmean(values) for language, values in by_language.items()})
        for group, by_language in differences.items()
        if by_language
    ]


def cells(rows: Sequence[CellRow]) -> list[list[str]]:
    """Return the lines of the table."""
    lines = []
    for each in language_gains(rows):
        deviation = "–" if (known := each.deviation) is None else f"{known:.1f}"
        hurt = f"{each.hurt} of {len(each.gains)}"
        lines.append(
            [*each.group, signed(each.mean), deviation, hurt, f"{each.worst} {signed(each.gains[each.worst])}"]
        )
    return lines


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per group and language."""
    every = language_gains(rows)
    if not every:
        return False
    with csv_file(path) as writerow:
        writerow([*HEADERS[:4], "language", "gain"])
        for each in every:
            for language, value in sorted(each.gains.items()):
                writerow([*each.group, language, value])
    return True


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    lines = cells(rows)
    return ["## Gains by language", EXPLAINED, markdown_table(HEADERS, lines)] if lines else []


SECTION = Section(12, whole=_whole, file="language_gains.csv", write=write)
