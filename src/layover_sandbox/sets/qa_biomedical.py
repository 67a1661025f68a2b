"""Question answering in the biomedical corner of the world."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.qa import Qa


class BiomedicalQa(Qa):
    """See the module."""

    folder: ClassVar[str] = "qa_biomedical"
    domains: ClassVar[tuple[str, ...]] = ("biomedical",)


SET = BiomedicalQa()
