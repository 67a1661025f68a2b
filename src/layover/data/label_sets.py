"""The labels of an example as files write them: a list, a text with a separator, or a column for each label."""

from __future__ import annotations

from collections.abc import Sequence

from layover.data.formats import Row
from layover.data.reading import Reading
from layover.errors import DataError

_THERE = {"1": True, "0": False, "true": True, "false": False, "1.0": True, "0.0": False}


def labels_in(row: Row, reading: Reading) -> tuple[str, ...] | None:
    """Return the labels of a row once each, in the task's order; None without gold, () for an example without labels.

    A list `[]` means no label, and so does an empty text if there is a separator. `null`, an absent column in a test
    file, and label columns that are all empty mean no gold.

    Raises:
        DataError: with file:line, if a value is not a label, or if only some of the label columns are empty.
    """
    column = reading.columns.get("label")  # absent in rows to predict
    labels = _hot(row, reading, column) if isinstance(column, tuple) else _listed(row, reading)
    return None if labels is None else tuple(label for label in reading.labels if label in labels)


def _listed(row: Row, reading: Reading) -> set[str] | None:
    raw, separator = reading.gold(row, "label"), reading.options.get("separator")
    if raw is None:
        return None
    if isinstance(raw, str) and separator is not None:
        raw = [part.strip() for part in raw.split(separator)] if raw.strip() else []
    if isinstance(raw, str) or not isinstance(raw, Sequence):
        advice = "declare `label_separator` if one text holds all labels" if isinstance(raw, str) else "write a list"
        shown, column = f"{raw!r:.60}", reading.columns["label"]
        raise DataError(f"{row.where()}: {column!r} is {shown}, but a list of labels is needed; {advice}")
    labels = set()
    for value in raw:
        label = reading.label(value, row)
        if label is None:
            raise DataError(f"{row.where()}: {value!r} in the list of labels is not a label; remove it")
        labels.add(label)
    return labels


def _hot(row: Row, reading: Reading, columns: Sequence[str]) -> set[str] | None:
    if reading.blind and not any(column in row.values for column in columns):
        return None
    values = [row.value(column) for column in columns]
    empty = [column for column, value in zip(columns, values, strict=True) if value is None or value == ""]
    if len(empty) == len(columns):
        return None
    if empty:
        raise DataError(f"{row.where()}: the label column {empty[0]!r} is empty, but others have values; write 0 or 1")
    labels = set()
    for label, column, value in zip(reading.labels, columns, values, strict=True):
        there = _THERE.get(str(value).strip().lower())
        if there is None:
            raise DataError(f"{row.where()}: the label column {column!r} is {value!r:.60}; write 0 or 1")
        if there:
            labels.add(label)
    return labels
