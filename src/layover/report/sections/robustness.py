"""Robustness: scores on perturbed test sets, and the change of each gain there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.plan.nodes import Group
from layover.records import Record
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
    findings_of,
    once,
)
from layover.report.main_table import MISSING, NOTHING
from layover.report.perturbed import PerturbedScores
from layover.report.rows import (
    OTHER_LANGUAGES,
    CellRow,
    Spread,
    difference,
    spread,
    without_repeats,
    zero_shot_targets,
)
from layover.report.seed_scores import Scored, seed_scores
from layover.statistics import Finding, SeedScores, paired

EXPLAINED = (
    "Scores on test sets with changed texts: the same items and the same gold, the same changes in every cell. *drop*: "
    "the perturbed score minus the clean score, paired by seed; mean ± standard deviation over seeds. *change of the "
    "gain*: the gain over no intermediate on the perturbed texts minus the gain on the clean texts, paired by seed and "
    "by item. "
    "▲ marks a gain that is larger on perturbed texts and ▼ one that is smaller: p < 0.05, adjusted for all "
    "perturbations and comparisons {family}. Scores are over the zero-shot languages; a target without any has all its "
    "languages. *words changed*: percent of the words that a perturbation can change. An attack (`fgsm-0.1`, "
    "`pgd-0.1`) changes no words: it knows the gold, and moves the embeddings of a test input against it, by this "
    "share of their size."
)
HEADERS = [
    "model",
    "method",
    "intermediate",
    "target",
    "perturbation",
    "words changed",
    "clean",
    "perturbed",
    "drop",
    "change of the gain",
]
Name = tuple[Group, str]
"""A group, and the label of a perturbation."""


@dataclass(frozen=True)
class Robustness:
    """One group of seeds under one perturbation."""

    group: Group
    perturbation: str
    metric: str
    languages: str
    """`all` or `zero-shot`."""
    changed: float | None
    """Percent of the words that changed, the mean over languages; None if no word can change, or without scores."""
    clean: Spread | None
    """The scores of the seeds that have both scores."""
    perturbed: Spread | None
    drop: Spread | None
    reason: str
    """Reason why the scores are missing, for all seeds or for some of them."""
    gains: tuple[float, float] | None
    """The gains on clean and on perturbed texts; None if one of them is unknown."""
    finding: Finding | None
    """The second gain minus the first."""
    family: int
    """Number of comparisons in its family that can be marked."""


@dataclass(frozen=True)
class _Seed:
    """One cell under one perturbation."""

    row: CellRow
    scores: PerturbedScores

    def sides(self) -> tuple[tuple[Scored, Scored], tuple[Scored, Scored]] | None:
        """Return cell and baseline on perturbed texts, then on clean texts; None if a score is missing."""
        row, scores = self.row, self.scores
        if scores.record is None or scores.baseline is None or row.record is None or row.baseline is None:
            return None
        perturbed = (scores.record, scores.items), (scores.baseline, scores.baseline_items)
        return perturbed, ((row.record, row.items), (row.baseline, row.baseline_items))


@once
def robustness(rows: Sequence[CellRow]) -> list[Robustness]:
    """Return the results of all groups under all perturbations, in the order of the sweep."""
    far, seeds = zero_shot_targets(rows), dict[Name, list[_Seed]]()
    for row in rows:
        for label, scores in row.perturbed.items():
            seeds.setdefault((row.cell.group, label), []).append(_Seed(row, scores))
    compared = {
        name: comparison
        for name, every in seeds.items()
        if (comparison := _compared(every, zero_shot=name[0][3] in far)) is not None
    }
    known = findings_of(rows, {name: each for name, (each, _) in compared.items()}, lambda name: name[0])
    made = []
    for name, every in seeds.items():
        finding, size = known.get(name, (None, 0))
        gains = compared[name][1] if name in compared else None
        made.append(_result(name, every, gains, finding, size, zero_shot=name[0][3] in far))
    return made


def _result(
    name: Name,
    seeds: Sequence[_Seed],
    gains: tuple[float, float] | None,
    finding: Finding | None,
    size: int,
    *,
    zero_shot: bool,
) -> Robustness:
    (group, label), metric = name, seeds[0].row.metric
    members = without_repeats([each.row for each in seeds])
    pairs, reasons = list[tuple[float, float]](), list[str]()
    for row in members:
        own = row.perturbed[label].record
        drop = difference(own, row.record, metric, zero_shot=zero_shot)
        if isinstance(drop, str) or own is None or row.record is None:
            reasons.append(str(drop))
            continue
        clean = row.record.mean(metric, zero_shot=zero_shot)
        pairs += [] if clean is None else [(clean, clean + drop)]
    failed = any(row.perturbed[label].failure is not None for row in members)
    reason = OTHER_LANGUAGES if OTHER_LANGUAGES in reasons else "failed" if failed else MISSING if reasons else ""
    return Robustness(
        group=group,
        perturbation=label,
        metric=metric,
        languages=ZERO_SHOT if zero_shot else ALL,
        changed=_changed([row.perturbed[label].record for row in members], zero_shot=zero_shot),
        clean=spread([clean for clean, _ in pairs]),
        perturbed=spread([perturbed for _, perturbed in pairs]),
        drop=spread([perturbed - clean for clean, perturbed in pairs]),
        reason=reason,
        gains=gains,
        finding=finding,
        family=size,
    )


def _changed(records: Sequence[Record | None], *, zero_shot: bool) -> float | None:
    """Return the percentage of words that changed, the mean over languages with such words; equal for all seeds."""
    for record in records:
        if record is not None and record.perturbed is not None:
            changes, names = record.perturbed, record.averaged(zero_shot=zero_shot)
            shares = [100 * changes.changed[name] / changes.words[name] for name in names if changes.words.get(name)]
            return fmean(shares) if shares else None
    return None


def _compared(seeds: Sequence[_Seed], *, zero_shot: bool) -> tuple[Compared, tuple[float, float]] | None:
    """Return the gain on perturbed texts minus the gain on clean texts, and both gains; None if one is unknown.

    Only seeds with all four scores count, over the same languages.
    """
    whole = [(each, sides) for each in seeds if (sides := each.sides()) is not None]
    languages = {frozenset(record.averaged(zero_shot=zero_shot)) for record in _records(sides for _, sides in whole)}
    if len(languages) != 1 or languages == {frozenset()}:
        return None
    row = whole[0][0].row
    perturbed, clean = (_gain(row, [sides[place] for _, sides in whole], zero_shot=zero_shot) for place in (0, 1))
    cells = [(each.row.cell, each.scores) for each, _ in whole]
    work = tuple((scores.key, scores.baseline_key, cell.score, cell.baseline) for cell, scores in cells)
    gains = float(clean.seeds.mean()), float(perturbed.seeds.mean())
    return Compared(paired([(1.0, perturbed), (-1.0, clean)]), work), gains


def _records(every: Iterator[tuple[tuple[Scored, Scored], tuple[Scored, Scored]]]) -> Iterator[Record]:
    yield from (record for sides in every for side in sides for record, _ in side)


def _gain(row: CellRow, pairs: Sequence[tuple[Scored, Scored]], *, zero_shot: bool) -> SeedScores:
    """Return the gains of the seeds on clean or on perturbed texts, as scores."""
    sides = []
    for place, seeded in enumerate((row.cell.seeded, row.cell.baseline_seeded)):
        scored = [pair[place] for pair in pairs]
        sides.append(seed_scores(scored if seeded else scored[:1], row.metric, zero_shot=zero_shot, seeded=seeded))
    return sides[0].minus(sides[1])


def cells(entries: Sequence[Robustness]) -> list[list[str]]:
    """Return the lines of the table."""
    return [
        [
            *each.group,
            each.perturbation,
            NOTHING if each.changed is None else f"{each.changed:.1f}",
            *([each.clean.text(), each.perturbed.text()] if each.clean and each.perturbed else [each.reason] * 2),
            _drop_text(each),
            NOTHING if each.finding is None else finding_text(each.finding),
        ]
        for each in entries
    ]


def _drop_text(each: Robustness) -> str:
    """Return `-8.0 ± 2.0`, and the reason if some seeds are missing."""
    if each.drop is None:
        return NOTHING
    text = each.drop.text(plus=True)
    return f"{text} over {each.drop.seeds()}, others {each.reason}" if each.reason else text


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per group of seeds and perturbation."""
    entries = robustness(rows)
    if not entries:
        return False
    with csv_file(path) as writerow:
        scores = ["seeds", "words_changed", "clean", "perturbed", "drop", "gain_clean", "gain_perturbed"]
        names = [*GROUP_AXES, "perturbation", "metric", "languages"]
        writerow([*names, *scores, *finding_values(None), "family", "reason"])
        for each in entries:
            spreads = (each.clean, each.perturbed, each.drop)
            means = [None if value is None else value.mean for value in spreads]
            seeds = 0 if each.drop is None else each.drop.count
            values = [
                seeds,
                each.changed,
                *means,
                *(each.gains or (None, None)),
                *finding_values(each.finding).values(),
            ]
            writerow([*each.group, each.perturbation, each.metric, each.languages, *values, each.family, each.reason])
    return True


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    entries = robustness(rows)
    if not entries:
        return []
    text = EXPLAINED.format(family=family_name(family_axes(rows)))
    return ["## Robustness", text, markdown_table(HEADERS, cells(entries))]


SECTION = Section(17, whole=_whole, file="robustness.csv", write=write)
