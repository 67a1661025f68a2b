"""stack: the intermediate stays frozen and active, and a fresh target module is trained on top of it.

A fresh module adds exactly zero, so at step 0 the stack is the intermediate. LoRA deltas add up; bottlenecks on
one sublayer are applied one after the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from layover.compositions._base import INTERMEDIATE, TARGET, Composition, Part
from layover.modules import Module


class Stack(Composition):
    """Two parts: the frozen intermediate, then a fresh module."""

    name: ClassVar[str] = "stack"
    modules: ClassVar[frozenset[str]] = frozenset({"bottleneck", "lora"})

    def _after(self, module: Module, intermediate: Part) -> list[Part]:
        return [
            replace(intermediate, name=INTERMEDIATE, trainable=False),
            Part(TARGET, module, None, trainable=True),
        ]


COMPOSITION = Stack()
