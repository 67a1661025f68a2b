"""The ids of rows in the data, which connect a prediction with its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = (
    *("id", "uid", "guid", "idx", "pairid", "pair_id", "qid", "question_id", "example_id"),
    *("sent_id", "sentence_id"),
)
"""Columns that may hold the id of a row, in any case; the first one in the data counts."""

Id = str | int


def id_in(values: Mapping[str, Any]) -> Id | None:
    """Return the id of a row, or None if its data have no id column or the value is empty."""
    names = {name.casefold(): name for name in reversed(list(values))}
    for column in COLUMNS:
        if column in names:
            value = values[names[column]]
            plain = isinstance(value, str | int) and not isinstance(value, bool)
            return value if plain and value != "" else None
    return None


def distinct(ids: Sequence[Id | None]) -> bool:
    """Return whether every row has an id, and all ids differ."""
    return None not in ids and len({str(row_id) for row_id in ids}) == len(ids)
