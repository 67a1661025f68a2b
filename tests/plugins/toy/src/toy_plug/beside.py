"""A composition: intermediates in equal shares, and a fresh module of the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from layover import mixers
from layover.compositions import MIX, AttachedModule, Attachment, Composition, Mix
from layover.mixers import Mixer
from layover.modules import Module
from layover.shape import Shape


class Beside(Composition):
    """Mixes by `even`, then adds the target's module."""

    name: ClassVar[str] = "beside"
    takes_several: ClassVar[bool] = True

    def built_mixer(self) -> Mixer:
        return mixers.get("even")()

    def _after(
        self, module: Module, intermediates: Sequence[AttachedModule], shape: Shape, seed: int
    ) -> list[Attachment]:
        mix = Mix(MIX, self.built_mixer(), tuple(intermediates), None, trainable=False)
        return [mix, *self._target(module, len(intermediates))]


COMPOSITION = Beside
