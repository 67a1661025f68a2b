"""The worst predictions of a finished cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nlargest

from layover.errors import LayoverError, nearest
from layover.report.predicted import Predicted, PredictedRow


@dataclass
class ErrorCounts:
    """How many predictions of a language have errors."""

    rows: int = 0
    wrong: int = 0
    """Number of rows with an error above 0."""
    unscored: int = 0
    """Number of rows without gold, or in which nothing is scored."""


@dataclass
class Worst:
    """The worst predictions of a cell."""

    counts: dict[str, ErrorCounts] = field(default_factory=dict)
    """Language -> counts, for the languages that have predictions."""
    missing: dict[str, str] = field(default_factory=dict)
    """Language -> the reason why it has no predictions to compare."""
    rows: list[tuple[str, PredictedRow]] = field(default_factory=list)
    """Language and row, the worst first."""


def languages_of(predicted: Predicted, wanted: Sequence[str]) -> list[str]:
    """Return the wanted languages of a cell; all its languages if none is named.

    Raises:
        LayoverError: the cell has no such language.
    """
    every = sorted({*predicted.scored.predictions, *predicted.scored.absent})
    for name in wanted:
        if name not in every:
            raise LayoverError(f"{predicted.cell.label}: there is no language {name!r}; {nearest(name, every)}")
    return list(dict.fromkeys(wanted)) or every


def worst_of(predicted: Predicted, languages: Sequence[str], limit: int) -> Worst:
    """Return the rows with the largest errors, at most `limit`; a row without an error is none of them.

    Of equal errors, rows that come first in the data are taken, from all languages in turn.

    Args:
        predicted: The predictions of a cell.
        languages: Languages of the cell.
        limit: The largest number of rows.
    """
    result = Worst()
    rated = nlargest(limit, _rated(predicted, languages, result), key=lambda item: item[0])
    result.rows = [(language, row) for _, language, row in rated]
    return result


def _rated(
    predicted: Predicted, languages: Sequence[str], result: Worst
) -> Iterator[tuple[tuple[float, int], str, PredictedRow]]:
    """Yield each row with an error, with its rank; count all rows."""
    for language in languages:
        if language in predicted.scored.absent:
            result.missing[language] = predicted.scored.absent[language]
            continue
        counted = ErrorCounts()
        try:
            for row in predicted.rows(language):
                counted.rows += 1
                if row.score is None:
                    counted.unscored += 1
                elif row.score.error > 0:
                    counted.wrong += 1
                    yield (row.score.error, -counted.wrong), language, row
        except LayoverError as error:
            result.missing[language] = str(error).removeprefix(f"{predicted.cell.label}: {language}: ")
            continue
        result.counts[language] = counted
