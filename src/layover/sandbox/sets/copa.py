"""Choice of plausible alternatives: which of two sentences is the cause, or the effect? In XCOPA's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover.sandbox.language import Language
from layover.sandbox.meaning import Clause
from layover.sandbox.sampling import Sampler, split_of
from layover.sandbox.scripts import LINKS, draw_nouns, filled, unrelated
from layover.sandbox.sets._base import SMALL, DataSet, as_json_lines, told
from layover.sandbox.sets.completion import cast


@dataclass(frozen=True, slots=True)
class Alternatives:
    """A premise, two sentences, which of them, and what it is to the premise."""

    premise: Clause
    choices: tuple[Clause, Clause]
    question: str
    label: int


class Copa(DataSet[Alternatives]):
    """The wrong choice is a cause, or an effect, of something else."""

    sizes: ClassVar[Mapping[str, int]] = SMALL

    def draw(self, sampler: Sampler) -> Alternatives:
        """See `DataSet.draw`."""
        dice = sampler.dice
        while True:
            link, question = dice.pick(LINKS), dice.pick(("cause", "effect"))
            people, nouns = cast(sampler), draw_nouns(sampler)
            other = unrelated(sampler, link)[0]
            wrong = other.effect if question == "effect" else other.cause
            premise, right = (link.cause, link.effect) if question == "effect" else (link.effect, link.cause)
            label = dice.below(2)
            pair = [filled(clause, people, nouns) for clause in ((right, wrong) if label == 0 else (wrong, right))]
            said = filled(premise, people, nouns)
            if pair[0] != pair[1] and split_of((said, pair[label])) == sampler.split:
                return Alternatives(said, (pair[0], pair[1]), question, label)

    def path(self, split: str, language: str) -> str:
        """See `DataSet.path`."""
        return f"copa/{'val' if split == 'validation' else split}.{language}.jsonl"

    def render(self, meanings: Sequence[Alternatives], split: str, language: Language) -> str:  # noqa: ARG002
        """See `DataSet.render`."""
        return as_json_lines((_row(number, item, language) for number, item in enumerate(meanings)))


def _row(number: int, item: Alternatives, language: Language) -> dict[str, object]:
    first, second = (told(language, choice) for choice in item.choices)
    return {
        "premise": told(language, item.premise),
        "choice1": first,
        "choice2": second,
        "question": item.question,
        "label": item.label,
        "idx": number,
    }


SET = Copa()
