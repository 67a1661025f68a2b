"""Sentence completion: a short story with four possible endings, in HellaSwag's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover_sandbox.language import Language
from layover_sandbox.meaning import Clause, Name
from layover_sandbox.sampling import Sampler
from layover_sandbox.scripts import draw_link, unrelated
from layover_sandbox.sets._base import LARGE, DataSet, as_json_lines, sentence_of

ENDINGS = 4


@dataclass(frozen=True, slots=True)
class Story:
    """Two sentences, four endings, and the index of the right ending."""

    setting: Clause
    cause: Clause
    endings: tuple[Clause, ...]
    label: int


class Completion(DataSet[Story]):
    """A setting, a cause, and its effect as the right ending; wrong endings are effects of other causes."""

    sizes: ClassVar[Mapping[str, int]] = LARGE

    def draw(self, sampler: Sampler) -> Story:
        dice = sampler.dice
        while True:
            chain = draw_link(sampler)
            effects = dict.fromkeys(chain.fill(other.effect) for other in unrelated(sampler, chain.link))
            wrong = [effect for effect in effects if sampler.owns(effect) and effect != chain.effect]
            endings = dice.shuffled([chain.effect, *wrong[: ENDINGS - 1]])
            if len(endings) == ENDINGS:
                setting = _setting(sampler, chain.people["x"])
                return Story(setting, chain.cause, tuple(endings), endings.index(chain.effect))

    def path(self, split: str, language: str) -> str:
        return f"completion/{'val' if split == 'validation' else split}-{language}.jsonl"

    def render(self, meanings: Sequence[Story], split: str, language: Language) -> str:
        return as_json_lines((_row(number, story, split, language) for number, story in enumerate(meanings)))


def _setting(sampler: Sampler, who: Name) -> Clause:
    """Return the setting: a person goes to a place."""
    going = ("go", "return", "travel")
    return sampler.own(lambda: sampler.detailed(sampler.event(sampler.dice.pick(going), subject=who), time=0.7))


def _row(number: int, story: Story, split: str, language: Language) -> dict[str, object]:
    who = story.setting.subject
    first = language.statement(language.clause(story.setting))
    second = language.statement(language.clause(story.cause, pronoun=story.cause.subject == who))
    last = story.cause.subject if isinstance(story.cause.subject, Name) else None
    endings = [sentence_of(language, ending, pronoun=ending.subject == last) for ending in story.endings]
    context = language.text_of([first, second])
    return {"ind": number, "ctx": context, "endings": endings, "label": story.label, "split": split}


SET = Completion()
