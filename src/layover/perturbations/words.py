"""words: a word is deleted, swapped with the next word, or repeated."""

from __future__ import annotations

from layover.perturbations._base import Perturbation, TextWords, WordChange
from layover.stable_random import StableRandom


class Words(Perturbation):
    """A share of the words is deleted, swapped or repeated. One word of a text always stays.

    Two words of gold never become neighbours by a deletion, because two entities could then be read as one.
    """

    name = "words"

    def change(self, sentence: TextWords, at: int, random: StableRandom) -> WordChange | None:
        word, after = sentence.words[at], at + 1
        options = [WordChange(((at, word), (at, word)))]
        if sentence.left > 1 and not (sentence.after_kept and sentence.ends_kept(at)):
            options.append(WordChange(()))
        if after < len(sentence.words) and sentence.free[after] and sentence.free_gaps[after]:
            other = sentence.words[after]
            options += [WordChange(((after, other), (at, word)), taken=2)] if other != word else []
        return random.pick(options, "operation")


PERTURBATION = Words
