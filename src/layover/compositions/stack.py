"""stack: the intermediates stay frozen and active, and a fresh target module trains on top of them.

A fresh module adds exactly zero, so at step 0 the stack equals the intermediate. LoRA deltas add up, so their order has
no effect. Bottlenecks on one sublayer are applied one after the other, in the order of the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from layover.compositions._base import AttachedModule, Attachment
from layover.compositions._on_top import OnTop
from layover.compositions._words import CardWords, a
from layover.modules import Module
from layover.shape import Shape


class Stack(OnTop):
    """The frozen intermediates, then a fresh module."""

    name: ClassVar[str] = "stack"
    takes_several: ClassVar[bool] = True
    in_a_row: ClassVar[bool] = True

    def keeps_order(self, module: Module) -> bool:
        """Return whether the order of the modules affects the result."""
        return not module.commutes

    def summed(self, names: Sequence[str]) -> tuple[float, ...] | None:
        return (1.0,) * len(names)

    def headline(self, words: CardWords) -> str:
        end = " joined into one" if words.flat else ""
        if words.own is None:
            return f"a head on {words.below if words.several else a(words.below)}{end}"
        return f"a stack of {words.own}s{end}"

    def bare_words(self, *, several: bool) -> str:  # noqa: ARG002
        return "stacked"

    def _after(
        self,
        module: Module,
        intermediates: Sequence[AttachedModule],
        shape: Shape,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> list[Attachment]:
        return [*intermediates, *self._target(module, len(intermediates))]


COMPOSITION = Stack
