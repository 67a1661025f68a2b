"""Natural language inference over long documents: more than 1,000 tokens, the evidence is anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover_sandbox.meaning import Clause, Name
from layover_sandbox.sampling import Sampler
from layover_sandbox.sets.nli import Nli
from layover_sandbox.sets.qa_long import LONG, SENTENCES


class LongNli(Nli):
    """Premises of 130 to 160 sentences."""

    sizes: ClassVar[Mapping[str, int]] = LONG
    folder: ClassVar[str] = "nli_long"
    sentences: ClassVar[tuple[int, ...]] = SENTENCES

    def known(self, sampler: Sampler) -> tuple[Clause, ...]:
        """Return a document without repeated predicates of a subject, so that it does not contradict itself."""
        count = sampler.dice.pick(self.sentences)
        clauses: dict[tuple[object, str], Clause] = {}
        families: dict[str, str | None] = {}
        while len(clauses) < count:
            clause = sampler.own(sampler.any)
            people = [part for part in (clause.subject, clause.object, clause.third) if isinstance(part, Name)]
            if any(families.get(who.given, who.family) != who.family for who in people):
                continue  # a given name belongs to a single person
            families.update({who.given: who.family for who in people})
            clauses.setdefault((clause.subject, "" if clause.predicate == "state" else clause.predicate), clause)
        return tuple(clauses.values())


SET = LongNli()
