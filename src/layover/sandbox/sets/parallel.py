"""Parallel text: passages in English and a language, side by side, for variants that train on translations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from layover.sandbox.language import Language
from layover.sandbox.languages import get
from layover.sandbox.sets._base import ENGLISH, as_json_lines
from layover.sandbox.sets.text import Passage, Text


class Parallel(Text):
    """One object per line: `text` is English, `translation` the language."""

    sizes: ClassVar[Mapping[str, int]] = {"train": 10_000, "validation": 500, "test": 500}

    def path(self, split: str, language: str) -> str:
        """See `DataSet.path`."""
        return f"parallel/{split}-{language}.jsonl"

    def render(self, meanings: Sequence[Passage], split: str, language: Language) -> str:  # noqa: ARG002
        """See `DataSet.render`."""
        english = get(ENGLISH)
        rows = ({"text": passage.text(english), "translation": passage.text(language)} for passage in meanings)
        return as_json_lines(rows)


SET = Parallel()
