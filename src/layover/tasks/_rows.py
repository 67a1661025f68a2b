"""The rows of a location: from files or the hub, filtered, with labels or ids from a second file where there is one."""

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
    """Yield the rows that belong to the location's language; all others are counted in `tally`.

    Raises:
        DataError: with file:line; also when the file of the labels or ids does not fit the file of the texts.
    """
    if kinds.get(location.kind).sides:  # gold by id: nothing is like in the other kinds
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
                raise DataError(f"{location.task}: {location.gold} holds gold, but there is no one column for it")
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
    """Return that the first row lacks the column of the gold and has one of a like name; empty text where not so."""
    location = place.parts[0] if isinstance(place, Joined) else place
    column = _gold_column(location) if not kinds.get(location.kind).sides else None
    row = next(rows_of(location, Tally()), None) if column is not None and location.files() else None
    if column is None or row is None or column in row.values:
        return ""
    near = nearest(column, row.values)
    return f"there is no column {column!r}; {near}" if near.startswith("did you mean") else ""


SHOWN = 20
"""Values of a column that a message names."""


def values_there(location: Location) -> str:
    """Return the values that the columns of `where` have, for a location that has no row with the wanted ones."""
    columns = tuple(location.source.where)
    every = replace(location, source=location.source.model_copy(update={"where": {}}))
    found: dict[str, dict[str, None]] = {column: {} for column in columns}
    for row in rows_of(every, Tally()):
        for column in columns:
            value = row.value(column)
            found[column].setdefault(value if isinstance(value, str) else codec.dumps(value, default=str), None)
    told = []
    for column, values in found.items():
        more = f" and {len(values) - SHOWN:,} more" if len(values) > SHOWN else ""
        told.append(f"{column} is {', '.join(repr(value[:60]) for value in list(values)[:SHOWN])}{more}")
    return f"there {'; '.join(told)}" if any(found.values()) else "there are no rows"


def _side_by_side(location: Location, source: FileSource, other: Path, tally: Tally) -> Iterator[Row]:
    """Yield the rows of two files, line i with line i; files of bare lines give a column each, as `text` names them."""
    paths, layouts = (location.paths[0], other), [source.layout, source.layout]
    if source.layout.format == "lines":
        names = [str(location.reading.columns[name]) for name in ("first", "second")]
        layouts = [source.layout.model_copy(update={"header": (name,)}) for name in names]
    rows, others = (formats.read(path, layout, tally) for path, layout in zip(paths, layouts, strict=True))
    for row, beside in zip_longest(rows, others):
        if row is None or beside is None:
            shorter = paths[0] if row is None else other
            raise DataError(f"{shorter}: it ends before {(row or beside).where()}; line i must translate line i")
        if both := sorted(row.values.keys() & beside.values.keys()):
            raise DataError(f"{row.where()}: {both[0]!r} stands in {beside.where()} too; give the columns two names")
        yield replace(row, values={**row.values, **beside.values})


def _is(value: object, wanted: object, literal: bool) -> bool:
    """Return whether a row has a value, or begins so; a JSON number or boolean is compared as it is written."""
    wanted, written = str(wanted), value if isinstance(value, str) else codec.dumps(value, default=str)
    return written == wanted if literal or not wanted.endswith("*") else written.startswith(wanted[:-1])


def _gold_column(location: Location) -> str | None:
    """Return the column of the field that blind files lack, None where the text is its own gold, or several hold it."""
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
            raise DataError(f"{gold_path}: has {number - 1} rows, but {path} has more; remove the one that is wrong")
        label = gold.value(column)
        if row.values.get(column, label) != label:
            raise DataError(
                f"{row.where()}: its label is {row.values[column]!r}, but {gold.where()} says {label!r}; "
                "remove the file that is wrong"
            )
        yield replace(row, values={**row.values, column: label})
    if next(golds, None) is not None:
        raise DataError(f"{gold_path}: has more rows than the {number} of {path}; remove the one that is wrong")


def _listed(rows: Iterator[Row], path: Path, listing: Listing, tally: Tally) -> Iterator[Row]:
    """Yield the rows that the listing names, or all the others.

    A test row that the listing missed would be trained on, so every id must be found, and stand once in either file.
    """
    named = _by_id(formats.read(path, listing.layout), listing.id)
    found = _by_id(rows, listing.id)
    for name, row in named.items():
        if name not in found:
            raise DataError(f"{row.where()}: no row has the {listing.id} {name!r}; remove the file that is wrong")
        for column, value in row.values.items():
            other = found[name].values.get(column, value)
            if other != value:
                raise DataError(
                    f"{found[name].where()}: its {column} is {other!r}, but {row.where()} says {value!r}; "
                    "remove the file that is wrong"
                )
    for name, row in found.items():
        if (name in named) == listing.taken:
            yield row
        else:
            tally.add(LISTED, row.where())


def _by_id(rows: Iterable[Row], column: str) -> dict[object, Row]:
    found: dict[object, Row] = {}
    for row in rows:
        name = row.value(column)
        if name in found:
            raise DataError(f"{row.where()}: the {column} {name!r} stands at {found[name].where()} too; remove one")
        found[name] = row
    return found
