"""The comment lines of a CoNLL file: by the prefix that the layout declares, else by their form.

A hashtag is a word, and `# _ _ O` is an ordinary line of a word. A comment is before the words of a sentence and has
the form `# id ...` or `# text = ...`, or a number of columns that differs from the words. A line that could be both is
an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from layover.data.formats._files import numbered_lines
from layover.data.formats._layout import FileLayout
from layover.data.tally import COMMENT, COMMENT_AS_WIDE, Reason
from layover.errors import DataError

KEYED = re.compile(r"#+(?:\s*[A-Za-z_][\w.:-]*(?:\[\w+\])?\s*=|\s+(?:newdoc|newpar)\b|\s+(?:sent_?id|id|text)\s+\S)")
"""`# text = ...`, `#sent_id=3`, `# id 5239`, `# newdoc id = 1`."""


class Comments:
    """Distinguishes comments from words in one file.

    Args:
        path: The file.
        layout: `comments` is the prefix of comments; None: decide by the form; empty text: the file has no comments.
    """

    def __init__(self, path: Path, layout: FileLayout) -> None:
        self._path = path
        self._layout = layout

    def holds(self, number: int, line: str, *, before_words: bool) -> bool:
        """Return whether a line is a comment.

        Args:
            number: Line number, from 1.
            line: The line.
            before_words: Whether the line is before the first word of the sentence.

        Raises:
            DataError: the line could be a comment or a word.
        """
        declared = self._layout.comments
        if declared is not None:
            return declared != "" and line.startswith(declared)
        if not line.startswith("#"):
            return False
        values = columns_of(line, self._layout)
        keyed = KEYED.match(line) is not None
        spaced = " " in values[0]  # only between tabs
        fits = self._fits(values)
        if fits and not keyed and not spaced:
            return False  # a hashtag, or the word "#"
        # a line with a tag of other words is a word if it has their width; so is "#" with only a tag
        tagged = values[-1] in self._last_values and (fits or (len(values) == 2 and not keyed))
        if fits and tagged and values[0] != "#" and not spaced:
            return False
        shaped = keyed or (line[1:2] in {" ", "\t", "#"} and len(line.split()) > 1 and not fits)
        hashtag = fits and values[0] != "#" and not spaced  # `#win=2` with a tag
        if tagged or hashtag or not before_words or not shaped:
            raise self._ambiguous(number, line)
        return True

    def reason(self, line: str) -> Reason:
        """Return the reason that counts a comment line; without `comments`, a comment as wide as a word has its own."""
        fits = self._layout.comments is None and self._fits(columns_of(line, self._layout))
        return COMMENT_AS_WIDE if fits else COMMENT

    def _fits(self, values: list[str]) -> bool:
        header = self._layout.header
        if header is not None:
            return len(header) - self._layout.optional <= len(values) <= len(header)
        return self._width in (None, len(values))

    @cached_property
    def _width(self) -> int | None:
        """Number of columns of the first line that does not begin with `#`, or None if absent."""
        return next((len(values) for values in self._words()), None)

    @cached_property
    def _last_values(self) -> frozenset[str]:
        """Values of the last column of the lines that do not begin with `#`: mostly the tags."""
        return frozenset(values[-1] for values in self._words() if self._fits(values))

    def _words(self) -> Iterator[list[str]]:
        for _, line in numbered_lines(self._path, self._layout):
            if not is_blank(line) and not line.startswith(("#", "-DOCSTART-")):
                yield columns_of(line, self._layout)

    def _ambiguous(self, number: int, line: str) -> DataError:
        return DataError(
            f"{self._path}:{number}: {line[:60]!r} may be a comment, or a word with its columns; declare "
            '`comments`: the prefix of all comments (`comments: "# "`), or `comments: ""` if the file has none'
        )


_BLANKS = re.compile(r"[ \t]+")

_OTHER_SIGN = re.compile(r"(%+|;+|//+|\*+|!+|--+)(\s|\w|$)")
"""Other prefixes of comments, in files of other tools."""


def comment_advice(path: Path, lines: Iterable[tuple[int, str]], layout: FileLayout) -> str:
    """Return advice if one of the numbered lines looks like a comment, else an empty text."""
    for number, line in lines if layout.comments is None else ():
        if sign := _OTHER_SIGN.match(line):
            return f"; if {path}:{number} ({line[:60]!r}) is a comment, declare `comments: {sign[1]!r}`"
    return ""


def is_blank(line: str) -> bool:
    """Return whether a line ends a sentence; Unicode spaces other than the plain one belong to words."""
    return not line.strip(" \t\r\f\v")


def columns_of(line: str, layout: FileLayout) -> list[str]:
    """Return the columns of a line; `whitespace` means tabs and plain spaces, as other spaces occur within words."""
    delimiter = layout.delimiter()
    return line.split(delimiter) if delimiter else _BLANKS.split(line.strip(" \t"))
