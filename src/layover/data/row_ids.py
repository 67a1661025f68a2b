"""What the rows of data call themselves, so that a prediction can be found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = (
    *("id", "uid", "guid", "idx", "pairid", "pair_id", "qid", "question_id", "example_id"),
    *("sent_id", "sentence_id"),
)
"""Columns that hold the id of a row, in whichever case; the first one that is there."""

Id = str | int


def id_in(values: Mapping[str, Any]) -> Id | None:
    """Return the id that a row gives itself, None where it has no column for one, or nothing in it."""
    names = {name.casefold(): name for name in reversed(list(values))}
    for column in COLUMNS:
        if column in names:
            value = values[names[column]]
            plain = isinstance(value, str | int) and not isinstance(value, bool)
            return value if plain and value != "" else None
    return None


def distinct(ids: Sequence[Id | None]) -> bool:
    """Return whether every row has an id, and none the same as another."""
    return None not in ids and len({str(one) for one in ids}) == len(ids)
