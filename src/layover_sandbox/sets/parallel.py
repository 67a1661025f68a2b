"""Parallel text: English sentences with translations, for translation language modelling and similar objectives.

`mul` pairs English with every other language in turn; each language has its own file in validation and test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from layover_sandbox.language import Language
from layover_sandbox.languages import get
from layover_sandbox.sampling import Sampler
from layover_sandbox.sets._base import ALL, ENGLISH, LANGUAGES, LARGE, DataSet, as_json_lines
from layover_sandbox.sets._tagged import Utterance, draw_utterance

OTHERS = tuple(code for code in LANGUAGES if code != ENGLISH)


class Parallel(DataSet[Utterance]):
    """One object per line: `text` is English, `translation` is the same sentence in `language`."""

    sizes: ClassVar[Mapping[str, int]] = LARGE

    def draw(self, sampler: Sampler) -> Utterance:
        return draw_utterance(sampler)

    def path(self, split: str, language: str) -> str:
        return f"parallel/{split}-{language}.jsonl"

    def render(self, meanings: Sequence[Utterance], split: str, language: Language) -> str:  # noqa: ARG002
        return as_json_lines(_row(utterance, language.code) for utterance in meanings)

    def files(self, meanings: Sequence[Utterance], split: str, language: str) -> dict[str, str]:
        """Return the file of a language; the file of all languages takes the languages in turn."""
        if language != ALL:
            return super().files(meanings, split, language)
        rows = (_row(utterance, OTHERS[number % len(OTHERS)]) for number, utterance in enumerate(meanings))
        return {self.path(split, language): as_json_lines(rows)}


def _row(utterance: Utterance, code: str) -> dict[str, Any]:
    texts = {"text": utterance.sentence(get(ENGLISH)).text, "translation": utterance.sentence(get(code)).text}
    return {**texts, "language": code}


SET = Parallel()
