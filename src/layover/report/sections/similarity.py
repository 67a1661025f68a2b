"""Whether languages that are similar to the language of the training data have higher scores, or larger gains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Literal

import numpy as np
import numpy.typing as npt

from layover.data.similarity import MEASURES, similarity
from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.plan.nodes import Group
from layover.report._section import Section
from layover.report.gains import once
from layover.report.main_table import NOTHING
from layover.report.rows import CellRow, without_repeats
from layover.report.sections.language_gains import language_gains

FEWEST = 5
"""Smallest number of languages for a correlation."""
MOST_SHOWN = 60
EXPLAINED = (
    "Spearman's rank correlation, over the zero-shot languages, between a score (or a gain over no intermediate) "
    "and the similarity of the language to that of the training data: the cosine of their features in URIEL "
    "(lang2vec, Littell et al. 2017). Languages without features are left out. Scores and gains are means over "
    "seeds. It describes these languages, without a test: related languages are not independent."
)
HEADERS = ["of", "model", "method", "intermediate", "target", "languages", *MEASURES]
Array = npt.NDArray[np.float64]
Of = Literal["score", "gain"]


@dataclass(frozen=True)
class Correlation:
    """The correlations of the languages of one group."""

    of: Of
    group: Group
    count: int
    """Number of languages."""
    values: Mapping[str, float | None]
    """Measure -> correlation; None if all scores, or all similarities, are equal, or if too few are known."""


@once
def correlations(rows: Sequence[CellRow]) -> list[Correlation]:
    """Return the correlations of all groups with enough languages; none for texts that are generated."""
    real = [row for row in rows if not row.generated]
    sources = {
        row.cell.group: row.record.source_language
        for row in real
        if row.record is not None and row.record.source_language is not None
    }
    gains = {each.group: each.gains for each in language_gains(real)}
    made: list[Correlation] = []
    for group, scores in _scores(real).items():
        if (source := sources.get(group)) is not None:
            entries = (
                _correlation("score", group, scores, source),
                _correlation("gain", group, gains.get(group, {}), source),
            )
            made += [each for each in entries if each is not None]
    return made


def _scores(rows: Sequence[CellRow]) -> dict[Group, dict[str, float]]:
    """Return the mean score over seeds of each zero-shot language, by group."""
    members: dict[Group, list[CellRow]] = {}
    for row in rows:
        if row.record is not None:
            members.setdefault(row.cell.group, []).append(row)
    values: dict[Group, dict[str, list[float]]] = {}
    for group, every in members.items():
        for row in without_repeats(every):
            for language in row.record.averaged(zero_shot=True) if row.record is not None else ():
                if row.record is not None and (value := row.record.value(language, row.metric)) is not None:
                    values.setdefault(group, {}).setdefault(language, []).append(value)
    return {group: {name: fmean(each) for name, each in languages.items()} for group, languages in values.items()}


def _correlation(of: Of, group: Group, values: Mapping[str, float], source: str) -> Correlation | None:
    near = {language: each for language in values if (each := _near(language, source)) is not None}
    if len(near) < FEWEST:
        return None
    similar = np.array(list(near.values())).T  # (measures, languages), NaN if unknown
    numbers = np.array([values[language] for language in near])
    return Correlation(of, group, len(near), dict(zip(MEASURES, correlations_of(similar, numbers), strict=True)))


@cache
def _near(language: str, source: str) -> tuple[float, ...] | None:
    """Return the similarity of two languages in each measure, NaN if it is unknown; None for unknown languages."""
    known = similarity(language, source)
    return None if known is None else tuple(math.nan if value is None else value for value in known.values())


def correlations_of(similar: Array, numbers: Array) -> list[float | None]:
    """Return Spearman's rho for each line, (lines, N), with the numbers, (N,), where both are known.

    It is None for too few pairs, and if all values of a side are equal.
    """
    from scipy.stats import rankdata

    rhos: list[float | None] = [None] * len(similar)
    known = ~np.isnan(similar)
    together: dict[bytes, list[int]] = {}
    for line, columns in enumerate(known):
        together.setdefault(columns.tobytes(), []).append(line)
    for lines in together.values():  # with the same columns
        values = np.round(np.vstack([similar[lines], numbers])[:, known[lines[0]]], 9)
        if values.shape[1] < FEWEST:
            continue
        centred = rankdata(values, axis=1)
        centred -= centred.mean(axis=1, keepdims=True)
        squares = (centred**2).sum(axis=1)
        for place, line in enumerate(lines):
            if (product := squares[place] * squares[-1]) > 0:
                rhos[line] = float(centred[place] @ centred[-1] / np.sqrt(product))
    return rhos


def cells(entries: Sequence[Correlation]) -> list[list[str]]:
    """Return the lines of the table."""
    return [
        [each.of, *each.group, str(each.count), *(_text(each.values[measure]) for measure in MEASURES)]
        for each in entries
    ]


def _text(value: float | None) -> str:
    return NOTHING if value is None else f"{value:+.2f}"


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per group, of scores and of gains."""
    every = correlations(rows)
    if not every:
        return False
    with csv_file(path) as writerow:
        writerow(HEADERS)
        for each in every:
            numbers = ("" if each.values[measure] is None else repr(each.values[measure]) for measure in MEASURES)
            writerow([each.of, *each.group, each.count, *numbers])
    return True


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    every = correlations(rows)
    if not every:
        return []
    if len(every) > MOST_SHOWN:
        table = f"`similarity.csv` has all {len(every)} correlations."
    else:
        table = markdown_table(HEADERS, cells(every))
    return ["## Similarity of languages", EXPLAINED, table]


SECTION = Section(13, whole=_whole, file="similarity.csv", write=write)
