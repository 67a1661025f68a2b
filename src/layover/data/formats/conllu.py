"""Universal Dependencies treebanks; each multiword token replaces its words, as in XTREME."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from layover.data.formats._files import TEXT, numbered_lines
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row, Skipped
from layover.data.tally import COMMENT, EMPTY_NODE, JOINED, WORDLESS
from layover.errors import DataError

# of several highest words of a fused form, the first tag in this list becomes its tag; from XTREME's converter
PRECEDENCE = (
    *("VERB", "NOUN", "PROPN", "PRON", "ADJ", "NUM", "ADV", "INTJ"),
    *("AUX", "ADP", "DET", "PART", "CCONJ", "SCONJ", "X", "PUNCT"),
)


COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""Names of the columns of CoNLL-U."""


@dataclass(frozen=True, slots=True)
class _Word:
    line: int
    columns: tuple[str, ...]
    """All ten columns."""
    head: int

    @property
    def upos(self) -> str:
        return self.columns[3]


def read(path: Path, layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield one row per sentence, with the columns `form` and `upos`; with all ten columns if the layout is `plain`.

    A fused form (`3-4 zum`) replaces its words; its tag and other columns are those of the word nearest to the root.
    Empty nodes (`8.1`) are left out. Unless the layout is `plain`, zero-width non-joiners and inner spaces of words are
    removed. Sentences in which all words, or all but one, are `_` are left out (treebanks without their text).

    Source: `udpos_preprocess` and `conllu_to_conll.py --replace_subtokens_with_fused_forms` of XTREME.

    Raises:
        DataError: a line does not have ten columns, or an id or head is not a number.
    """
    words: dict[int, _Word] = {}
    fused: dict[int, tuple[int, tuple[str, ...]]] = {}
    for number, line in numbered_lines(path, layout):
        if line.startswith("#"):
            yield Skipped(COMMENT, str(path), number)
            continue
        if not line.strip():
            yield from _sentence(path, words, fused, layout)
            words, fused = {}, {}
            continue
        columns = line.split("\t")
        try:
            if not _add(columns, number, words, fused):
                yield Skipped(EMPTY_NODE, str(path), number)
            elif "-" in columns[0]:
                yield Skipped(JOINED, str(path), number)
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}:{number}: not a CoNLL-U line ({line[:60]!r}: {error})") from error
    yield from _sentence(path, words, fused, layout)


def _add(
    columns: list[str], number: int, words: dict[int, _Word], fused: dict[int, tuple[int, tuple[str, ...]]]
) -> bool:
    """Store the word or fused form of a line; return False for an empty node."""
    if len(columns) != 10:
        raise ValueError(f"{len(columns)} columns instead of 10")
    name = columns[0]
    if "." in name:
        return False
    if "-" in name:
        first, last = (int(part) for part in name.split("-"))
        if last <= first or any(first <= other <= last for other in words):
            raise ValueError(f"the token {name} must be before its words")
        fused[first] = (last, tuple(columns))
    elif int(name) in words:
        raise ValueError(f"the sentence already has a word {name}")
    else:
        # only fused forms need a head; treebanks without trees have `_`
        words[int(name)] = _Word(number, tuple(columns), int(columns[6]) if columns[6] != "_" else 0)
    return True


def _sentence(
    path: Path, words: Mapping[int, _Word], fused: Mapping[int, tuple[int, tuple[str, ...]]], layout: FileLayout
) -> Iterator[Row | Skipped]:
    kept: list[_Word] = []
    index = 1
    while index <= len(words):
        if index not in words:
            raise DataError(
                f"{path}: the sentence before line {max(w.line for w in words.values()) + 1} "
                f"has no word {index}; number its words 1, 2, 3 ..."
            )
        last, written = fused.get(index, (index, words[index].columns))
        if last > len(words):
            raise DataError(f"{path}:{words[index].line}: the token {written[0]} ends after the last word; correct it")
        head = words[index] if last == index else _head(words, range(index, last + 1))
        kept.append(_Word(words[index].line, (*written[:2], *head.columns[2:]), 0))
        index = last + 1
    hidden = sum(word.columns[1] == "_" for word in kept)
    if not kept:
        return
    if hidden and hidden >= len(kept) - 1:
        yield Skipped(WORDLESS, str(path), kept[0].line)
        return
    columns = {name: [word.columns[index] for word in kept] for index, name in enumerate(COLUMNS)}
    if not layout.plain:
        forms = [form.replace("\u200c", "").replace(" ", "") for form in columns["form"]]
        columns = {"form": forms, "upos": columns["upos"]}
    lines = tuple(word.line for word in kept)
    advice = f"use the column names of CoNLL-U ({', '.join(COLUMNS)}): `tokens: form`, `tags: upos`"
    yield Row(columns, str(path), lines[0], lines, advice)


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
READS = TEXT
