"""The rows of a location: from files or the hub, filtered, with labels or ids from a second file if declared."""

from __future__ import annotations

import json as codec
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path

from layover import kinds
from layover.data import formats
from layover.data.formats import Row
from layover.data.hub import read_hub
from layover.data.tally import LISTED, WHERE, Tally
from layover.data.task import FileSource, HubSource, Joined, Listing, Location, Place
from layover.errors import DataError, nearest
from layover.tasks._sides import sentences_of


def rows_of(location: Location, tally: Tally) -> Iterator[Row]:
    """Yield the rows of the location's language; `tally` counts all others.

    Raises:
        DataError: with file:line; also if the file of the labels or ids does not fit the file of the texts.
    """
    if kinds.get(location.kind).sides:  # retrieval has two sides, and its gold refers to ids
        yield from sentences_of(location, tally)
        return
    source, column = location.source, _gold_column(location)
    if isinstance(source, HubSource):
        rows = read_hub(source, column, location.reading.codes)
    elif location.other is not None:
        rows = _side_by_side(location, source, location.other, tally)
    else:
        paths = (location.paths[0], *location.more)
        rows = chain.from_iterable(formats.read(path, source.layout, tally) for path in paths)
        if location.gold is not None:
            if column is None:
                raise DataError(
                    f"{location.task}: {location.gold} holds gold, but the task has no single column for it; declare "
                    "the column of the gold"
                )
            rows = _with_gold(rows, location, source, column)
        if location.listing is not None and source.listing is not None:
            rows = _listed(rows, location.listing, source.listing, tally)
    for row in rows:
        if all(_is(row.value(name), value, source.literal) for name, value in source.where.items()):
            tally.watch(row.values, source.where)
            yield row
        else:
            tally.add(WHERE, row.where())


def absent_gold(place: Place) -> str:
    """Return a message if the first row lacks the gold column but has a column of similar name, else an empty text."""
    location = place.parts[0] if isinstance(place, Joined) else place
    column = _gold_column(location) if not kinds.get(location.kind).sides else None
    row = next(rows_of(location, Tally()), None) if column is not None and location.files() else None
    if column is None or row is None or column in row.values:
        return ""
    near = nearest(column, row.values)
    return f"there is no column {column!r}; {near}" if near.startswith("did you mean") else ""


SHOWN = 20
"""Most values of a column in a message."""


def existing_values(location: Location) -> str:
    """Return the existing values of the columns in `where`, for a message about a location without matching rows."""
    columns = tuple(location.source.where)
    every = replace(location, source=location.source.model_copy(update={"where": {}}))
    existing: dict[str, dict[str, None]] = {column: {} for column in columns}
    for row in rows_of(every, Tally()):
        for column in columns:
            value = row.value(column)
            existing[column].setdefault(value if isinstance(value, str) else codec.dumps(value, default=str), None)
    messages = []
    for column, values in existing.items():
        more = f" and {len(values) - SHOWN:,} more" if len(values) > SHOWN else ""
        shown = ", ".join(repr(value[:60]) for value in list(values)[:SHOWN])
        messages.append(f"the values of {column} are {shown}{more}")
    return "; ".join(messages) if any(existing.values()) else "there are no rows"


def _side_by_side(location: Location, source: FileSource, other: Path, tally: Tally) -> Iterator[Row]:
    """Yield the rows of two files, joined line by line; of `lines` files, the text is in the columns of the task."""
    paths, layouts = (location.paths[0], other), [source.layout, source.layout]
    if source.layout.format == "lines":
        names = [str(location.reading.columns[name]) for name in ("first", "second")]
        layouts = [source.layout.model_copy(update={"header": (name,)}) for name in names]
    rows, others = (formats.read(path, layout, tally) for path, layout in zip(paths, layouts, strict=True))
    for row, partner in zip_longest(rows, others):
        if row is None or partner is None:
            shorter = paths[0] if row is None else other
            raise DataError(
                f"{shorter}: the file ends before {(row or partner).where()}, but line i must translate line i; add "
                "the missing lines"
            )
        if both := sorted(row.values.keys() & partner.values.keys()):
            raise DataError(f"{row.where()}: {partner.where()} also has the column {both[0]!r}; rename one")
        yield replace(row, values={**row.values, **partner.values})


def _is(value: object, wanted: object, literal: bool) -> bool:
    """Return whether a value equals the wanted one, or has its prefix; JSON numbers and booleans compare as text."""
    wanted, written = str(wanted), value if isinstance(value, str) else codec.dumps(value, default=str)
    return written == wanted if literal or not wanted.endswith("*") else written.startswith(wanted[:-1])


def _gold_column(location: Location) -> str | None:
    """Return the column of the gold, or None if the text is its own gold or several columns hold the gold."""
    field = kinds.get(location.kind).gold_field
    column = None if field is None else location.reading.columns.get(field)
    return None if isinstance(column, tuple) else column


def _with_gold(rows: Iterator[Row], location: Location, source: FileSource, column: str) -> Iterator[Row]:
    path, gold_path = location.paths
    golds = formats.read(gold_path, source.gold_layout or source.layout)
    number = 0
    for number, row in enumerate(rows, 1):
        gold = next(golds, None)
        if gold is None:
            raise DataError(f"{gold_path}: the file has {number - 1} rows, but {path} has more; remove the wrong file")
        label = gold.value(column)
        if row.values.get(column, label) != label:
            raise DataError(
                f"{row.where()}: the label is {row.values[column]!r}, but {gold.where()} has {label!r}; "
                "remove the wrong file"
            )
        yield replace(row, values={**row.values, column: label})
    if next(golds, None) is not None:
        raise DataError(f"{gold_path}: the file has more than the {number} rows of {path}; remove the wrong file")


def _listed(rows: Iterator[Row], path: Path, listing: Listing, tally: Tally) -> Iterator[Row]:
    """Yield the rows that the listing names, or all other rows.

    A test row that is missing in the listing would become a training row. So every id must be in both files, once.
    """
    named = _by_id(formats.read(path, listing.layout), listing.id)
    every = _by_id(rows, listing.id)
    for name, row in named.items():
        if name not in every:
            raise DataError(f"{row.where()}: no row has the {listing.id} {name!r}; remove the wrong file")
        for column, value in row.values.items():
            other = every[name].values.get(column, value)
            if other != value:
                raise DataError(
                    f"{every[name].where()}: the {column} is {other!r}, but {row.where()} has {value!r}; "
                    "remove the wrong file"
                )
    for name, row in every.items():
        if (name in named) == listing.taken:
            yield row
        else:
            tally.add(LISTED, row.where())


def _by_id(rows: Iterable[Row], column: str) -> dict[object, Row]:
    by_id: dict[object, Row] = {}
    for row in rows:
        name = row.value(column)
        if name in by_id:
            raise DataError(f"{row.where()}: the {column} {name!r} is also at {by_id[name].where()}; remove one")
        by_id[name] = row
    return by_id
