"""Choice of plausible alternatives: which of two sentences is the cause, or the effect; in XCOPA's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover_sandbox.language import Language
from layover_sandbox.meaning import Clause
from layover_sandbox.sampling import Sampler
from layover_sandbox.scripts import draw_link, unrelated
from layover_sandbox.sets._base import SMALL, DataSet, as_json_lines, sentence_of


@dataclass(frozen=True, slots=True)
class Alternatives:
    """A premise, two choices, the question (`cause` or `effect`), and the index of the right choice."""

    premise: Clause
    choices: tuple[Clause, Clause]
    question: str
    label: int


class Copa(DataSet[Alternatives]):
    """The wrong choice is a cause, or an effect, of another clause."""

    sizes: ClassVar[Mapping[str, int]] = SMALL

    def draw(self, sampler: Sampler) -> Alternatives:
        dice = sampler.dice
        while True:
            story, question = draw_link(sampler), dice.pick(("cause", "effect"))
            others = unrelated(sampler, story.link)
            choices = (story.fill(other.effect if question == "effect" else other.cause) for other in others)
            wrong = next((choice for choice in choices if sampler.owns(choice)), None)
            premise, right = (story.cause, story.effect) if question == "effect" else (story.effect, story.cause)
            label = dice.below(2)
            if wrong is not None and wrong != right:
                return Alternatives(premise, (right, wrong) if label == 0 else (wrong, right), question, label)

    def path(self, split: str, language: str) -> str:
        return f"copa/{'val' if split == 'validation' else split}.{language}.jsonl"

    def render(self, meanings: Sequence[Alternatives], split: str, language: Language) -> str:  # noqa: ARG002
        return as_json_lines((_row(number, item, language) for number, item in enumerate(meanings)))


def _row(number: int, item: Alternatives, language: Language) -> dict[str, object]:
    first, second = (sentence_of(language, choice) for choice in item.choices)
    return {
        "premise": sentence_of(language, item.premise),
        "choice1": first,
        "choice2": second,
        "question": item.question,
        "label": item.label,
        "idx": number,
    }


SET = Copa()
