"""warm: the target training continues from the intermediate's weights.

With the module `full` this is intermediate-task training as published (Phang et al. 2020, arXiv:2005.13013).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from layover.compositions._base import TARGET, AttachedModule, Attachment, Composition
from layover.compositions._words import CardWords, SentenceWords
from layover.errors import ModelError
from layover.modules import Module
from layover.shape import Shape


class Warm(Composition):
    """A single module that starts from the intermediate's weights."""

    name: ClassVar[str] = "warm"
    apart: ClassVar[bool] = False
    in_a_row: ClassVar[bool] = True

    def refuses(self, module: Module) -> str:
        """Return why training cannot continue from a module: it has no weights."""
        return "" if module.trains_encoder else super().refuses(module)

    def check(self, module: Module, intermediates: Sequence[Module]) -> None:
        """Refuse two stages whose modules or settings differ."""
        super().check(module, intermediates)
        for intermediate in intermediates:
            if intermediate != module:
                raise ModelError(
                    "warm continues from the intermediate's weights, so both modules must be equal, but the "
                    f"intermediate is {intermediate.name}({intermediate}) and the target is {module.name}({module}): "
                    "give both the same settings, or stack them"
                )

    def not_one(self, names: Sequence[str]) -> str:  # noqa: ARG002
        return "it is already a single module; omit --flatten"

    def headline(self, words: CardWords) -> str:
        return f"a warm-started {words.trained}"

    def sentence(self, words: SentenceWords) -> str:
        return f"{words.start} that first learned {words.learned} and then {words.goal}."

    def _after(
        self,
        module: Module,
        intermediates: Sequence[AttachedModule],
        shape: Shape,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> list[Attachment]:
        return [AttachedModule(TARGET, module, intermediates[0].weights, trainable=True)]


COMPOSITION = Warm
