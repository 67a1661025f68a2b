"""Rows of one text or of a pair of texts, for classification, regression, multilabel and choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar, cast

from layover.data.augment import Substitution
from layover.data.features import Array
from layover.data.formats import Row
from layover.data.reading import Columns, Reading
from layover.data.tokenizer import Tokenizer, longest_first
from layover.errors import DataError
from layover.kinds._answers import shown_pair
from layover.kinds._arrays import flat
from layover.kinds._keys import Path, texts_of
from layover.kinds._kind import Kind
from layover.perturbations import Perturber


class OfPair(Protocol):
    """An example with one text or two texts."""

    @property
    def first(self) -> str:
        """The first text."""

    @property
    def second(self) -> str | None:
        """The second text, or None if there is one text."""


P = TypeVar("P", bound=OfPair)


class PairKind(Kind[P]):
    """A kind whose head reads the first token of a text or of a pair of texts; its gold is in one column."""

    first_only: ClassVar[bool] = True
    substitutes: ClassVar[bool] = True
    required: ClassVar[frozenset[str]] = frozenset({"first", "label"})
    optional: ClassVar[frozenset[str]] = frozenset({"second"})
    gold_field: ClassVar[str | None] = "label"
    pipeline: ClassVar[str] = "text-classification"
    row_fields: ClassVar[tuple[str, ...]] = ("first", "second")

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:
        return texts_of(own)

    def shown_row(self, columns: Columns) -> str:
        return shown_pair(columns)

    def group_of(self, example: P) -> str:
        return example.first

    def substituted(self, example: P, draw: Substitution) -> P:
        second = None if example.second is None else draw.text("second", example.second)
        return cast(P, replace(cast(Any, example), first=draw.text("first", example.first), second=second))

    perturbed: ClassVar[str] = "all texts"

    def perturb(self, example: P, by: Perturber) -> P:
        second = None if example.second is None else by.text("second", example.second)
        changed: P = replace(cast(Any, example), first=by.text("first", example.first), second=second)
        return changed

    def texts_of(self, example: P) -> tuple[str, ...]:
        return (example.first,) if example.second is None else (example.first, example.second)


def texts_in(row: Row, reading: Reading) -> tuple[str, str | None]:
    """Return the first text of a row, and the second text if the task reads two.

    Raises:
        DataError: a value is not a text; with file:line.
    """
    return reading.text(row, "first"), reading.text(row, "second") if "second" in reading.columns else None


def encode_pairs(
    pairs: Sequence[tuple[str, str | None]], tokenizer: Tokenizer, max_length: int, group: int = 1
) -> dict[str, Array]:
    """Return the arrays of one row per pair; `group` consecutive pairs form an example.

    If a pair is too long, tokens are removed one by one from the end of the longer text.

    Raises:
        DataError: `max_length` has no room for one token of each text.
    """
    if max_length < tokenizer.overhead(pair=True) + 2:
        raise DataError(f"max_length {max_length} has no room for a pair of texts")
    pieces = tokenizer.pieces([text for pair in pairs for text in pair if text is not None])
    ids, segments = [], []
    for first, second in pairs:
        first_ids = pieces[first].ids
        if second is None:
            row, types = tokenizer.row(first_ids[: max_length - tokenizer.overhead(pair=False)])
        else:
            second_ids = pieces[second].ids
            kept = longest_first(len(first_ids), len(second_ids), max_length - tokenizer.overhead(pair=True))
            row, types = tokenizer.row(first_ids[: kept[0]], second_ids[: kept[1]])
        ids.append(row)
        segments.append(types)
    return flat(ids, [number // group for number in range(len(pairs))], segments)
