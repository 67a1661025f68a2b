"""Names of people, organisations and places, in the layout of PAN-X."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.language import Sentence
from layover_sandbox.sets._tagged import Tagged


class Ner(Tagged):
    """IOB2 tags; a preposition or an article is not part of a name."""

    folder: ClassVar[str] = "ner"

    def tags(self, sentence: Sentence) -> list[str]:
        return entity_tags(sentence)


def entity_tags(sentence: Sentence) -> list[str]:
    """Return the IOB2 tag of every word."""
    tags: list[str] = []
    for phrase in sentence.phrases:
        first, last = phrase.answer
        for place in range(len(phrase.words)):
            inside = phrase.entity is not None and first <= place < last
            tags.append(f"{'B' if place == first else 'I'}-{phrase.entity}" if inside else "O")
    return tags


SET = Ner()
