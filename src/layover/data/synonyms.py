"""A user's table of synonyms: a word, and the words that may take its place.

A JSON file (its name ends in `.json`) is one object, `{"word": ["neighbour", ...]}`; the list may be empty. Any other
file has lines of a word, a tab and one neighbour. Words are compared as they are written: case counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from layover.errors import DataError

Synonyms = Mapping[str, tuple[str, ...]]
"""Word -> its neighbours, each once, in the order of the file; words without neighbours are absent."""

MOST_BYTES = 2**28
"""Largest file; the published table of 49,975 English words has 2.5 MB."""
SHOWN = 20
"""Most mistakes of one file in a message."""


class SynonymsError(DataError):
    """A file of synonyms has mistakes; `mistakes` has one text for each, with `file:line`."""

    def __init__(self, mistakes: list[str]) -> None:
        more = len(mistakes) - SHOWN
        self.mistakes = [*mistakes[:SHOWN], *([f"and {more:,} more mistakes in this file"] if more > 0 else [])]
        super().__init__("; ".join(self.mistakes))


def read_synonyms(path: Path) -> Synonyms:
    """Return the table of a file.

    Raises:
        SynonymsError: the file cannot be read, or has mistakes; one text for each, with `file:line`.
    """
    text = _text(path)
    entries = _json_entries(path, text) if path.suffix.lower() == ".json" else _lines(path, text)
    table: dict[str, dict[str, None]] = {}
    mistakes: list[str] = []
    for word, neighbour, problem in entries:
        if problem:
            mistakes.append(problem)
        elif neighbour != word:
            table.setdefault(word, {})[neighbour] = None
    if mistakes:
        raise SynonymsError(mistakes)
    if not table:
        raise SynonymsError([f"{path}: no word has a neighbour; write at least one word with one"])
    return {word: tuple(neighbours) for word, neighbours in table.items()}


def read_dictionary(path: Path) -> Synonyms:
    """Return word in lower case -> translations, from lines of a word, white space and a translation (MUSE's format).

    Raises:
        SynonymsError: the file cannot be read, or has mistakes; one text for each, with `file:line`.
    """
    table: dict[str, dict[str, None]] = {}
    mistakes: list[str] = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        words = line.split()
        if len(words) == 2:
            table.setdefault(words[0].lower(), {})[words[1]] = None
        elif words:
            mistakes.append(f"{path}:{number}: the line has {len(words)} words; write a word and its translation")
    if not table and not mistakes:
        mistakes.append(f"{path}: the dictionary has no lines; write a word and its translation on each")
    if mistakes:
        raise SynonymsError(mistakes)
    return {word: tuple(translations) for word, translations in table.items()}


Entry = tuple[str, str, str]
"""A word, one of its neighbours, and what is wrong with them; an empty text if nothing is."""


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise SynonymsError([f"{path}: there is no such file; correct the path"])
        if path.stat().st_size > MOST_BYTES:
            raise SynonymsError([f"{path}: the file has more than {MOST_BYTES >> 20} MiB; name a table of synonyms"])
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, SynonymsError):
            raise
        raise SynonymsError([f"{path}: the file cannot be read ({error})"]) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SynonymsError([f"{path}:{line}: the file is not UTF-8; save it as UTF-8"]) from None


def _lines(path: Path, text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.rstrip("\r").split("\t")
        if not line.strip():
            continue
        if len(fields) != 2:
            problem = f"the line has {len(fields)} fields; write a word, a tab and one neighbour"
            yield "", "", f"{path}:{number}: {problem}"
        else:
            problem = _problem(*fields)
            yield fields[0], fields[1], f"{path}:{number}: {problem}" if problem else ""


def _json_entries(path: Path, text: str) -> Iterator[Entry]:
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise SynonymsError([f"{path}:{error.lineno}: this is no JSON ({error.msg}); correct it"]) from None
    except RecursionError:
        raise SynonymsError([f"{path}:1: the lists are nested; " + _FORM]) from None
    if not isinstance(pairs, _Pairs):
        raise SynonymsError([f"{path}:1: the file is no JSON object; {_FORM}"])
    seen: dict[str, int] = {}
    for word, neighbours in pairs:
        seen[word] = seen.get(word, 0) + 1
        for neighbour, problem in _checked(word, neighbours, seen[word]):
            where = f"{path}:{_line_of(text, word, seen[word])}: " if problem else ""
            yield word, neighbour, where + problem


def _checked(word: str, neighbours: object, occurrence: int) -> Iterator[tuple[str, str]]:
    """Yield each neighbour of a word in a JSON object, and what is wrong with it."""
    if occurrence > 1:
        yield "", f"the word {word!r} is here a second time; join both lists"
    elif not isinstance(neighbours, list) or isinstance(neighbours, _Pairs):
        yield "", f"the neighbours of {word!r} are no list; {_FORM}"
    else:
        for neighbour in neighbours or [word]:
            yield str(neighbour), _problem(word, neighbour)


class _Pairs(list[tuple[str, object]]):
    """The entries of a JSON object, with repeated names."""


_FORM = 'write {"word": ["neighbour", ...]}'


def _problem(word: str, neighbour: object) -> str:
    """Return what is wrong with an entry, or an empty text."""
    for name, value in (("word", word), ("neighbour", neighbour)):
        if not isinstance(value, str):
            return f"the {name} {value!r} of {word!r} is no text; write it in quotes"
        if value.split() != [value]:
            reason = "is empty" if not value.strip() else "has white space, but one word is replaced by one word"
            return f"the {name} {value!r} {reason}; correct it"
    return ""


def _line_of(text: str, word: str, occurrence: int) -> int:
    """Return the line of the n-th entry of a word in a JSON text; 1 if its name is written with escapes."""
    written = {json.dumps(word), json.dumps(word, ensure_ascii=False)}
    pattern = re.compile("(?:" + "|".join(map(re.escape, written)) + r")\s*:")
    places = [match.start() for match in pattern.finditer(text)]
    return text.count("\n", 0, places[occurrence - 1]) + 1 if len(places) >= occurrence else 1
