"""How often each label is gold, predicted and right in a scored cell, and which labels stand in the place of which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from layover.errors import StoreError
from layover.store import read_json, write_json

SCHEMA = 1
MOST_CONFUSED = 2_500
"""Pairs of labels that are kept of one language, all of 50 labels; of more the most frequent ones."""


class Label(BaseModel):
    """The counts of one label: of examples, for tagging of words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gold: int
    predicted: int
    right: int

    @property
    def precision(self) -> float | None:
        """Percent of what is predicted so that is right; None where nothing is."""
        return 100 * self.right / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Percent of the gold that is predicted so; None where there is none."""
        return 100 * self.right / self.gold if self.gold else None

    @property
    def f1(self) -> float:
        """100 * 2 * right / (predicted + gold), as in `macro_f1`; a label that nobody has is not counted at all."""
        return 100 * 2 * self.right / (self.predicted + self.gold)


class Counts(BaseModel):
    """The counts of one language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[str, Label]
    """Every label that is gold or predicted, sorted."""
    confused: tuple[tuple[str, str, int], ...]
    """(gold, predicted, how often) of what is wrong, the most frequent first; at most `MOST_CONFUSED`."""
    left_out: int
    """What is wrong and in none of these pairs."""


class LabelCounts(BaseModel):
    """The counts of one cell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    languages: dict[str, Counts]
    """Language -> counts, of the languages that have scores."""


def count(pairs: Iterable[tuple[str, str]]) -> Counts:
    """Return the counts of labels.

    Args:
        pairs: The gold and the predicted label of each example, or of each word.
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
        StoreError: they are of a newer schema or damaged.
    """
    values = read_json(path)
    if values.get("schema_version") != SCHEMA:
        schema = values.get("schema_version")
        raise StoreError(f"{path}: counts of labels of schema {schema!r}; this version reads {SCHEMA}")
    return LabelCounts.model_validate(values)
