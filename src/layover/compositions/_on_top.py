"""Compositions with unchanged intermediates, and a choice of the parts that train on top of them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from layover.canonical import Omitted
from layover.compositions._base import Composition, Trained
from layover.settings import LearningRate


class OnTop(Composition):
    """A composition with frozen intermediates; `on_top` selects the parts that train."""

    on_top: Annotated[Trained, Omitted("module")] = "module"
    """A fresh `module` and the head, only the `head`, or `none`: then the head comes from an intermediate."""
    lr: LearningRate | None = Field(default=None, exclude=True)
    """Peak learning rate of the target stage; the default is the method's. It is part of the identity as a
    hyperparameter of the training, so the composition leaves it out."""

    def trains(self) -> Trained:
        return self.on_top

    def target_lr(self) -> float | None:
        return self.lr

    def bare(self) -> Self:
        return self.model_copy(update={"on_top": "none"})
