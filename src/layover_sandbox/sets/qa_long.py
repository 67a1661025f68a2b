"""Question answering over long documents: more than 1,000 tokens, the answer is anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover_sandbox.meaning import Clause
from layover_sandbox.sampling import Sampler
from layover_sandbox.sets.qa import Qa

LONG = {"train": 2_000, "validation": 100, "test": 100}
SENTENCES = tuple(range(130, 161))
"""Numbers of sentences; a sentence has about nine tokens in every language."""


class LongQa(Qa):
    """Questions about documents of 130 to 160 sentences."""

    sizes: ClassVar[Mapping[str, int]] = LONG
    folder: ClassVar[str] = "qa_long"
    lengths: ClassVar[tuple[int, ...]] = SENTENCES

    def paragraph(self, sampler: Sampler, count: int) -> tuple[Clause, ...]:
        """Return a document of many paragraphs, each with its own people."""
        clauses: dict[Clause, None] = {}
        while len(clauses) < count:
            for clause in super().paragraph(sampler, 5):
                clauses.setdefault(clause)
        return tuple(clauses)[:count]


SET = LongQa()
