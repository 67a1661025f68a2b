"""How often each label of a scored cell is gold, predicted and right, and which labels are confused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from layover.errors import StoreError
from layover.store import read_json, write_json

SCHEMA = 1
MOST_CONFUSED = 2_500
"""Number of confused pairs that are kept per language: all pairs of 50 labels, else the most frequent pairs."""


class Label(BaseModel):
    """The counts of one label. Tagging counts words, other kinds count examples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gold: int
    predicted: int
    right: int

    @property
    def precision(self) -> float | None:
        """Percentage of the predictions of this label that are right; None if it is never predicted."""
        return 100 * self.right / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Percentage of the gold of this label that is predicted; None if it has no gold."""
        return 100 * self.right / self.gold if self.gold else None

    @property
    def f1(self) -> float:
        """100 * 2 * right / (predicted + gold), as in `macro_f1`. Only labels with gold or predictions are counted."""
        return 100 * 2 * self.right / (self.predicted + self.gold)


class Counts(BaseModel):
    """The counts of one language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[str, Label]
    """Every label that is gold or predicted, sorted."""
    confused: tuple[tuple[str, str, int], ...]
    """(gold, predicted, count) of wrong predictions, the most frequent first; at most `MOST_CONFUSED`."""
    left_out: int
    """Number of wrong predictions that are in none of these pairs."""


class LabelCounts(BaseModel):
    """The counts of one cell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    languages: dict[str, Counts]
    """Language -> counts, for the languages that have scores."""


def count(pairs: Iterable[tuple[str, str]]) -> Counts:
    """Return the counts of labels.

    Args:
        pairs: The gold label and the predicted label of each example, or of each word.
    """
    counts = Counter(pairs)
    gold, predicted, right = Counter[str](), Counter[str](), Counter[str]()
    for (correct, answer), times in counts.items():
        gold[correct] += times
        predicted[answer] += times
        right[correct] += times if correct == answer else 0
    wrong = [(correct, answer, times) for (correct, answer), times in counts.items() if correct != answer]
    wrong.sort(key=lambda pair: (-pair[2], pair[0], pair[1]))
    return Counts(
        labels={
            label: Label(gold=gold[label], predicted=predicted[label], right=right[label])
            for label in sorted({*gold, *predicted})
        },
        confused=tuple(wrong[:MOST_CONFUSED]),
        left_out=sum(times for _, _, times in wrong[MOST_CONFUSED:]),
    )


def write_counts(path: Path, counts: LabelCounts) -> None:
    """Write the counts of a cell as JSON."""
    write_json(path, counts.model_dump(mode="json"))


def read_counts(path: Path) -> LabelCounts:
    """Read the counts of a cell.

    Raises:
        StoreError: the file has a newer schema or is damaged.
    """
    values = read_json(path)
    if values.get("schema_version") != SCHEMA:
        schema = values.get("schema_version")
        raise StoreError(
            f"{path}: the counts of labels have the schema {schema!r}, but this version reads {SCHEMA}; update Layover"
        )
    return LabelCounts.model_validate(values)
