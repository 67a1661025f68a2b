"""Question answering about legal events."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.qa import Qa


class LegalQa(Qa):
    """Questions about legal paragraphs."""

    folder: ClassVar[str] = "qa_legal"
    domains: ClassVar[tuple[str, ...]] = ("legal",)


SET = LegalQa()
