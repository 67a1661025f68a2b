"""Natural language inference in the biomedical corner of the world."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.nli import Nli


class BiomedicalNli(Nli):
    """See the module."""

    folder: ClassVar[str] = "nli_biomedical"
    domains: ClassVar[tuple[str, ...]] = ("biomedical",)


SET = BiomedicalNli()
