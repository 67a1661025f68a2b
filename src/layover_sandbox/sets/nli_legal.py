"""Natural language inference about legal events."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.nli import Nli


class LegalNli(Nli):
    """Pairs of legal clauses."""

    folder: ClassVar[str] = "nli_legal"
    domains: ClassVar[tuple[str, ...]] = ("legal",)


SET = LegalNli()
