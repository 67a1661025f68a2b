"""Natural language inference about biomedical events."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.nli import Nli


class BiomedicalNli(Nli):
    """Pairs of biomedical clauses."""

    folder: ClassVar[str] = "nli_biomedical"
    domains: ClassVar[tuple[str, ...]] = ("biomedical",)


SET = BiomedicalNli()
