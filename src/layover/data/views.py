"""Other views of encoded rows: words cut into other tokens, or replaced by translations.

A view has the same words in the same order. Every token of a row has a place in its view: the token that holds its
first character, or the first token of the translation of its word. So answers for tokens can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Protocol

import numpy as np
import numpy.typing as npt

from layover.data.tokenizer import METASPACE, Ids, Tokenizer
from layover.errors import ModelError
from layover.stable_random import StableRandom

CONTINUES = "##"
"""The beginning of a token that continues a word, in WordPiece."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowView:
    """A row with other tokens."""

    ids: Ids
    origins: Places
    """For each token of the view, a token of the row that it stands for, (n,)."""
    places: Places
    """For each token of the row, its token in the view, (m,)."""


class Rewrite(Protocol):
    """Returns other tokens of a word."""

    def __call__(self, word: str, random: StableRandom) -> tuple[Ids, Sequence[int]] | None:
        """Return the new tokens and the character at which each begins; None keeps the word as it is.

        Args:
            word: The text of the tokens, with the mark of a word's beginning.
            random: Random numbers of this word.
        """
        ...


class Rewriter:
    """Makes views of rows.

    Args:
        tokenizer: The tokenizer of the rows.
        rewrite: Rewrites a word.
        share: Share of the words that are rewritten.
        longest: Most tokens of a view; words that would make it longer stay.
    """

    def __init__(self, tokenizer: Tokenizer, rewrite: Rewrite, share: float, longest: int) -> None:
        self._tokenizer, self._rewrite, self._share, self._longest = tokenizer, rewrite, share, longest
        self._special = tokenizer.special
        self._pieces = marked_pieces(tokenizer)

    def view(self, ids: Ids, *name: int) -> RowView:
        """Return a view of a row; special tokens stay.

        Args:
            ids: The tokens, (n,) int32.
            name: The numbers that decide the view: seed, step and row.
        """
        row = tuple(map(str, name))
        parts: list[Ids] = []
        origins, places, count, grown = list[int](), list[int](), 0, len(ids)
        for start, end in self._words(ids):
            own = ids[start:end]
            texts = [self._pieces.get(int(token), "") for token in own]
            new, begins = own, _begins(texts)
            random = StableRandom((*row, str(start)))
            drawn = int(own[0]) not in self._special and random.share("word") < self._share
            rewritten = self._rewrite("".join(texts), random) if drawn else None
            if rewritten is not None and grown + len(rewritten[0]) - len(own) <= self._longest:
                new, new_begins = rewritten
                grown += len(new) - len(own)
                held = np.searchsorted(new_begins, begins, side="right") - 1
                origin = np.searchsorted(begins, new_begins, side="right") - 1
            else:
                held = origin = np.arange(len(own))
            parts.append(new)
            places += [count + int(place) for place in held]
            origins += [start + int(place) for place in origin]
            count += len(new)
        return RowView(np.concatenate(parts), np.array(origins, np.int64), np.array(places, np.int64))

    def _words(self, ids: Ids) -> list[tuple[int, int]]:
        """Return start and end of each word; a special token is a word of its own."""
        starts = []
        for number, token in enumerate(map(int, ids)):
            special = token in self._special
            after = number > 0 and int(ids[number - 1]) in self._special
            if special or after or number == 0 or self._pieces.get(token, METASPACE).startswith(METASPACE):
                starts.append(number)
        return list(zip(starts, [*starts[1:], len(ids)], strict=True))


def _begins(texts: Sequence[str]) -> Sequence[int]:
    """Return the character at which each token begins."""
    return list(accumulate(map(len, texts[:-1]), initial=0))


