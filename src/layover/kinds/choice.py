"""Multiple choice: which of several texts goes with the first one; HellaSwag, COPA, CommonsenseQA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.features import Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._kind import Kind, finite
from layover.kinds._pairs import encode_pairs


@dataclass(frozen=True, slots=True)
class Example:
    """A text, its choices, and the index of the right one; None is no gold."""

    first: str
    choices: tuple[str, ...]
    label: int | None


class Choice(Kind[Example]):
    """One row `first, choice` per choice, one score per row; a prediction is the index of the best choice.

    Where the right choice has a column of its own (`label` is one of the columns of `choices`), their order would tell
    it, so the choices are put into alphabetical order. Of equal choices the first stands for all: it is the gold then,
    and it is predicted, since equal texts score alike but for rounding.
    """

    name: ClassVar[str] = "choice"
    first_only: ClassVar[bool] = True
    required: ClassVar[frozenset[str]] = frozenset({"first", "choices", "label"})
    optional: ClassVar[frozenset[str]] = frozenset({"names"})
    declared_by: ClassVar[frozenset[str]] = frozenset({"text", "label", "choices", "label_as", "choice_names"})
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    def parse(self, row: Row, reading: Reading) -> Example:
        choices = reading.texts(row, "choices")
        if len(choices) < 2:
            raise DataError(f"{row.where()}: {len(choices)} choices, but two or more are needed")
        first, columns, label = reading.text(row, "first"), reading.columns["choices"], reading.columns.get("label")
        if isinstance(columns, tuple) and label in columns:
            return _sorted(first, choices, choices[columns.index(label)], row)
        index = reading.chosen(row, choices)
        open_form = reading.right == "auto" and "names" not in reading.columns
        if isinstance(columns, tuple) and open_form and index is not None:
            _check_column(reading.gold(row, "label"), columns, index, row)
        return Example(first, choices, None if index is None else choices.index(choices[index]))

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],  # noqa: ARG002 - a choice has an index, not a label
        max_length: int,
        stride: int,  # noqa: ARG002 - a text too long is cut, not windowed
    ) -> Features:
        counts = sorted({len(item.choices) for item in examples})
        if len(counts) > 1:
            raise DataError(f"examples have {' and '.join(map(str, counts))} choices; all need the same number")
        group = counts[0] if counts else 1
        pairs = [(item.first, choice) for item in examples for choice in item.choices]
        arrays = encode_pairs(pairs, tokenizer, max_length, group)
        gold = [-1 if item.label is None else item.label for item in examples]
        arrays["label"] = np.array(gold, np.int64)
        return Features(arrays, group)

    def encoded_with(self, example: Example) -> int:
        return len(example.choices)

    def unlike(self, example: Example, first: Example) -> str:
        mine, its = len(example.choices), len(first.choices)
        if mine == its:
            return ""
        return f"{mine} choices, but the first example has {its}; all need as many"

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],  # noqa: ARG002
    ) -> list[Json]:
        score = finite(outputs, "score", (features.rows,))
        best = score.reshape(features.units, features.group).argmax(axis=1)
        return [item.choices.index(item.choices[index]) for item, index in zip(examples, best, strict=True)]

    def to_json(self, example: Example) -> dict[str, Json]:
        return {"first": example.first, "choices": list(example.choices), "label": example.label}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        return Example(values["first"], tuple(values["choices"]), values["label"])

    def gold(self, example: Example) -> int | None:
        return example.label

    def group_of(self, example: Example) -> str:
        return example.first

    def texts_of(self, example: Example) -> tuple[str, ...]:
        return (example.first, *example.choices)

    def head_size(self, labels: tuple[str, ...]) -> int:  # noqa: ARG002 - the choices share one output
        return 1


def _check_column(value: object, columns: tuple[str, ...], index: int, row: Row) -> None:
    """Refuse a right choice that may be the name of another column than the one it is read as."""
    named = [column for column in columns if column.casefold() == str(value).casefold()]
    if named and columns[index] not in named:
        raise DataError(
            f"{row.where()}: {value!r} is read as the column {columns[index]!r} of `choices`, and may mean the column "
            f"{named[0]!r}; declare `label_as` where the former is right, or write `choices` in the order of names"
        )


def _sorted(first: str, choices: tuple[str, ...], right: str, row: Row) -> Example:
    if not right:
        raise DataError(f"{row.where()}: the right choice is empty; a row whose answer is not known has no place here")
    ordered = tuple(sorted(choices))
    return Example(first, ordered, ordered.index(right))


KIND = Choice()
