"""Commonsense questions about the world with five choices, in CommonsenseQA's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover_sandbox import world
from layover_sandbox.language import Language
from layover_sandbox.meaning import Fact
from layover_sandbox.sampling import Sampler, facts, split_of
from layover_sandbox.sets._base import LARGE, DataSet, as_json_lines

LETTERS = "ABCDE"


@dataclass(frozen=True, slots=True)
class Riddle:
    """A question about a general fact, with five concepts, one of which is the answer."""

    fact: Fact
    choices: tuple[str, ...]
    label: int


class Commonsense(DataSet[Riddle]):
    """Questions about typical places, materials, purposes and classes.

    Splits share the few facts, which are also in the pretraining text; they differ in the choices.
    """

    sizes: ClassVar[Mapping[str, int]] = LARGE

    def draw(self, sampler: Sampler) -> Riddle:
        dice = sampler.dice
        while True:
            fact = dice.pick(facts())
            right = fact.value if fact.relation in {"found", "made"} else fact.subject
            wrong = dice.shuffled(others(fact))[: len(LETTERS) - 1]
            choices = tuple(dice.shuffled([right, *wrong]))
            if split_of((fact, tuple(sorted(choices)))) == sampler.split:
                return Riddle(fact, choices, choices.index(right))

    def path(self, split: str, language: str) -> str:
        return f"commonsense/{'dev' if split == 'validation' else split}-{language}.jsonl"

    def render(self, meanings: Sequence[Riddle], split: str, language: Language) -> str:  # noqa: ARG002
        return as_json_lines((_row(number, item, language) for number, item in enumerate(meanings)))


def others(fact: Fact) -> list[str]:
    """Return concepts that do not answer the question of a fact."""
    if fact.relation == "found":
        also = world.ALSO_FOUND.get(fact.subject, ())
        return [place for place in world.PLACES if place != fact.value and place not in also]
    if fact.relation == "made":
        also = world.ALSO_MADE.get(fact.subject, ())
        return [material for material in world.MATERIALS if material != fact.value and material not in also]
    if fact.relation == "used":
        also = world.ALSO_USED.get(fact.value, ())
        return [noun for noun, purpose in world.USED.items() if purpose != fact.value and noun not in also]
    also = (*world.CLASSES[fact.value], *world.ALSO_KIND.get(fact.value, ()))
    return [noun for noun in world.NOUNS if world.CATEGORY_OF[noun] not in also]


def _row(number: int, item: Riddle, language: Language) -> dict[str, object]:
    stem = language.inquiry(language.fact_question(item.fact)).text
    texts = [language.citation(choice) for choice in item.choices]
    choices = [{"label": letter, "text": text} for letter, text in zip(LETTERS, texts, strict=True)]
    return {"id": f"{number:06d}", "answerKey": LETTERS[item.label], "question": {"stem": stem, "choices": choices}}


SET = Commonsense()
