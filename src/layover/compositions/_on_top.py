"""Compositions that leave the intermediates as they are: what is trained on top of them is a choice."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from layover.canonical import Omitted
from layover.compositions._base import Composition, Trained
from layover.settings import LearningRate


class OnTop(Composition):
    """Intermediates stay frozen, whatever is trained on top."""

    on_top: Annotated[Trained, Omitted("module")] = "module"
    """A fresh `module` and the head, the `head` alone, or `none`: then the head is an intermediate's."""
    lr: LearningRate | None = Field(default=None, exclude=True)
    """Peak learning rate of what is trained on top, the method's when not given. A training has it among its own
    numbers, so it does not stand in the identity again."""

    def trains(self) -> Trained:
        return self.on_top

    def target_lr(self) -> float | None:
        return self.lr

    def bare(self) -> Self:
        return self.model_copy(update={"on_top": "none"})
