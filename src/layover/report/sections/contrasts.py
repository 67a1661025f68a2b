"""The contrast of models: each model minus the first one, with the same method, intermediate and target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.plan.nodes import Group
from layover.report._section import Section
from layover.report.gains import (
    ALL,
    ZERO_SHOT,
    Compared,
    family_axes,
    family_name,
    finding_text,
    finding_values,
    findings,
    once,
)
from layover.report.rows import CellRow, without_repeats, zero_shot_targets
from layover.report.seed_scores import seed_scores
from layover.statistics import Finding, SeedScores, unpaired

EXPLAINED = (
    "Each model minus the first model of the sweep. Trainings of two models are not paired (Welch), test items are. "
    "Brackets contain the 95 % interval, ▲ and ▼ mark p < 0.05, adjusted for all comparisons {family}. The means "
    "are over the zero-shot languages; a target without any has the mean over all its languages."
)
HEADERS = ["models", "method", "intermediate", "target", "difference"]


@dataclass(frozen=True)
class Contrast:
    """The difference of two models."""

    group: Group
    first: str
    """The other model."""
    languages: str
    """`all` or `zero-shot`."""
    finding: Finding


@once
def contrasts(rows: Sequence[CellRow]) -> list[Contrast]:
    """Return the contrasts of all groups that both models have, scored over the same languages."""
    models = list(dict.fromkeys(row.cell.model for row in rows))
    if len(models) < 2:
        return []
    groups: dict[Group, list[CellRow]] = {}
    for row in rows:
        if row.record is not None:
            groups.setdefault(row.cell.group, []).append(row)
    far, differences = zero_shot_targets(rows), {}
    for group, own in groups.items():
        first, zero_shot = groups.get((models[0], *group[1:]), []), group[3] in far
        if group[0] != models[0] and _comparable(own, first, zero_shot=zero_shot):
            sides = [_scores(side, zero_shot=zero_shot) for side in (own, first)]
            keys = tuple(tuple(row.cell.score for row in side) for side in (own, first))
            differences[group] = Compared(unpaired([(1.0, sides[0]), (-1.0, sides[1])]), keys)
    return [
        Contrast(group, models[0], ZERO_SHOT if group[3] in far else ALL, finding)
        for group, (finding, _) in findings(rows, differences).items()
    ]


def _comparable(own: Sequence[CellRow], first: Sequence[CellRow], *, zero_shot: bool) -> bool:
    """Return whether both models are scored, over the same languages in every seed."""
    records = [row.record for row in (*own, *first) if row.record is not None]
    languages = {frozenset(record.averaged(zero_shot=zero_shot)) for record in records}
    return bool(first) and len(languages) == 1 and languages != {frozenset()}


def _scores(rows: Sequence[CellRow], *, zero_shot: bool) -> SeedScores:
    members = without_repeats(list(rows))
    scored = [(row.record, row.items) for row in members if row.record is not None]
    return seed_scores(scored, members[0].metric, zero_shot=zero_shot, seeded=members[0].cell.seeded)


def cells(rows: Sequence[CellRow]) -> list[list[str]]:
    """Return the lines of the table."""
    return [
        [f"{each.group[0]} - {each.first}", *each.group[1:], finding_text(each.finding)] for each in contrasts(rows)
    ]


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per contrast."""
    every = contrasts(rows)
    if not every:
        return False
    with csv_file(path) as writerow:
        writerow(["model", "first", *HEADERS[1:4], "languages", *finding_values(None)])
        for each in every:
            names = [each.group[0], each.first, *each.group[1:], each.languages]
            writerow([*names, *finding_values(each.finding).values()])
    return True


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    lines = cells(rows)
    models = list(dict.fromkeys(row.cell.model for row in rows))
    others = {row.cell.group for row in rows if row.cell.model != models[0]}
    left_out = len(others) - len(lines)
    remarks = [f"Left out: {left_out} groups that one model lacks, or that are scored over other languages."]
    if not lines:
        return []
    text = EXPLAINED.format(family=family_name(family_axes(rows)))
    return ["## Models", text, markdown_table(HEADERS, lines), *(remarks if left_out else [])]


SECTION = Section(14, whole=_whole, file="models.csv", write=write)
