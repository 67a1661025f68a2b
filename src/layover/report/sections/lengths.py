"""Scores by the length of the input, and by the window that contains the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.breakdown import FIRST_WINDOW, LATER_WINDOW, Part, bin_name
from layover.escape import csv_file, inline, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.rows import CellRow, by_group, spread, without_repeats, zero_shot_targets

LENGTHS, WINDOWS = "length", "answer"
EXPLAINED = {
    LENGTHS: (
        "The scores of inputs of each length in tokens, special tokens included, before an input is cut at "
        "`max_length`. *n*: examples of all languages; *cut*: those that lost their end or were read in windows."
    ),
    WINDOWS: (
        "The scores of questions whose answer is in the first window of the text, and of those whose answer is later. "
        "*n*: questions of all languages; *cut*: those whose text has more than one window."
    ),
}
OVER = "Each score is the mean over the languages ({languages}), weighted by examples, and over seeds."
NOTHING = "–"


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


def by_part(row: CellRow, of: str) -> dict[str, dict[str, Part]]:
    """Return language -> name of the part -> part; empty if a cell is missing or has none.

    Args:
        row: A row.
        of: `length` or `answer`.
    """
    if row.parts is None:
        return {}
    if of == WINDOWS:
        return {
            language: {name: parts[name] for name in (FIRST_WINDOW, LATER_WINDOW) if name in parts}
            for language, parts in row.parts.windows.items()
        }
    return {
        language: {bin_name(most): part for most, part in sorted(parts.items())}
        for language, parts in row.parts.lengths.items()
    }


def totals(row: CellRow, of: str, *, zero_shot: bool) -> dict[str, PartTotal]:
    """Return each part over the zero-shot languages, or over all languages."""
    languages = by_part(row, of)
    averaged = row.record.averaged(zero_shot=zero_shot) if row.record is not None else ()
    members: dict[str, list[Part]] = {}
    for language in averaged:
        for name, part in languages.get(language, {}).items():
            members.setdefault(name, []).append(part)
    return {name: _total(parts, row.metric) for name, parts in members.items()}


def _total(parts: Sequence[Part], metric: str) -> PartTotal:
    known = [(part.examples, part.scores[metric]) for part in parts if part.scores is not None]
    weight = sum(count for count, _ in known)
    score = sum(count * value for count, value in known) / weight if weight else None
    examples, cut = sum(part.examples for part in parts), sum(part.cut for part in parts)
    return PartTotal(examples, cut, score, len(known), len(parts))


def cells(rows: Sequence[CellRow], target: str, of: str) -> tuple[list[str], list[list[str]]]:
    """Return headers and lines of the table; no lines if all examples are in one part."""
    zero_shot = target in zero_shot_targets(rows)
    names: dict[str, PartTotal] = {}
    groups = {}
    for group, every in by_group([row for row in rows if row.cell.target == target]).items():
        known = [row for row in without_repeats(every) if row.parts is not None]
        groups[group] = [totals(row, of, zero_shot=zero_shot) for row in known]
        for each in groups[group]:
            names |= {name: total for name, total in each.items() if name not in names}
    order = sorted(names, key=_place)
    if len(order) < 2:
        return [], []
    headers = ["model", "method", "intermediate", *(_heading(name, names[name]) for name in order)]
    lines = [[*group, *(_score(each, name) for name in order)] for group, each in groups.items() if each]
    return headers, lines


def _place(name: str) -> tuple[int, str]:
    """Return the place of a part: bins by their first number, windows in their order."""
    first = name.partition("-")[0]
    return (int(first), "") if first.isdigit() else (0, name)


def _heading(name: str, total: PartTotal) -> str:
    cut = f", {total.cut} cut" if total.cut else ""
    return f"{name} (n={total.examples}{cut})"


def _score(seeds: Sequence[Mapping[str, PartTotal]], name: str) -> str:
    """Return the mean over seeds, with a remark if some languages have no score of this part alone."""
    parts = [each[name] for each in seeds if name in each]
    mean = spread([part.score for part in parts if part.score is not None])
    if mean is None:
        return NOTHING
    known, languages = min((part.known, part.languages) for part in parts)
    return mean.text() + (f" ({known} of {languages} languages)" if known < languages else "")


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per cell, language and part."""
    parts = [(row, of, by_part(row, of)) for row in rows for of in (LENGTHS, WINDOWS)]
    if not any(len(each) > 1 for _, _, languages in parts for each in languages.values()):
        return False
    with csv_file(path) as writerow:
        names = ["model", "method", "intermediate", "target", "seed", "language", "by", "part", "examples", "cut"]
        writerow([*names, "metric", "score"])
        for row, of, languages in parts:
            for language, each in languages.items():
                for name, part in each.items():
                    score = "" if part.scores is None else repr(part.scores[row.metric])
                    values = [*row.cell.group, row.cell.seed, language, of, name, part.examples, part.cut]
                    writerow([*values, row.metric, score])
    return True


def _target(_plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    sections = []
    over = "zero-shot" if target in zero_shot_targets(rows) else "all"
    for of, title in ((LENGTHS, "by length of the input"), (WINDOWS, "by place of the answer")):
        headers, lines = cells(rows, target, of)
        if lines:
            text = f"{EXPLAINED[of]} {OVER.format(languages=over)}"
            sections += [f"### {inline(target)}: {title}", text, markdown_table(headers, lines)]
    return sections


SECTION = Section(36, target=_target, file="lengths.csv", write=write)
