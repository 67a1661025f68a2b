"""Supertagging: a category of combinatory categorial grammar for every word; one word and its category per line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover_sandbox.language import Sentence
from layover_sandbox.sets._base import LARGE
from layover_sandbox.sets._tagged import Tagged
from layover_sandbox.supertags import supertags


class Ccg(Tagged):
    """Supertagging, with the categories of `supertags`."""

    sizes: ClassVar[Mapping[str, int]] = LARGE
    folder: ClassVar[str] = "ccg"

    def tags(self, sentence: Sentence) -> list[str]:
        return supertags(sentence)


SET = Ccg()