def marked_pieces(tokenizer: Tokenizer) -> Mapping[int, str]:
    """Return the text of each token, where the first token of a word begins with `▁`.

    Raises:
        ModelError: the tokens of this kind of tokenizer do not show where words begin.
    """
    kind, tokens = tokenizer.algorithm, tokenizer.tokens
    if kind == "Unigram":
        return tokens
    if kind == "WordPiece":
        return {
            token: text.removeprefix(CONTINUES) if text.startswith(CONTINUES) else METASPACE + text
            for token, text in tokens.items()
        }
    raise ModelError(f"views of rows need a unigram or WordPiece tokenizer, but this one is {kind}")


class SubwordSampling:
    """Cuts a word into other tokens, with probabilities in proportion to p^alpha.

    Source: Kudo 2018, Subword Regularization (arXiv:1804.10959), over all cuts.

    Args:
        tokenizer: A unigram tokenizer.
        alpha: The exponent.

    Raises:
        ModelError: the tokenizer is of another kind.
    """

    def __init__(self, tokenizer: Tokenizer, alpha: float) -> None:
        if tokenizer.algorithm != "Unigram":
            raise ModelError(
                f"subword sampling needs a unigram tokenizer, as XLM-R's, but this one is {tokenizer.algorithm}; "
                "use view: dictionary"
            )
        self._alpha = alpha
        special = tokenizer.special
        scores = tokenizer.scores
        self._ids = {text: token for token, text in tokenizer.tokens.items() if token not in special}
        self._scores = {text: scores[token] for text, token in self._ids.items() if token in scores}
        self._longest = max(map(len, self._scores), default=0)
        self._lattice = lru_cache(maxsize=100_000)(self._lattice_of)

    def __call__(self, word: str, random: StableRandom) -> tuple[Ids, Sequence[int]] | None:
        lattice = self._lattice(word)
        if not lattice[-1]:
            return None
        end, begins, ids = len(word), list[int](), list[int]()
        while end:
            options = lattice[end]
            drawn = random.share("cut", str(end))
            start = next((start for start, up_to in options if drawn < up_to), options[-1][0])
            begins.append(start)
            ids.append(self._ids[word[start:end]])
            end = start
        return np.array(ids[::-1], np.int32), begins[::-1]

    def _lattice_of(self, word: str) -> list[list[tuple[int, float]]]:
        """Return for each end of a token its starts, with their cumulative probabilities."""
        total = [0.0, *[-math.inf] * len(word)]
        lattice: list[list[tuple[int, float]]] = [[] for _ in range(len(word) + 1)]
        for end in range(1, len(word) + 1):
            weights = [
                (start, total[start] + self._alpha * self._scores[word[start:end]])
                for start in range(max(0, end - self._longest), end)
                if total[start] > -math.inf and word[start:end] in self._scores
            ]
            if weights:
                largest = max(weight for _, weight in weights)
                shares = [math.exp(weight - largest) for _, weight in weights]
                total[end] = largest + math.log(sum(shares))
                sums = np.cumsum(shares) / sum(shares)
                lattice[end] = [(start, float(up_to)) for (start, _), up_to in zip(weights, sums, strict=True)]
        return lattice


class Translation:
    """Replaces a word by a translation, all translations of a word with equal probabilities.

    Args:
        tokenizer: The tokenizer of the rows.
        table: Word in lower case -> translations.
    """

    def __init__(self, tokenizer: Tokenizer, table: Mapping[str, Sequence[str]]) -> None:
        self._table = table
        self._encoded = lru_cache(maxsize=100_000)(lambda text: tokenizer.pieces([text])[text].ids)

    def __call__(self, word: str, random: StableRandom) -> tuple[Ids, Sequence[int]] | None:
        text = word.removeprefix(METASPACE)
        core = text.strip("".join(letter for letter in text if not letter.isalnum()))
        translations = self._table.get(core.lower()) if core else None
        if not translations:
            return None
        ids: Ids = self._encoded(text.replace(core, random.pick(translations, "translation"), 1))
        # all tokens of the word have their place at the first token of the translation
        return (ids, [0, *[len(word)] * (len(ids) - 1)]) if len(ids) else None
