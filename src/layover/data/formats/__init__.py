"""File formats: one file each, found by name; each turns a file into rows, none drops a line silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath

from layover import plugins
from layover.data.formats._doubts import doubts
from layover.data.formats._files import COMPRESSIONS
from layover.data.formats._layout import AUTO, FileLayout
from layover.data.formats._layout import CHARACTERS as SEPARATORS
from layover.data.formats._row import Row, Skipped
from layover.data.formats._sniff import WORDS as CONTENTS
from layover.data.formats._sniff import sniff
from layover.data.tally import Tally
from layover.errors import DataError
from layover.registry import Registry, a_function, instance_of

__all__ = [
    "AUTO",
    "CONTENTS",
    "JSON",
    "SEPARATORS",
    "FileLayout",
    "Row",
    "Skipped",
    "by_extension",
    "get",
    "names",
    "read",
    "reads",
    "sniff",
]

_FORMATS: Registry[Callable[[Path, FileLayout], Iterator[Row | Skipped]]] = Registry(
    __name__, __path__, "FORMAT", DataError, group=plugins.FORMATS, fits=a_function
)
names, get = _FORMATS.names, _FORMATS.get
_READS: Registry[frozenset[str]] = Registry(
    __name__, __path__, "READS", DataError, group=plugins.FORMATS, fits=instance_of(frozenset), beside=True
)
reads = _READS.get
"""Name of a format -> the settings of a layout that a recipe may change for it."""

# .tsv and .txt are a headed table and lines of text for most kinds, one word per line for tagging: the caller says
EXTENSIONS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "text",
    ".conll": "conll",
    ".conllu": "conllu",
    ".json": "squad",
    ".auto": "ccgbank",
    ".stagged": "word_tag",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}

JSON = frozenset({"json", "jsonl", "squad"})
"""Formats that a name hardly tells from each other, and the content does; see `sniff`."""

_NO_DATA = {
    ".xlsx": "a spreadsheet; save it as csv, in UTF-8",
    ".xls": "a spreadsheet; save it as csv, in UTF-8",
    ".ods": "a spreadsheet; save it as csv, in UTF-8",
    ".zip": "an archive; name the file in it: ARCHIVE.zip/FILE",
    ".tar": "an archive; unpack it",
    ".tgz": "an archive; unpack it",
    ".pkl": "a pickle, which may run any code when it is read; save it as jsonl or parquet",
    ".pickle": "a pickle, which may run any code when it is read; save it as jsonl or parquet",
    ".pt": "a pickle, which may run any code when it is read; save it as jsonl or parquet",
    ".rar": "an archive; unpack it",
    ".7z": "an archive; unpack it",
    ".docx": "a document of an office program; save it as text",
}


def read(path: Path, layout: FileLayout, tally: Tally | None = None) -> Iterator[Row]:
    """Yield the rows of a file; what is skipped is counted in `tally`.

    Raises:
        DataError: with file:line, for a malformed row; also for an unknown format or an unreadable file.
    """
    found = _FORMATS.get(layout.format)(path, layout)
    if layout.encoding is not None or layout.errors != "strict":
        found = chain(found, doubts(path, layout))
    return _rows(found, tally)


def _rows(found: Iterator[Row | Skipped], tally: Tally | None) -> Iterator[Row]:
    for one in found:
        if isinstance(one, Row):
            yield one
        elif tally is not None:
            tally.add(one.reason, f"{one.path}:{one.line}")


def by_extension(path: str, *, tagging: bool, sentences: bool = False) -> str:
    """Return the format that a file's name suggests, to a tagging task or to one of bare sentences.

    Raises:
        DataError: the name suggests none.
    """
    parts = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    extension = next((suffix for suffix in reversed(parts) if suffix not in COMPRESSIONS), "")
    if extension in _NO_DATA:
        raise DataError(f"{path}: its name says {_NO_DATA[extension]}")
    if tagging and extension in {".tsv", ".txt", ".bio", ".iob", ".iob2", ".bioes", ".bilou", ".conllx"}:
        return "conll"
    if sentences and extension == ".txt":
        return "lines"
    if extension == ".parg":  # CCGbank's other files
        raise DataError(
            f"{path}: holds dependencies, and words that have none, punctuation among them, are not in it, so not "
            "every word would have its category; name the .auto file of the same sentences"
        )
    if extension not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        raise DataError(f"{path}: its name does not tell its format ({known}); name one with `format`")
    return EXTENSIONS[extension]
