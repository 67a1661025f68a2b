"""warm: the target training continues the intermediate's weights.

With the module `full` this is intermediate-task training as published (Phang et al. 2020, arXiv:2005.13013).
"""

from __future__ import annotations

from typing import ClassVar

from layover.compositions._base import TARGET, Composition, Part
from layover.errors import ModelError
from layover.modules import Module


class Warm(Composition):
    """One part: the module, started from the intermediate's weights."""

    name: ClassVar[str] = "warm"
    modules: ClassVar[frozenset[str]] = frozenset({"bottleneck", "full", "lora"})

    def check(self, module: Module, intermediate: Module | None) -> None:
        """See `Composition.check`: both stages need the same module with the same settings."""
        super().check(module, intermediate)
        if intermediate is not None and intermediate != module:
            raise ModelError(
                f"warm continues the intermediate's weights, so both modules must be the same, but the "
                f"intermediate is {intermediate.name}({intermediate}) and the target {module.name}({module}): "
                "give both the same settings, or stack them"
            )

    def _after(self, module: Module, intermediate: Part) -> list[Part]:
        return [Part(TARGET, module, intermediate.weights, trainable=True)]


COMPOSITION = Warm()
