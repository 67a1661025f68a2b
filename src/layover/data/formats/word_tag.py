"""One sentence per line, each word with its tag: `word|tag`, or `word|pos|tag` as in the C&C supertagger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import TEXT, numbered_lines
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row, Skipped
from layover.data.tally import COMMENT
from layover.errors import DataError

NAMES = {2: ("word", "tag"), 3: ("word", "pos", "tag")}
"""Number of parts of a token -> their names; the same in the whole file."""


def read(path: Path, layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield one row per line, with the columns `word`, `tag` and, if a token has three parts, `pos`.

    Lines that begin with `#` and a space are comments; the C&C tools write them at the top.

    Raises:
        DataError: the number of parts of a token differs from the first token, or a part is empty.
    """
    names: tuple[str, ...] = ()
    for number, line in numbered_lines(path, layout):
        tokens = [token.split("|") for token in line.split(" ") if token]
        if not tokens:
            continue
        if tokens[0] == ["#"]:
            yield Skipped(COMMENT, str(path), number)
            continue
        names = names or NAMES.get(len(tokens[0]), NAMES[2])
        for token in tokens:
            if len(token) != len(names) or "" in token:
                raise DataError(
                    f"{path}:{number}: {'|'.join(token)!r} does not have the form {'|'.join(names)}; correct it"
                )
        yield Row(dict(zip(names, map(list, zip(*tokens, strict=True)), strict=True)), str(path), number)


FORMAT = read
READS = TEXT
