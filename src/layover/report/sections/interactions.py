"""Interactions: how much the gain of an intermediate depends on the method, or on the model."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.plan.nodes import Group
from layover.report._section import Section
from layover.report.gains import (
    ALL,
    GROUP_AXES,
    ZERO_SHOT,
    Compared,
    family_axes,
    family_name,
    finding_text,
    finding_values,
    findings,
    once,
)
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


@once
def interactions(rows: Sequence[CellRow]) -> list[Interaction]:
    """Return the interactions of all groups whose gain is known for both values of a factor."""
    far = zero_shot_targets(rows)
    gains = _gains_by_seed(rows)
    scores = ScoredGains()
    made = []
    for factor in FACTORS:
        first = first_of(factor, rows)
        compared = {}
        for group, own in gains.items():
            other = gains.get(_with(group, factor, first), {})
            zero_shot = group[3] in far
            if (
                _value(group, factor) != first
                and (each := _compared(own, other, factor, scores, zero_shot=zero_shot)) is not None
            ):
                compared[group] = each
        made += [
            Interaction(factor, group, first, ZERO_SHOT if group[3] in far else ALL, finding, size)
            for group, (finding, size) in findings(rows, compared).items()
        ]
    return made


def left_out(rows: Sequence[CellRow], made: Sequence[Interaction]) -> int:
    """Return the number of known gains that are compared with no other gain of a factor that varies."""
    gains = _gains_by_seed(rows)
    others = {
        (factor, group) for factor in FACTORS for group in gains if _value(group, factor) != first_of(factor, rows)
    }
    return len(others - {(each.factor, each.group) for each in made})


def first_of(factor: Factor, rows: Sequence[CellRow]) -> str:
    """Return the first method or model of the sweep."""
    return _value(rows[0].cell.group, factor)


def _value(group: Group, factor: Factor) -> str:
    return group[GROUP_AXES.index(factor)]


def _with(group: Group, factor: Factor, value: str) -> Group:
    model, method, intermediate, target = group
    return (value, method, intermediate, target) if factor == "model" else (model, value, intermediate, target)


Gains = Mapping[int, CellRow]
"""Seed -> a cell whose gain is known."""


@once
def _gains_by_seed(rows: Sequence[CellRow]) -> dict[Group, dict[int, CellRow]]:
    """Return the cells with a known gain by group and seed."""
    far = zero_shot_targets(rows)
    gains: dict[Group, dict[int, CellRow]] = {}
    for row in rows:
        known = difference(row.record, row.baseline, row.metric, zero_shot=row.cell.target in far)
        if not isinstance(known, str):
            gains.setdefault(row.cell.group, {})[row.cell.seed] = row
    return gains


def _compared(own: Gains, other: Gains, factor: Factor, scores: ScoredGains, *, zero_shot: bool) -> Compared | None:
    """Return the difference of two gains; None if they have no seed in common, or other languages.

    The seeds of two methods are paired, those of two models are not.
    """
    if factor == "method":
        common = [seed for seed in own if seed in other]
        own, other = ({seed: side[seed] for seed in common} for side in (own, other))
    sides = list(own.values()), list(other.values())
    languages = {
        frozenset(row.record.averaged(zero_shot=zero_shot)) for side in sides for row in side if row.record is not None
    }
    if not own or not other or len(languages) > 1:
        return None
    terms = [(weight, scores.of(side, zero_shot=zero_shot)) for weight, side in zip((1.0, -1.0), sides, strict=True)]
    return Compared((paired if factor == "method" else unpaired)(terms), tuple(map(_work, sides)))


def _work(rows: Sequence[CellRow]) -> Hashable:
    return tuple((row.cell.score, row.cell.baseline) for row in rows)


class ScoredGains:
    """The gains of groups as scores. A group is compared with several others, and computed once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, SeedScores] = {}

    def of(self, rows: Sequence[CellRow], *, zero_shot: bool) -> SeedScores:
        """Return the gains of the seeds of a group."""
        key = rows[0].cell.group, _work(rows), zero_shot
        if key not in self._known:
            self._known[key] = _scores(rows, zero_shot=zero_shot)
        return self._known[key]


def _scores(rows: Sequence[CellRow], *, zero_shot: bool) -> SeedScores:
    """Return the gains of a group as scores."""
    cell, metric = rows[0].cell, rows[0].metric
    own = [(row.record, row.items) for row in rows if row.record is not None]
    none = [(row.baseline, row.baseline_items) for row in rows if row.baseline is not None]
    scores = seed_scores(own if cell.seeded else own[:1], metric, zero_shot=zero_shot, seeded=cell.seeded)
    seeded = cell.baseline_seeded
    without = seed_scores(none if seeded else none[:1], metric, zero_shot=zero_shot, seeded=seeded)
    return scores.minus(without)


def cells(entries: Sequence[Interaction]) -> list[list[str]]:
    """Return the lines of the table: all interactions, or the marked ones of many."""
    shown = entries if len(entries) <= MOST_SHOWN else [each for each in entries if each.finding.mark != "open"]
    return [
        [each.factor, f"{_value(each.group, each.factor)} - {each.first}", *each.group, finding_text(each.finding)]
        for each in shown
    ]


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
    if count := left_out(rows, every):
        parts.append(f"Left out (the first method or model lacks them, or has other languages or seeds): {count}.")
    return [*parts, markdown_table(HEADERS, lines)] if lines else parts


SECTION = Section(16, whole=_whole, file="interactions.csv", write=write)
