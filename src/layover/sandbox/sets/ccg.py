"""Supertagging: a category of combinatory categorial grammar for every word; one word and its category per line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover.sandbox.language import Sentence
from layover.sandbox.sets._base import LARGE
from layover.sandbox.sets._tagged import Tagged
from layover.sandbox.supertags import supertags


class Ccg(Tagged):
    """See `supertags`."""

    sizes: ClassVar[Mapping[str, int]] = LARGE
    folder: ClassVar[str] = "ccg"

    def tags(self, sentence: Sentence) -> list[str]:
        """See `Tagged.tags`."""
        return supertags(sentence)


SET = Ccg()
