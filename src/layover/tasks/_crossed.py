"""The examples of a pair of languages: the first text in one language, the second text in the other one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations, zip_longest
from typing import Any

from layover import kinds
from layover.data.crossed import Crossed
from layover.data.formats import Row
from layover.data.row_ids import id_in
from layover.data.tally import UNTRANSLATED, Tally
from layover.errors import DataError

Parsed = tuple[Row, Any]
"""A row, and its example."""


def pairs_of(languages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of all ordered pairs: `de-en` has a German first text and an English second text."""
    return tuple(f"{first}-{second}" for first, second in permutations(languages, 2))


def pairs_with(language: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the pairs that contain a language, in both orders."""
    return tuple(pair for pair in pairs_of(languages) if language in pair.split("-"))


def crossed(place: Crossed, first: Iterator[Parsed], second: Iterator[Parsed], tally: Tally) -> Iterator[Parsed]:
    """Yield the examples of a pair of languages; `tally` counts the items without a translation.

    Raises:
        DataError: the places differ in the number of items, or in the id or the gold of an item; with file:line.
    """
    kind = kinds.get(place.kind)
    for left, right in zip_longest(first, second):
        if left is None or right is None:
            shorter = place.parts[0 if left is None else 1].describe()
            row, _ = left or right
            raise DataError(
                f"{shorter}: it ends before the item of {row.where()}; both files must have the same items in the "
                "same order"
            )
        (row, example), (other_row, other) = left, right
        if {text.strip() for item in (example, other) for text in kind.texts_of(item)} & {*place.untranslated}:
            tally.add(UNTRANSLATED, row.where())
            continue
        gold, other_gold = kind.gold(example), kind.gold(other)
        for name, here, there in (
            ("id", id_in(row.values), id_in(other_row.values)),
            (kind.gold_field, gold, other_gold),
        ):
            if here is not None and there is not None and here != there:
                raise DataError(
                    f"{other_row.where()}: the {name} is {there!r}, but {row.where()} has {here!r}; both files must "
                    "have the same items in the same order"
                )
        known = gold if other_gold is not None else None
        yield row, replace(example, second=other.second, **{str(kind.gold_field): known})
