"""The contrast of models: each model minus the first one, with the same method, intermediate and target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.compared import seed_scores
from layover.report.gains import finding_text
from layover.report.rows import CellRow, without_repeats
from layover.statistics import Finding, SeedScores, family, unpaired

EXPLAINED = (
    "Each model minus the first model of the sweep. Trainings of two models are not paired (Welch), test items are. "
    "Brackets contain the 95 % interval, ▲ and ▼ mark p < 0.05, adjusted for all comparisons of the target. The means "
    "are over the zero-shot languages; a target without any has the mean over all its languages."
)
HEADERS = ["models", "method", "intermediate", "target", "difference"]


@dataclass(frozen=True)
class Contrast:
    """The difference of two models."""

    model: str
    first: str
    method: str
    intermediate: str
    target: str
    languages: str
    """`all` or `zero-shot`."""
    finding: Finding


def contrasts(rows: Sequence[CellRow]) -> list[Contrast]:
    """Return the contrasts of all groups that both models have, scored over the same languages."""
    models = list(dict.fromkeys(row.cell.model for row in rows))
    if len(models) < 2:
        return []
    groups: dict[tuple[str, str, str, str], list[CellRow]] = {}
    for row in rows:
        if row.record is not None:
            cell = row.cell
            groups.setdefault((cell.target, cell.method, cell.intermediate, cell.model), []).append(row)
    made = []
    for target in dict.fromkeys(target for target, *_ in groups):
        pairs = [group for group in groups if group[0] == target and group[3] != models[0]]
        pairs = [group for group in pairs if _comparable(groups.get((*group[:3], models[0])), groups[group])]
        zero_shot = any(_far(groups[group]) for group in pairs)
        differences = []
        for group in pairs:
            sides = (groups[group], groups[*group[:3], models[0]])
            scores = [_scores(side, zero_shot=zero_shot) for side in sides]
            differences.append(unpaired(list(zip((1.0, -1.0), scores, strict=True))))
        for group, finding in zip(pairs, family(differences), strict=True):
            over = "zero-shot" if zero_shot else "all"
            made.append(Contrast(group[3], models[0], group[1], group[2], target, over, finding))
    return made


def _far(rows: Sequence[CellRow]) -> bool:
    return any(row.record is not None and row.record.averaged(zero_shot=True) for row in rows)


def _comparable(first: Sequence[CellRow] | None, second: Sequence[CellRow]) -> bool:
    """Return whether both models are scored, over the same languages in every seed."""
    if first is None:
        return False
    languages = {frozenset(row.record.scored()) for row in (*first, *second) if row.record is not None}
    return len(languages) == 1 and languages != {frozenset()}


def _scores(rows: Sequence[CellRow], *, zero_shot: bool) -> SeedScores:
    members = without_repeats(list(rows))
    scored = [(row.record, row.items) for row in members if row.record is not None]
    return seed_scores(scored, members[0].metric, zero_shot=zero_shot, seeded=members[0].cell.seeded)


def cells(rows: Sequence[CellRow]) -> list[list[str]]:
    """Return the lines of the table."""
    lines = []
    for each in contrasts(rows):
        names = [f"{each.model} - {each.first}", each.method, each.intermediate, each.target]
        lines.append([*names, finding_text(each.finding)])
    return lines


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per contrast."""
    every = contrasts(rows)
    if not every:
        return False
    with csv_file(path) as writerow:
        writerow(["model", "first", *HEADERS[1:4], "languages", "difference", "low", "high", "basis", "p", "mark"])
        for each in every:
            finding = each.finding
            low, high = ("", "") if finding.interval is None else map(repr, finding.interval)
            p = "" if finding.p is None else repr(finding.p)
            names = [each.model, each.first, each.method, each.intermediate, each.target, each.languages]
            writerow([*names, repr(finding.difference.mean), low, high, finding.basis, p, finding.mark])
    return True


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    lines = cells(rows)
    models = list(dict.fromkeys(row.cell.model for row in rows))
    others = {(row.cell.model, row.cell.method, row.cell.intermediate, row.cell.target) for row in rows}
    left_out = sum(group[0] != models[0] for group in others) - len(lines)
    remarks = [f"Left out: {left_out} groups that one model lacks, or that are scored over other languages."]
    return ["## Models", EXPLAINED, markdown_table(HEADERS, lines), *(remarks if left_out else [])] if lines else []


SECTION = Section(14, whole=_whole, file="models.csv", write=write)
