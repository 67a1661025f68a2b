"""Question answering in the legal corner of the world."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.qa import Qa


class LegalQa(Qa):
    """See the module."""

    folder: ClassVar[str] = "qa_legal"
    domains: ClassVar[tuple[str, ...]] = ("legal",)


SET = LegalQa()
