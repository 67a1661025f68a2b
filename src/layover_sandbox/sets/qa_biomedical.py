"""Question answering about biomedical events."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.qa import Qa


class BiomedicalQa(Qa):
    """Questions about biomedical paragraphs."""

    folder: ClassVar[str] = "qa_biomedical"
    domains: ClassVar[tuple[str, ...]] = ("biomedical",)


SET = BiomedicalQa()
