"""Universal Dependencies treebanks, words joined as XTREME joins them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from layover.data.formats._files import numbered_lines
from layover.data.formats._layout import Layout
from layover.data.formats._row import Row, Skipped
from layover.data.tally import COMMENT, EMPTY_NODE, WORDLESS
from layover.errors import DataError

# which of several highest words of a fused form gives it its tag; from the converter XTREME uses
PRECEDENCE = (
    *("VERB", "NOUN", "PROPN", "PRON", "ADJ", "NUM", "ADV", "INTJ"),
    *("AUX", "ADP", "DET", "PART", "CCONJ", "SCONJ", "X", "PUNCT"),
)


@dataclass(frozen=True, slots=True)
class _Word:
    line: int
    form: str
    upos: str
    head: int


def read(path: Path, layout: Layout) -> Iterator[Row | Skipped]:
    """Yield one row per sentence, with the columns `form` and `upos`.

    A fused form (`3-4 zum`) stands for its words and takes the tag of the one nearest to the root. Empty
    nodes (`8.1`) are left out, zero-width non-joiners and inner spaces are taken out of words, and sentences
    whose words are all, or all but one, `_` are left out (treebanks without their text). Source:
    `udpos_preprocess` and `conllu_to_conll.py --replace_subtokens_with_fused_forms` of XTREME.

    Raises:
        DataError: a line does not have ten columns, or an id or head that is no number.
    """
    words: dict[int, _Word] = {}
    fused: dict[int, tuple[int, str]] = {}
    for number, line in numbered_lines(path, layout.errors):
        if line.startswith("#"):
            yield Skipped(COMMENT, str(path), number)
            continue
        if not line.strip():
            yield from _sentence(path, words, fused)
            words, fused = {}, {}
            continue
        columns = line.split("\t")
        try:
            if not _add(columns, number, words, fused):
                yield Skipped(EMPTY_NODE, str(path), number)
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}:{number}: not a CoNLL-U line ({line[:60]!r}: {error})") from error
    yield from _sentence(path, words, fused)


def _add(columns: list[str], number: int, words: dict[int, _Word], fused: dict[int, tuple[int, str]]) -> bool:
    """Take a line; return whether it holds a word, and no empty node."""
    if len(columns) != 10:
        raise ValueError(f"{len(columns)} columns instead of 10")
    name, form = columns[0], columns[1].replace("\u200c", "").replace(" ", "")
    if "." in name:
        return False
    if "-" in name:
        first, last = (int(part) for part in name.split("-"))
        fused[first] = (last, form)
    else:
        words[int(name)] = _Word(number, form, columns[3], int(columns[6]))
    return True


def _sentence(path: Path, words: Mapping[int, _Word], fused: Mapping[int, tuple[int, str]]) -> Iterator[Row | Skipped]:
    kept: list[_Word] = []
    index = 1
    while index <= len(words):
        if index not in words:
            raise DataError(
                f"{path}: the sentence before line {max(w.line for w in words.values()) + 1} "
                f"has no word {index}; number its words 1, 2, 3 ..."
            )
        last, form = fused.get(index, (index, words[index].form))
        head = words[index] if last == index else _head(words, range(index, last + 1))
        kept.append(_Word(words[index].line, form, head.upos, 0))
        index = last + 1
    hidden = sum(word.form == "_" for word in kept)
    if not kept:
        return
    if hidden and hidden >= len(kept) - 1:
        yield Skipped(WORDLESS, str(path), kept[0].line)
        return
    columns = {"form": [word.form for word in kept], "upos": [word.upos for word in kept]}
    lines = tuple(word.line for word in kept)
    yield Row(columns, str(path), lines[0], lines)


def _head(words: Mapping[int, _Word], span: range) -> _Word:
    depths = {index: _depth(words, index) for index in span}
    highest = [words[index] for index in span if depths[index] == min(depths.values())]
    return min(highest, key=lambda word: PRECEDENCE.index(word.upos) if word.upos in PRECEDENCE else 99)


def _depth(words: Mapping[int, _Word], index: int) -> int:
    seen: set[int] = set()
    while index in words and index not in seen:
        seen.add(index)
        index = words[index].head
    return len(seen)


FORMAT = read
READS: frozenset[str] = frozenset()
