"""warm: the target training continues the intermediate's weights.

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
    """One module, started from the intermediate's weights."""

    name: ClassVar[str] = "warm"
    apart: ClassVar[bool] = False
    in_a_row: ClassVar[bool] = True

    def refuses(self, module: Module) -> str:
        """Return why training cannot continue a module: one without weights."""
        return "" if module.trains_encoder else super().refuses(module)

    def check(self, module: Module, intermediates: Sequence[Module]) -> None:
        """Refuse two stages whose modules or settings differ."""
        super().check(module, intermediates)
        for one in intermediates:
            if one != module:
                raise ModelError(
                    f"warm continues the intermediate's weights, so both modules must be the same, but the "
                    f"intermediate is {one.name}({one}) and the target {module.name}({module}): "
                    "give both the same settings, or stack them"
                )

    def not_one(self, names: Sequence[str]) -> str:  # noqa: ARG002
        return "it is one module already; leave out --flatten"

    def headline(self, words: CardWords) -> str:
        return f"a warm-started {words.trained}"

    def sentence(self, told: SentenceWords) -> str:
        return f"{told.start} that learned {told.learned} first, and then went on to learn {told.goal}."

    def _after(
        self,
        module: Module,
        intermediates: Sequence[AttachedModule],
        shape: Shape,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> list[Attachment]:
        return [AttachedModule(TARGET, module, intermediates[0].weights, trainable=True)]


COMPOSITION = Warm
