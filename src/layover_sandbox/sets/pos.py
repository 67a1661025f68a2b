"""Parts of speech, in the layout of XTREME's UD-POS."""

from __future__ import annotations

from typing import ClassVar

from layover_sandbox.language import Sentence
from layover_sandbox.sets._tagged import Tagged


class Pos(Tagged):
    """The parts of speech of Universal Dependencies."""

    folder: ClassVar[str] = "pos"

    def tags(self, sentence: Sentence) -> list[str]:
        return [token.pos for token in sentence.tokens]


SET = Pos()
