"""Compositions that leave the intermediates as they are: what is trained on top of them is a choice."""

from __future__ import annotations

from typing import Any, Self

from layover.compositions._base import Composition, Trained


class OnTop(Composition):
    """Intermediates stay frozen, whatever is trained on top."""

    on_top: Trained = "module"
    """A fresh `module` and the head, the `head` alone, or `none`: then the head is an intermediate's."""

    def trains(self) -> Trained:
        """See `Composition.trains`."""
        return self.on_top

    def bare(self) -> Self:
        """See `Composition.bare`."""
        return self.model_copy(update={"on_top": "none"})

    def identity(self) -> str | dict[str, Any]:
        """See `Composition.identity`; a module on top is the rule."""
        settings = self.model_dump(mode="json")
        if self.on_top == "module":
            settings.pop("on_top")
        return {"name": self.name, **settings} if settings else self.name
