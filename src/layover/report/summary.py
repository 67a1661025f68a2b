"""The first table of a report: a score and the marked gain of each group of seeds, for every target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from layover.recipe import NO_INTERMEDIATE
from layover.report.gains import ARROWS, Gain, family_axes, family_name, gains, shown
from layover.report.main_table import MISSING, NOTHING
from layover.report.rows import CellRow, Spread, by_group, over_seeds, signed, without_repeats, zero_shot_targets
from layover.statistics import ENOUGH_SEEDS

NO_SCORE = "no score"
Group = tuple[str, str, str]
"""Model, method, intermediate."""


@dataclass(frozen=True)
class SummaryCell:
    """One group of seeds on one target."""

    spread: Spread | None
    """The mean score over languages; None if it is missing."""
    reason: str
    """The reason why there is no score."""
    gain: Gain | None
    """The gain over no intermediate; None if there is nothing to compare."""
    languages: frozenset[str] = frozenset()
    """The languages of the score."""
    seeded: bool = True
    """Whether the score depends on a seed."""
    best: bool = False
    """Whether no score of the target over the same languages is higher, after rounding."""

    def score(self) -> str:
        """Return `71.2`, or the reason why there is no score."""
        return self.reason if self.spread is None else f"{self.spread.mean:.1f}"

    def marked(self) -> str:
        """Return `▲+3.2` or `▼-1.4` for a gain or a loss, else an empty text."""
        if self.gain is None or self.gain.finding is None or self.gain.finding.mark == "open":
            return ""
        return f"{ARROWS[self.gain.finding.mark]}{signed(self.gain.finding.difference.mean)}"


@dataclass(frozen=True)
class Summary:
    """The first table."""

    targets: dict[str, str]
    """Target -> metric."""
    every: frozenset[str]
    """The targets without a zero-shot language: their scores and gains are over all languages."""
    lines: dict[Group, dict[str, SummaryCell]]
    gaps: dict[str, tuple[int, int]]
    """Target with languages without scores -> number of languages with scores, and of all languages."""
    seeds: tuple[int, int]
    """The smallest and the largest number of seeds of a score; 0 if nothing depends on a seed."""
    family: str
    """The comparisons that are one family: `with the same target`."""

    @property
    def models(self) -> list[str]:
        """The models, in the order of the sweep."""
        return list(dict.fromkeys(group[0] for group in self.lines))

    @property
    def folder(self) -> str:
        """The folder that all names of tasks have in common, `sandbox/`; empty without one."""
        names = [*self.targets, *(part for group in self.lines for part in group[2].split("+"))]
        folders = {name.partition("/")[0] for name in names if name != NO_INTERMEDIATE}
        return f"{folders.pop()}/" if len(folders) == 1 and all("/" in name for name in self.targets) else ""

    def short(self, name: str) -> str:
        """Return the name of a task or of several tasks, without the folder that all names have in common."""
        return "+".join(part.removeprefix(self.folder) for part in name.split("+"))

    def marks(self) -> set[str]:
        """Return the marks in the table."""
        cells = [cell for line in self.lines.values() for cell in line.values()]
        return {cell.gain.mark for cell in cells if cell.gain is not None}


def summary(rows: Sequence[CellRow]) -> Summary:
    """Return the first table: scores over the zero-shot languages, or over all languages of a target without these."""
    targets, far = {row.cell.target: row.metric for row in rows}, zero_shot_targets(rows)
    gain_of = {(*gain.group, gain.target): gain for gain in shown(gains(rows))}
    groups = by_group(rows)
    columns: dict[str, dict[Group, SummaryCell]] = {}
    for target in targets:
        seeds = {group: [row for row in members if row.cell.target == target] for group, members in groups.items()}
        columns[target] = _with_best(
            {group: _cell(own, gain_of.get((*group, target)), zero_shot=target in far) for group, own in seeds.items()}
        )
    cells = [cell for column in columns.values() for cell in column.values()]
    counts = [cell.spread.count for cell in cells if cell.spread is not None and cell.seeded]
    scored = {row.cell.target for row in rows if row.record is not None and row.record.scored()}
    return Summary(
        targets,
        frozenset(scored - far),
        {group: {target: columns[target][group] for target in targets} for group in groups},
        _gaps(rows),
        (min(counts, default=0), max(counts, default=0)),
        family_name(family_axes(rows)),
    )


def _with_best(column: dict[Group, SummaryCell]) -> dict[Group, SummaryCell]:
    """Return a column with its best scores marked, among those over the most languages."""
    widest = max((cell.languages for cell in column.values()), key=len)
    scores = {
        group: round(cell.spread.mean, 1)
        for group, cell in column.items()
        if cell.spread is not None and cell.languages == widest
    }
    highest = max(scores.values(), default=None)
    return {group: replace(cell, best=group in scores and scores[group] == highest) for group, cell in column.items()}


def _gaps(rows: Sequence[CellRow]) -> dict[str, tuple[int, int]]:
    """Return the smallest numbers of languages with scores, for the targets where languages lack scores."""
    counts: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.record is not None and len(row.record.scored()) < len(row.record.languages):
            count = len(row.record.scored()), len(row.record.languages)
            counts[row.cell.target] = min(count, counts.get(row.cell.target, count))
    return counts


def _cell(rows: Sequence[CellRow], gain: Gain | None, *, zero_shot: bool) -> SummaryCell:
    if not rows:
        return SummaryCell(None, NOTHING, None)
    members = without_repeats(list(rows))
    records = [row.record for row in members if row.record is not None]
    score, over = over_seeds(records, rows[0].metric, zero_shot=zero_shot)
    failed = any(row.failure is not None for row in rows)
    reason = "failed" if failed else MISSING if not records else over or NO_SCORE
    languages = frozenset(name for record in records for name in record.averaged(zero_shot=zero_shot))
    return SummaryCell(score, reason, gain, languages, rows[0].cell.seeded)


def explained(table: Summary) -> str:
    """Return what the numbers and marks of the table mean; it mentions only marks that the table has."""
    fewest, most = table.seeds
    seeds = f"{fewest} to {most} seeds" if fewest < most else f"{most} seed{'' if most == 1 else 's'}"
    over = f" and {seeds}" if most else ""
    parts = [f"Scores are percent: the mean over the zero-shot languages{over}."]
    if table.every:
        parts.append(f"All languages: {', '.join(sorted(table.every))} (none is zero-shot).")
    parts += [
        f"{target}: in some cells only {some} of {every} languages have scores."
        for target, (some, every) in table.gaps.items()
    ]
    if {"gain", "loss"} & table.marks():
        parts.append(
            "▲ is a gain and ▼ a loss over no intermediate, in points: p < 0.05 over trainings and test items, "
            f"adjusted for all comparisons {table.family}."
        )
    elif 0 < most < ENOUGH_SEEDS:
        parts.append("With fewer than three seeds no gain is marked.")
    return " ".join(parts)
