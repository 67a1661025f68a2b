"""Interactions: how much the gain of an intermediate depends on the method, or on the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.plan.nodes import Group
from layover.report._section import Section
from layover.report.gains import ALL, ZERO_SHOT, family_axes, family_name, finding_text, finding_values, findings
from layover.report.rows import CellRow, difference, zero_shot_targets
from layover.report.seed_scores import seed_scores
from layover.statistics import Finding, SeedScores, paired, unpaired

Factor = Literal["method", "model"]
FACTORS: tuple[Factor, ...] = ("method", "model")
MOST_SHOWN = 60
"""A longer table shows only the marked interactions."""
EXPLAINED = (
    "A difference of differences: the gain of an intermediate with one method minus its gain with the first method of "
    "the sweep, and the same for models. Gains of two methods are paired by seed, gains of two models are not (Welch); "
    "test items are paired. ▲ marks a larger gain and ▼ a smaller gain: p < 0.05, adjusted for all interactions "
    "{family}. Gains are over the zero-shot languages; a target without any has all its languages."
)
HEADERS = ["factor", "compared", "model", "method", "intermediate", "target", "difference of gains"]


@dataclass(frozen=True)
class Interaction:
    """The difference of two gains."""

    factor: Factor
    group: Group
    """The group with the second value of the factor."""
    first: str
    """The first value of the factor."""
    languages: str
    """`all` or `zero-shot`."""
    finding: Finding
    family: int
    """Number of interactions in its family that can be marked."""


def interactions(rows: Sequence[CellRow]) -> list[Interaction]:
    """Return the interactions of all groups whose gain is known for both values of a factor."""
    far = zero_shot_targets(rows)
    gains = _gains_by_seed(rows, far)
    made = []
    for factor in FACTORS:
        place = ("model", "method").index(factor)
        values = list(dict.fromkeys(getattr(row.cell, factor) for row in rows))
        differences = {}
        for group, own in gains.items():
            other = gains.get((*group[:place], values[0], *group[place + 1 :]), {})
            terms = _terms(own, other, same_seeds=factor == "method") if group[place] != values[0] else None
            if terms is not None:
                differences[group] = (paired if factor == "method" else unpaired)(terms)
        made += [
            Interaction(factor, group, values[0], ZERO_SHOT if group[3] in far else ALL, finding, size)
            for group, (finding, size) in findings(rows, differences).items()
        ]
    return made


Gains = Mapping[int, CellRow]
"""Seed -> a cell whose gain is known."""


def _gains_by_seed(rows: Sequence[CellRow], far: set[str]) -> dict[Group, dict[int, CellRow]]:
    """Return the cells with a known gain by group and seed."""
    gains: dict[Group, dict[int, CellRow]] = {}
    for row in rows:
        known = difference(row.record, row.baseline, row.metric, zero_shot=row.cell.target in far)
        if not isinstance(known, str):
            gains.setdefault(row.cell.group, {})[row.cell.seed] = row
    return gains


def _terms(own: Gains, other: Gains, *, same_seeds: bool) -> list[tuple[float, SeedScores]] | None:
    """Return weight and gains of both sides; None if they have no seed in common, or other languages."""
    if same_seeds:
        common = [seed for seed in own if seed in other]
        own, other = ({seed: side[seed] for seed in common} for side in (own, other))
    languages = {
        frozenset(row.record.scored()) for side in (own, other) for row in side.values() if row.record is not None
    }
    if not own or not other or len(languages) > 1:
        return None
    return [(1.0, _scores(own)), (-1.0, _scores(other))]


def _scores(side: Gains) -> SeedScores:
    """Return the gains of a group as scores."""
    rows = list(side.values())
    cell = rows[0].cell
    zero_shot = any(row.record is not None and row.record.averaged(zero_shot=True) for row in rows)
    own = [(row.record, row.items) for row in rows if row.record is not None]
    none = [(row.baseline, row.baseline_items) for row in rows if row.baseline is not None]
    metric = rows[0].metric
    scores = seed_scores(own if cell.seeded else own[:1], metric, zero_shot=zero_shot, seeded=cell.seeded)
    seeded = cell.baseline_seeded
    without = seed_scores(none if seeded else none[:1], metric, zero_shot=zero_shot, seeded=seeded)
    return scores.minus(without)


def cells(entries: Sequence[Interaction]) -> list[list[str]]:
    """Return the lines of the table: all interactions, or the marked ones of many."""
    shown = entries if len(entries) <= MOST_SHOWN else [each for each in entries if each.finding.mark != "open"]
    return [[each.factor, f"{_value(each)} - {each.first}", *each.group, finding_text(each.finding)] for each in shown]


def _value(each: Interaction) -> str:
    return each.group[("model", "method").index(each.factor)]


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per interaction."""
    every = interactions(rows)
    if not every:
        return False
    with csv_file(path) as writerow:
        writerow(["factor", "first", *HEADERS[2:6], "languages", *finding_values(None), "family"])
        for each in every:
            values = finding_values(each.finding).values()
            writerow([each.factor, each.first, *each.group, each.languages, *values, each.family])
    return True


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    every = interactions(rows)
    if not every:
        return []
    lines = cells(every)
    parts = ["## Interactions", EXPLAINED.format(family=family_name(family_axes(rows)))]
    if len(lines) < len(every):
        parts.append(f"{len(lines)} of {len(every)} interactions are marked; `interactions.csv` has all.")
    return [*parts, markdown_table(HEADERS, lines)] if lines else parts


SECTION = Section(16, whole=_whole, file="interactions.csv", write=write)
