"""A perturbation: words in capitals, with a sign after them."""

from __future__ import annotations

from typing import ClassVar

from layover.perturbations import Perturbation, StableRandom, TextWords, WordChange


class Shouted(Perturbation):
    """A word in capitals."""

    name: ClassVar[str] = "shouted"

    def change(self, sentence: TextWords, at: int, random: StableRandom) -> WordChange | None:
        return WordChange(((at, f"{sentence.words[at].upper()}{random.pick('!?', 'sign')}"),))


PERTURBATION = Shouted
