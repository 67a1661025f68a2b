"""The pretraining data of the sandbox's encoders: text of all languages, most of it with a translation.

`train` is one file of all languages (`mul`); each language has its own held-out text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from layover_sandbox.language import Language
from layover_sandbox.languages import get
from layover_sandbox.sampling import Dice
from layover_sandbox.sets._base import ALL, LANGUAGES, as_json_lines
from layover_sandbox.sets.text import Passage, Text

PAIRED = 0.8
"""Share of the passages with a translation into another language."""


class Pretraining(Text):
    """One object per line: `text`, and `translation`, which is empty without a translation."""

    sizes: ClassVar[Mapping[str, int]] = {"train": 400_000, "validation": 500, "test": 500}

    def path(self, split: str, language: str) -> str:
        return f"pretraining/{split}-{language}.jsonl"

    def render(self, meanings: Sequence[Passage], split: str, language: Language) -> str:  # noqa: ARG002
        return as_json_lines({"text": passage.text(language), "translation": ""} for passage in meanings)

    def files(self, meanings: Sequence[Passage], split: str, language: str) -> dict[str, str]:
        """Return the file of a language; the file of all languages has each passage in one or two languages."""
        if language != ALL:
            return super().files(meanings, split, language)
        dice = Dice("pretraining", split, len(meanings))
        return {self.path(split, language): as_json_lines(_row(passage, dice) for passage in meanings)}


def _row(passage: Passage, dice: Dice) -> dict[str, Any]:
    language, second_language = (get(code) for code in dice.shuffled(LANGUAGES)[:2])
    return {"text": passage.text(language), "translation": passage.text(second_language) if dice.chance(PAIRED) else ""}


SET = Pretraining()
