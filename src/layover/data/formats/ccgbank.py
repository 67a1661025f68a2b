"""CCGbank's derivations, `.auto`: the words of each sentence and their lexical categories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import TEXT, numbered_lines
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.errors import DataError

LEAF = re.compile(r"\(<L (\S+) \S+ \S+ (\S+) \S+>\)")
"""`(<L category POS POS word category-with-indices>)`: the category and the word."""
NAME = "ID="


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield one row per sentence, with the columns `word` and `tag` (the category).

    A sentence is a line `ID=...` and a line with its derivation; only the leaves of the derivation are read. Words stay
    unchanged, for example brackets as `-LRB-`.

    Source: AUTO.readme of LDC2005T13.

    Raises:
        DataError: a name without a derivation, a derivation without a name, or a leaf with other than five fields.
    """
    named = 0
    for number, line in numbered_lines(path, layout):
        if not line.strip():
            continue
        if line.startswith(NAME) == bool(named):
            wanted = "the derivation of the sentence named above" if named else f"a line that begins with {NAME!r}"
            raise DataError(f"{path}:{number}: the line is {line[:40]!r}, but must be {wanted}; correct the file")
        named = 0 if named else number
        if not named:
            yield _sentence(path, number, line)
    if named:
        raise DataError(f"{path}:{named}: the last sentence has no derivation; correct the file")


def _sentence(path: Path, number: int, line: str) -> Row:
    leaves = LEAF.findall(line)
    if not leaves or len(leaves) != line.count("(<L"):
        raise DataError(
            f"{path}:{number}: the derivation has {line.count('(<L')} leaves, of which {len(leaves)} have the form "
            "(<L category POS POS word category>); correct the derivation"
        )
    columns = {"word": [word for _, word in leaves], "tag": [category for category, _ in leaves]}
    return Row(columns, str(path), number)


FORMAT = read
READS = TEXT
