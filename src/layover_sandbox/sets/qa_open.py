"""Question answering in which a third of the questions has no answer, in the layout of SQuAD 2.0."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.sets.qa import Qa


class OpenQa(Qa):
    """Questions as in SQuAD 2.0, with and without an answer."""

    folder: ClassVar[str] = "qa_open"
    unanswerable: ClassVar[float] = 1 / 3


SET = OpenQa()
