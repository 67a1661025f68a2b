"""Two collections of sentences, some of which are translations: parallel sentence mining, in BUCC's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from layover_sandbox.language import Language
from layover_sandbox.languages import get
from layover_sandbox.sampling import Dice
from layover_sandbox.sets._base import ENGLISH
from layover_sandbox.sets._tagged import Utterance
from layover_sandbox.sets.aligned import Aligned


class Mined(Aligned):
    """`id<TAB>sentence` per line on each side; `id<TAB>id` per gold pair."""

    sizes: ClassVar[Mapping[str, int]] = {"validation": 1_500, "test": 1_500}

    @property
    def counts(self) -> Mapping[str, int]:
        """Return the number of sentences of both sides; each side has two thirds of the meanings."""
        return {split: 2 * (size - size // 3) for split, size in self.sizes.items()}

    def path(self, split: str, language: str) -> str:
        return f"mined/{language}-en.{'dev' if split == 'validation' else split}.{language}"

    def files(self, meanings: Sequence[Utterance], split: str, language: str) -> dict[str, str]:
        """Return the files; a third of the meanings is on both sides, and each side has a third of its own."""
        dice = Dice("mined", len(meanings))
        third = len(meanings) // 3
        both, here, there = meanings[:third], meanings[third : 2 * third], meanings[2 * third :]
        stem = self.path(split, language).rpartition(".")[0]
        texts, names = {}, []
        for code, side in ((language, (*both, *here)), (ENGLISH, (*both, *there))):
            order = dice.shuffled(side)
            names.append({utterance: f"{code}-{number:06d}" for number, utterance in enumerate(order, 1)})
            texts[f"{stem}.{code}"] = _numbered(order, names[-1], get(code))
        gold = (f"{names[0][utterance]}\t{names[1][utterance]}\n" for utterance in both)
        return {f"{stem}.gold": "".join(gold), **texts}


def _numbered(side: Sequence[Utterance], names: Mapping[Utterance, str], language: Language) -> str:
    return "".join(f"{names[utterance]}\t{utterance.sentence(language).text}\n" for utterance in side)


SET = Mined()
