"""The sentences of a retrieval task: two sides, read from one source or two, with the gold of each sentence.

The rows have the columns `id`, `side`, `text` and `gold` (a tuple of ids of the other side, or None if unknown). First
come all sentences of the language, then the English sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from layover.data import formats
from layover.data.formats import FileLayout, Row
from layover.data.hub import read_hub
from layover.data.tally import Tally
from layover.data.task import FileSource, HubSource, Location
from layover.errors import DataError
from layover.kinds._submission import mined
from layover.metrics._retrieval import ENGLISH, LANGUAGE

PAIRS = FileLayout(format="tsv", header=("language", "english"), quoting=False)
"""A file of gold pairs: the id of a sentence of the language, a tab, the id of its English translation."""

LINES = FileLayout(format="lines")
"""A file of gold for aligned sides: for each English line, the number (from 0) of the line that translates it."""

FEWEST_TO_BE_SORTED = 10
"""Number of lines from which alphabetical order is no coincidence."""


def sentences_of(location: Location, tally: Tally) -> Iterator[Row]:
    """Yield the sentences of both sides; `tally` counts the skipped lines of their files.

    Raises:
        DataError: with file:line, if the sides do not fit each other, a sentence is empty, an id is repeated, or the
            gold names an unknown id.
    """
    if "other" in location.reading.columns:
        sides = _from_pairs(location, tally)
        golds = _alike(len(sides[0]))
    elif location.other is None:
        raise DataError(f"{location.describe()}: retrieval also needs the file of the English sentences; name it")
    elif mined(location.reading.columns):
        yield from _mined(location, location.other, tally)
        return
    else:
        sides = _from_lines(location, location.other, tally)
        golds = _gold_of_lines(location, sides)
    for side, rows, gold in zip((LANGUAGE, ENGLISH), sides, golds, strict=True):
        for number, ((row, text), known) in enumerate(zip(rows, gold, strict=True)):
            yield _ready(row, text, side, str(number), known)


Texts = list[tuple[Row, str]]
Golds = list[tuple[str, ...] | None]


def _from_pairs(location: Location, tally: Tally) -> tuple[Texts, Texts]:
    """Return both sides of a source whose rows hold one sentence of each side."""
    reading, source = location.reading, location.source
    if isinstance(source, HubSource):
        rows = list(read_hub(source, "", ()))
    else:
        rows = list(formats.read(location.paths[0], source.layout, tally))
    for row in rows:
        tally.watch(row.values, source.where)
    return [(row, reading.text(row, "text")) for row in rows], [(row, reading.text(row, "other")) for row in rows]


def _from_lines(location: Location, other: Path, tally: Tally) -> tuple[Texts, Texts]:
    """Return both sides of two files with the same number of lines."""
    language, english = _read(location, location.paths[0], tally), _read(location, other, tally)
    if len(language) != len(english):
        raise DataError(
            f"{location.paths[0]} has {len(language)} sentences, but {other} has {len(english)}: "
            "line i must translate line i; correct the files, or name a third file with the line numbers"
        )
    return language, english


def _alike(count: int) -> tuple[Golds, Golds]:
    """Return the gold of both sides if line i translates line i."""
    return [(str(number),) for number in range(count)], [(str(number),) for number in range(count)]


def _gold_of_lines(location: Location, sides: tuple[Texts, Texts]) -> tuple[Golds, Golds]:
    """Return the gold of both sides of aligned files.

    If the source declares a file of gold and it is absent, there is no gold. Without such a file, line i translates
    line i, unless the lines are in alphabetical order.

    Raises:
        DataError: the English lines are in alphabetical order, so that line i cannot translate line i.
    """
    count = len(sides[0])
    if location.gold is not None:
        return _permuted(location, location.gold, count)
    if isinstance(location.source, FileSource) and location.source.gold is not None:
        return [None] * count, [None] * count
    texts = [text for _, text in sides[1]]
    if len(texts) >= FEWEST_TO_BE_SORTED and texts == sorted(texts):
        raise DataError(
            f"{location.other}: its lines are in alphabetical order, as in XTREME's blind copies of Tatoeba, so line i "
            "does not translate line i; use the original files (tatoeba.deu-eng.eng), or name a third file that has, "
            "for each English line, the number (from 0) of the line that translates it"
        )
    return _alike(count)


def _permuted(location: Location, path: Path, count: int) -> tuple[Golds, Golds]:
    """Return the gold of both sides from a file of line numbers."""
    language: Golds = [None] * count
    english: Golds = []
    for row in formats.read(path, _gold_layout(location, LINES)):
        written = str(row.values["text"]).strip()
        if not written.isdecimal() or int(written) >= count:
            raise DataError(
                f"{row.where()}: {written!r} is not a line number of {location.paths[0]}; write 0 to {count - 1}"
            )
        if language[int(written)] is not None:
            raise DataError(f"{row.where()}: line {written} already translates another line; write each number once")
        language[int(written)] = (str(len(english)),)
        english.append((str(int(written)),))
    if len(english) != count:
        raise DataError(f"{path} has {len(english)} lines, but {location.other} has {count}; correct the files")
    return language, english


def _gold_layout(location: Location, usual: FileLayout) -> FileLayout:
    """Return the layout of the gold: the declared one, else the usual one in the encoding of the sentences."""
    source = location.source
    if not isinstance(source, FileSource):
        return usual
    written = {"encoding": source.layout.encoding, "errors": source.layout.errors}
    return source.gold_layout or usual.model_copy(update=written)


def _mined(location: Location, other: Path, tally: Tally) -> Iterator[Row]:
    """Yield the sentences of two files with ids; without a file of pairs their gold is unknown."""
    sides = {LANGUAGE: _read(location, location.paths[0], tally), ENGLISH: _read(location, other, tally)}
    ids = {side: _by_id([row for row, _ in texts], location) for side, texts in sides.items()}
    gold: dict[str, dict[str, list[str]]] = {LANGUAGE: {}, ENGLISH: {}}
    if location.gold is not None:
        for language_id, english_id in _pairs(location, location.gold, ids):
            gold[LANGUAGE].setdefault(language_id, []).append(english_id)
            gold[ENGLISH].setdefault(english_id, []).append(language_id)
    for side, texts in sides.items():
        for name, (row, text) in zip(ids[side], texts, strict=True):
            known = tuple(gold[side].get(name, ())) if location.gold is not None else None
            yield _ready(row, text, side, name, known)


def _read(location: Location, path: Path, tally: Tally) -> Texts:
    if isinstance(location.source, HubSource):
        raise DataError(f"{location.describe()}: hub data have both sides in one row; declare the column of `other`")
    rows = formats.read(path, location.source.layout, tally)
    return [(row, location.reading.text(row, "text")) for row in rows]


def _by_id(rows: list[Row], location: Location) -> dict[str, Row]:
    by_id: dict[str, Row] = {}
    for row in rows:
        name = location.reading.text(row, "id")
        if name in by_id:
            raise DataError(f"{row.where()}: the id {name!r} is also at {by_id[name].where()}; write different ids")
        by_id[name] = row
    return by_id


def _pairs(location: Location, path: Path, ids: Mapping[str, Mapping[str, Row]]) -> list[tuple[str, str]]:
    if isinstance(location.source, HubSource):
        raise DataError(f"{location.describe()}: a hub data set cannot have a file of gold pairs; use official files")
    pairs: dict[tuple[str, str], Row] = {}
    for row in formats.read(path, _gold_layout(location, PAIRS)):
        for side, name in row.values.items():
            if name not in ids[side]:
                # there are thousands of ids; an example shows their form
                example = next(iter(ids[side]), "")
                raise DataError(f"{row.where()}: no {side} sentence has the id {name!r}; write ids like {example!r}")
        pair = (row.values[LANGUAGE], row.values[ENGLISH])
        if pair in pairs:
            raise DataError(f"{row.where()}: this pair is also at {pairs[pair].where()}; remove one")
        pairs[pair] = row
    return list(pairs)


def _ready(row: Row, text: str, side: str, name: str, gold: tuple[str, ...] | None) -> Row:
    stripped = text.strip()
    if not stripped:
        raise DataError(f"{row.where()}: the sentence is empty; write its text")
    return replace(row, values={"id": name, "side": side, "text": stripped, "gold": gold})
