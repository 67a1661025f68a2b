"""File formats, one module each, by name; each turns a file into rows and reports every line it skips."""

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

# .tsv is a table with a header and .txt has lines of text; for tagging both have one word per line (see by_extension)
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
"""Formats that the content distinguishes better than the file name; see `sniff`."""

_NO_DATA = {
    ".xlsx": "a spreadsheet; save it as csv, in UTF-8",
    ".xls": "a spreadsheet; save it as csv, in UTF-8",
    ".ods": "a spreadsheet; save it as csv, in UTF-8",
    ".zip": "an archive; name the file inside: ARCHIVE.zip/FILE",
    ".tar": "an archive; unpack it",
    ".tgz": "an archive; unpack it",
    ".pkl": "a pickle, which can run any code when it is read; save it as jsonl or parquet",
    ".pickle": "a pickle, which can run any code when it is read; save it as jsonl or parquet",
    ".pt": "a pickle, which can run any code when it is read; save it as jsonl or parquet",
    ".rar": "an archive; unpack it",
    ".7z": "an archive; unpack it",
    ".docx": "an office document; save it as text",
}


def read(path: Path, layout: FileLayout, tally: Tally | None = None) -> Iterator[Row]:
    """Yield the rows of a file; `tally` counts the skipped lines.

    Raises:
        DataError: with file:line, for a malformed row; also for an unknown format or an unreadable file.
    """
    items = _FORMATS.get(layout.format)(path, layout)
    if layout.encoding is not None or layout.errors != "strict":
        items = chain(items, doubts(path, layout))
    return _rows(items, tally)


def _rows(items: Iterator[Row | Skipped], tally: Tally | None) -> Iterator[Row]:
    for item in items:
        if isinstance(item, Row):
            yield item
        elif tally is not None:
            tally.add(item.reason, f"{item.path}:{item.line}")


def by_extension(path: str, *, tagging: bool, sentences: bool = False) -> str:
    """Return the format that a file's name suggests.

    Args:
        path: The file, possibly compressed.
        tagging: Whether the task is a tagging task: its `.tsv` and `.txt` files have one word per line.
        sentences: Whether every line is one sentence, so that `.txt` means `lines`.

    Raises:
        DataError: the name suggests no format, or a file without readable rows.
    """
    parts = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    extension = next((suffix for suffix in reversed(parts) if suffix not in COMPRESSIONS), "")
    if extension in _NO_DATA:
        raise DataError(f"{path}: the extension {extension} means {_NO_DATA[extension]}")
    if tagging and extension in {".tsv", ".txt", ".bio", ".iob", ".iob2", ".bioes", ".bilou", ".conllx"}:
        return "conll"
    if sentences and extension == ".txt":
        return "lines"
    if extension == ".parg":  # CCGbank's other files
        raise DataError(
            f"{path}: a .parg file has only words with dependencies, so some words (for example punctuation) would "
            "have no category; name the .auto file of the same sentences"
        )
    if extension not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        raise DataError(f"{path}: the extension is not one of {known}; declare the format with `format`")
    return EXTENSIONS[extension]
