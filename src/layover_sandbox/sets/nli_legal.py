"""Natural language inference in the legal corner of the world."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.nli import Nli


class LegalNli(Nli):
    """See the module."""

    folder: ClassVar[str] = "nli_legal"
    domains: ClassVar[tuple[str, ...]] = ("legal",)


SET = LegalNli()
