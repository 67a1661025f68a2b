"""Scores by the length of the input, and by the window that contains the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from layover.breakdown import PartScore, bin_name
from layover.escape import csv_file, inline, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.main_table import NOTHING
from layover.report.rows import CellRow, by_group, shared, spread, without_repeats, zero_shot_targets

LENGTHS, WINDOWS = "length", "window"
EXPLAINED = {
    LENGTHS: (
        "The scores of inputs of each length in tokens, special tokens included, before an input is cut at "
        "`max_length`. *n*: examples of these languages; *cut*: those that lost their end or were read in windows."
    ),
    WINDOWS: (
        "The scores of questions whose whole answer is in the first window of the text, and of those whose answer is "
        "in a later window. Questions without an answer, and answers that fit in no window, are left out. *n*: "
        "questions of these languages; *cut*: those whose text has more than one window."
    ),
}
OVER = "Each score is the mean over the languages ({languages}), weighted by examples, and over seeds."


@dataclass(frozen=True)
class PartTotal:
    """One part over several languages."""

    examples: int
    cut: int
    score: float | None
    """The mean over languages, weighted by examples; None if no language has a score."""
    known: int
    """Number of languages with a score of this part."""
    languages: int
    """Number of languages with examples of this part."""


def parts_of(row: CellRow, of: str, language: str) -> Mapping[int, PartScore] | Mapping[str, PartScore]:
    """Return the parts of a language; empty if a cell is missing or has none.

    Args:
        row: A row.
        of: `length` or `window`.
        language: Name of the language.
    """
    if row.breakdown is None:
        return {}
    return (row.breakdown.windows if of == WINDOWS else row.breakdown.lengths).get(language, {})


@cache
def _name(part: int | str) -> str:
    return bin_name(part) if isinstance(part, int) else part


Totals = dict[int | str, PartTotal]
"""The end of a bin, or the name of a window -> its total."""


def totals(rows: Sequence[CellRow], of: str, *, zero_shot: bool) -> tuple[list[Totals], str]:
    """Return the parts of each seed, and a remark on their languages if seeds have different ones.

    Only the languages that every seed has are averaged.

    Args:
        rows: The rows of the seeds of a group.
        of: `length` or `window`.
        zero_shot: Whether to average only zero-shot languages.
    """
    scored = [(row, row.record.averaged(zero_shot=zero_shot)) for row in rows if row.record is not None]
    common = shared([names for _, names in scored])
    each = []
    for row, _ in scored:
        members: dict[int | str, list[PartScore]] = {}
        for language in common:
            for name, part in parts_of(row, of, language).items():
                members.setdefault(name, []).append(part)
        each.append({name: _total(parts, row.metric) for name, parts in members.items()})
    same = all({*names} == {*common} for _, names in scored)
    count = f"{len(common)} language{'' if len(common) == 1 else 's'}"
    return each, "" if same else f" over the {count} that every seed has"


def _total(parts: Sequence[PartScore], metric: str) -> PartTotal:
    known = [(part.examples, part.scores[metric]) for part in parts if part.scores is not None]
    weight = sum(count for count, _ in known)
    score = sum(count * value for count, value in known) / weight if weight else None
    examples, cut = sum(part.examples for part in parts), sum(part.cut for part in parts)
    return PartTotal(examples, cut, score, len(known), len(parts))


def cells(rows: Sequence[CellRow], target: str, of: str) -> tuple[list[str], list[list[str]]]:
    """Return headers and lines of the table; no lines if all examples are in one part.

    The headers have the numbers of examples, or the cells if these numbers differ between lines.
    """
    zero_shot = target in zero_shot_targets(rows)
    groups = {
        group: totals(without_repeats(every), of, zero_shot=zero_shot)
        for group, every in by_group([row for row in rows if row.cell.target == target]).items()
    }
    counts: dict[int | str, set[str]] = {}
    for seeds, _ in groups.values():
        for name in {name for each in seeds for name in each}:
            counts.setdefault(name, set()).add(_counted([each[name] for each in seeds if name in each]))
    order = sorted(counts, key=lambda name: (isinstance(name, str), name))
    if len(order) < 2:
        return [], []
    alike = {name for name in order if len(counts[name]) == 1}
    heads = [f"{_name(name)} ({next(iter(counts[name]))})" if name in alike else _name(name) for name in order]
    lines = [
        [*group, *(_score(seeds, name, counted=name not in alike) + over for name in order)]
        for group, (seeds, over) in groups.items()
        if any(seeds)
    ]
    return ["model", "method", "intermediate", *heads], lines


def _counted(seeds: Sequence[PartTotal]) -> str:
    """Return `n=40, 6 cut`."""
    most = max(seeds, key=lambda total: total.examples)
    return f"n={most.examples}" + (f", {most.cut} cut" if most.cut else "")


def _score(seeds: Sequence[Totals], name: int | str, *, counted: bool) -> str:
    """Return the mean over seeds, with a remark if some languages have no score of this part alone."""
    parts = [each[name] for each in seeds if name in each]
    mean = spread([part.score for part in parts if part.score is not None])
    if mean is None:
        return NOTHING
    known, languages = min((part.known, part.languages) for part in parts)
    remarks = [_counted(parts)] if counted else []
    remarks += [f"{known} of {languages} languages"] if known < languages else []
    return mean.text() + (f" ({', '.join(remarks)})" if remarks else "")


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per cell, language and part."""
    names: dict[tuple[str, str], set[int | str]] = {}
    for row in rows:
        for of, languages in _languages(row):
            names.setdefault((row.cell.target, of), set()).update(name for each in languages.values() for name in each)
    if not any(len(each) > 1 for each in names.values()):
        return False
    with csv_file(path) as writerow:
        heads = ["model", "method", "intermediate", "target", "seed", "language", "by", "part", "examples", "cut"]
        writerow([*heads, "metric", "score"])
        for row in rows:
            for of, languages in _languages(row):
                for language, parts in languages.items():
                    for name, part in parts.items():
                        score = None if part.scores is None else part.scores[row.metric]
                        values = [language, of, _name(name), part.examples, part.cut, row.metric, score]
                        writerow([*row.cell.group, row.cell.seed, *values])
    return True


Languages = Mapping[str, Mapping[int, PartScore]] | Mapping[str, Mapping[str, PartScore]]


def _languages(row: CellRow) -> list[tuple[str, Languages]]:
    """Return `length` and `window`, each with the parts of every language."""
    return [] if row.breakdown is None else [(LENGTHS, row.breakdown.lengths), (WINDOWS, row.breakdown.windows)]


def _target(_plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    sections = []
    over = "zero-shot" if target in zero_shot_targets(rows) else "all"
    for of, title in ((LENGTHS, "by length of the input"), (WINDOWS, "by window of the answer")):
        headers, lines = cells(rows, target, of)
        if lines:
            text = f"{EXPLAINED[of]} {OVER.format(languages=over)}"
            sections += [f"### {inline(target)}: {title}", text, markdown_table(headers, lines)]
    return sections


SECTION = Section(36, target=_target, file="lengths.csv", write=write)
