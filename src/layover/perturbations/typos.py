"""typos: a character of a word is deleted, swapped with the next, doubled, inserted, or is a neighbour's key."""

from __future__ import annotations

from collections.abc import Sequence

from layover.perturbations._base import Perturbation, TextWords, WordChange
from layover.perturbations._graphemes import graphemes
from layover.perturbations._keyboards import neighbours
from layover.perturbations._split import is_word, same_script
from layover.stable_random import StableRandom


class Typos(Perturbation):
    """One typing error in a share of the words.

    A key of the keyboard comes from the layout of the letter's script. A letter without a known layout is followed by
    a letter of its word or of the words beside it.
    """

    name = "typos"

    def change(self, sentence: TextWords, at: int, random: StableRandom) -> WordChange | None:
        parts = graphemes(sentence.words[at])
        letters = [place for place, part in enumerate(parts) if is_word(part[0])]
        near = "".join(sentence.words[max(at - 1, 0) : at + 2])
        options = [
            word
            for word in (
                _deleted(parts, letters, random),
                _swapped(parts, letters, random),
                _doubled(parts, letters, random),
                _inserted(parts, letters, near, random),
                _beside(parts, letters, random),
            )
            if word is not None
        ]
        return WordChange(((at, random.pick(options, "operation")),)) if options else None


PERTURBATION = Typos


def _deleted(parts: Sequence[str], letters: Sequence[int], random: StableRandom) -> str | None:
    if len(letters) < 2:
        return None
    place = random.pick(letters, "delete")
    return "".join([*parts[:place], *parts[place + 1 :]])


def _swapped(parts: Sequence[str], letters: Sequence[int], random: StableRandom) -> str | None:
    pairs = [place for place in letters if place + 1 in letters and parts[place] != parts[place + 1]]
    if not pairs:
        return None
    place = random.pick(pairs, "swap")
    return "".join([*parts[:place], parts[place + 1], parts[place], *parts[place + 2 :]])


def _doubled(parts: Sequence[str], letters: Sequence[int], random: StableRandom) -> str | None:
    if not letters:
        return None
    place = random.pick(letters, "double")
    return "".join([*parts[: place + 1], *parts[place:]])


def _inserted(parts: Sequence[str], letters: Sequence[int], near: str, random: StableRandom) -> str | None:
    if not letters:
        return None
    place = random.pick(letters, "insert")
    others = neighbours(parts[place]) or _alike(parts[place], near)
    return "".join([*parts[: place + 1], random.pick(others, "inserted"), *parts[place + 1 :]]) if others else None


def _beside(parts: Sequence[str], letters: Sequence[int], random: StableRandom) -> str | None:
    keyed = [place for place in letters if neighbours(parts[place])]
    if not keyed:
        return None
    place = random.pick(keyed, "key")
    return "".join([*parts[:place], random.pick(neighbours(parts[place]), "pressed"), *parts[place + 1 :]])


def _alike(grapheme: str, text: str) -> tuple[str, ...]:
    """Return the other graphemes of a text in the same script, sorted."""
    parts = {part for part in graphemes(text) if is_word(part[0]) and same_script(part, grapheme)}
    return tuple(sorted(parts - {grapheme}))
