"""Applies a perturbation to texts: selects words, keeps gold, moves the places of answers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from layover.identity import Json
from layover.perturbations._base import Perturbation, TextWords, WordChange
from layover.perturbations._split import is_word, words_of
from layover.stable_random import StableRandom

Span = tuple[int, int]
"""First character, and the character after the last."""


@dataclass(frozen=True)
class _Part:
    """A part of the new text."""

    text: str
    word: int | None = None
    """The number of the word that it comes from; None for a gap."""
    start: int | None = None
    """Its place in the old text, if it is unchanged."""
    free: bool = True
    """Whether its spaces may be removed."""


SECOND = frozenset({"second", "question"})
"""Fields that have the second language of a pair; the others have the first."""
_PAIR = re.compile(r"([a-z]{2,3})-([a-z]{2,3})")


def spoken(language: str, field_name: str) -> str:
    """Return the language of a field: of a pair of languages, `tr-en`, one of both."""
    pair = _PAIR.fullmatch(language)
    return language if pair is None else pair[2 if field_name in SECOND else 1]


@dataclass
class Perturber:
    """Perturbs the texts of one language, and counts their words."""

    perturbation: Perturbation
    seed: int
    language: str
    outside: tuple[str, ...] = ()
    """tagging: the tags of words that may change; empty if words of every tag may."""
    words: int = field(default=0, init=False)
    """Number of words that could change."""
    changed: int = field(default=0, init=False)
    """Number of words that changed."""

    def text(self, field_name: str, text: str) -> str:
        """Return a text with changes.

        Args:
            field_name: The field of the example: equal texts in two fields change in different words.
            text: The text.
        """
        return self.around(field_name, text, ())[0]

    def around(self, field_name: str, text: str, spans: Sequence[Span]) -> tuple[str, list[int]]:
        """Return a text with changes outside of some spans, and the new first character of each span."""
        places = words_of(text)
        borders = [0, *(border for word in places for border in (word.start, word.end)), len(text)]
        gaps = [(borders[2 * number], borders[2 * number + 1]) for number in range(len(places) + 1)]
        kept = [_meets((word.start, word.end), spans) for word in places]
        sentence = TextWords(
            words=[text[word.start : word.end] for word in places],
            gaps=[text[start:end] for start, end in gaps],
            spaced=[word.spaced for word in places],
            free=[not inside for inside in kept],
            kept=kept,
            free_gaps=[not _meets(gap, spans) for gap in gaps],
            language=spoken(self.language, field_name),
            left=len(places),
        )
        parts = list(self._parts(sentence, self._random(field_name, text)))
        return "".join(part.text for part in parts), [_moved(start, parts) for start, _ in spans]

    def tokens(self, tokens: Sequence[str], kept: Sequence[bool]) -> list[tuple[int, str]]:
        """Return the words of a sentence with changes, each with the number of the word that it comes from.

        Args:
            tokens: The words.
            kept: Whether each word is part of gold and stays as it is.
        """
        can_change = [is_word(token) for token in tokens]
        sentence = TextWords(
            words=tokens,
            gaps=[""] * (len(tokens) + 1),
            spaced=[True] * len(tokens),
            free=[can and not keep for can, keep in zip(can_change, kept, strict=True)],
            kept=kept,
            free_gaps=[True] * (len(tokens) + 1),
            language=self.language,
            left=sum(can_change),
        )
        changed: list[tuple[int, str]] = []
        for part in self._parts(sentence, self._random("tokens", "\x1e".join(tokens))):
            if part.word is not None:
                changed.append((part.word, part.text))
            elif changed and not part.text.isspace():  # a sign that follows a word
                changed[-1] = changed[-1][0], changed[-1][1] + part.text
        return changed

    def summary(self) -> dict[str, Json]:
        """Return the label of the perturbation, its seed, the words that could change and the words that did."""
        counts: dict[str, Json] = {"words": self.words, "changed": self.changed}
        return {"perturbation": self.perturbation.label, "seed": self.seed, **counts}

    def _random(self, field_name: str, text: str) -> StableRandom:
        """Return the random numbers of a text; the rate decides none, so a higher rate selects more words."""
        hashed = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return StableRandom((str(self.seed), self.perturbation.name, self.language, field_name, hashed))

    def _parts(self, sentence: TextWords, random: StableRandom) -> Iterator[_Part]:
        """Yield the parts of the new text, in their order."""
        starts = _starts(sentence)
        # the gaps since the last word: a deletion cuts their spaces
        gaps = [_Part(sentence.gaps[0], start=0, free=sentence.free_gaps[0])]
        at = 0
        while at < len(sentence.words):
            change = self._changed(sentence, at, random) or WordChange(((at, sentence.words[at]),))
            after = at + change.taken
            gap = _Part(sentence.gaps[after], start=starts[2 * after], free=sentence.free_gaps[after])
            if change.gap is not None:
                gap = _Part(change.gap)
            if change.words:
                yield from gaps
                yield from self._words(sentence, change, at, starts)
                sentence.after_kept = sentence.kept[after - 1]
                gaps = [gap]
            else:
                sentence.left -= 1
                gaps = _joined(gaps, gap)
            at = after
        yield from gaps

    def _changed(self, sentence: TextWords, at: int, random: StableRandom) -> WordChange | None:
        """Return the change of a word; None if it stays. Counts it."""
        if not sentence.free[at] or not self.perturbation.applies(sentence.words[at], sentence.language):
            return None
        self.words += 1
        own = StableRandom((*random.name, str(at)))
        if own.share("select") >= self.perturbation.percent / 100:
            return None
        change = self.perturbation.change(sentence, at, own)
        if change is not None:
            self.words += change.taken - 1
            self.changed += 1
        return change

    def _words(self, sentence: TextWords, change: WordChange, at: int, starts: Sequence[int]) -> Iterator[_Part]:
        """Yield the words of a change; between two of them is the old gap, or a space."""
        for number, (source, word) in enumerate(change.words):
            if number and change.taken > 1:
                yield _Part(sentence.gaps[at + number], start=starts[2 * (at + number)])
            elif number:
                yield _Part(" " if sentence.spaced[at] else "")
            same = change.taken == 1 == len(change.words) and word == sentence.words[at]
            yield _Part(word, source, starts[2 * at + 1] if same else None)


def _starts(sentence: TextWords) -> list[int]:
    """Return the first character of each gap and of each word, in their order."""
    starts = [0]
    for number, word in enumerate(sentence.words):
        starts.append(starts[-1] + len(sentence.gaps[number]))
        starts.append(starts[-1] + len(word))
    return starts


def _joined(before: Sequence[_Part], after: _Part) -> list[_Part]:
    """Return the gaps around a deleted word, without the spaces on one of its sides."""
    cut = after.text.lstrip()
    if after.free and len(cut) < len(after.text):
        start = None if after.start is None else after.start + len(after.text) - len(cut)
        return [*before, replace(after, text=cut, start=start)]
    whole = [part for part in before if part.text]
    if whole and whole[-1].free:
        whole[-1] = replace(whole[-1], text=whole[-1].text.rstrip())
    return [*whole, after]


def _meets(part: Span, spans: Sequence[Span]) -> bool:
    return any(part[0] < end and start < part[1] for start, end in spans)


def _moved(start: int, parts: Sequence[_Part]) -> int:
    """Return the new place of a character of an unchanged part."""
    place = 0
    for part in parts:
        if part.start is not None and part.start <= start < part.start + len(part.text):
            return place + start - part.start
        place += len(part.text)
    return place
