"""fuse: mix the changes of frozen intermediates with mixing weights that are learned together with the target.

With the mixer `attention` this is AdapterFusion (Pfeiffer et al. 2021, arXiv:2005.00247), for every kind of module. For
LoRAs, the changes of each linear map are mixed. A target without an intermediate trains the method's module alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from layover import mixers
from layover.compositions._base import MIX, TARGET, AttachedModule, Attachment, Composition, Mix
from layover.compositions._words import CardWords, SentenceWords, a
from layover.errors import ModelError, nearest
from layover.identity import Json
from layover.mixers import Mixer
from layover.modules import Module
from layover.modules import get as module_named
from layover.settings import Flag, LearningRate, Rank
from layover.shape import Shape

OWN = "own"
"""The name of the target's own module among the mixed modules; it is the last one."""


class Fuse(Composition):
    """A mix of the intermediates. The mixer and the head train; with `own`, a fresh module in the mix trains, too."""

    name: ClassVar[str] = "fuse"
    takes_several: ClassVar[bool] = True

    mixer: str = "attention"
    """The name of a learned mixer: `attention`, `low_rank`, `gated`."""
    rank: Rank | None = None
    """low_rank: the rank of its projections; the mixer's default if absent."""
    own: Flag = False
    """Whether a fresh module of the target is in the mix, too."""
    lr: LearningRate | None = Field(default=None, exclude=True)
    """Peak learning rate of the target stage; the default is the method's. It is part of the identity as a
    hyperparameter of the training, so the composition leaves it out."""

    @field_validator("mixer")
    @classmethod
    def _learned_mixer(cls, value: str) -> str:
        learned = [name for name in mixers.usable() if mixers.get(name).learned]
        if value not in mixers.names() or not mixers.get(value).learned:
            raise ValueError(f"{value!r} is not a learned mixer; {nearest(value, learned)}")
        return value

    @model_validator(mode="after")
    def _rank_of_the_mixer(self) -> Self:
        ranked = [name for name in mixers.usable() if "rank" in mixers.get(name).model_fields]
        if self.rank is not None and self.mixer not in ranked:
            raise ValueError(f"rank has no effect with {self.mixer}; it is a setting of {', '.join(ranked)}")
        return self

    def built_mixer(self) -> Mixer:
        settings = {} if self.rank is None else {"rank": self.rank}
        return mixers.get(self.mixer).model_validate(settings)

    def settings(self) -> dict[str, Json]:
        """Return the settings; an absent rank is replaced by the mixer's default."""
        return {**super().settings(), **self.built_mixer().settings()}

    def check(self, module: Module, intermediates: Sequence[Module]) -> None:
        """Refuse modules with different settings."""
        super().check(module, intermediates)
        for intermediate in intermediates if self.own else ():
            if intermediate != module:
                raise ModelError(
                    f"fuse mixes modules with equal settings, but the intermediate is "
                    f"{intermediate.name}({intermediate}) and the target's own module is {module.name}({module}): "
                    "give both the same settings, or remove own"
                )

    def needs_training(self) -> bool:
        """Return True: a fresh mixer is not adapted to the intermediates."""
        return True

    def target_module(self, module: Module, count: int) -> Module:
        """Return the target's module; with intermediates only if the recipe sets `own`."""
        return module if self.own or not count else module_named("none")()

    def target_lr(self) -> float | None:
        """Return the learning rate of the mix, which may differ from the method's, or None."""
        return self.lr

    def mixes(self, names: Sequence[str]) -> tuple[str, ...]:
        return (*names, OWN) if self.own else tuple(names)

    def headline(self, words: CardWords) -> str:
        return f"fused {words.below}"

    def sentence(self, words: SentenceWords) -> str:
        mix = f"a mix of {words.intermediates}" + (f" and {a(words.own)} of its own" if words.own is not None else "")
        return f"{mix} for {words.encoder}: the mixing weights (`{self.mixer}`) were learned on {words.goal}."

    def _after(
        self,
        module: Module,
        intermediates: Sequence[AttachedModule],
        shape: Shape,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> list[Attachment]:
        own = [AttachedModule(TARGET, module, None, trainable=True)] if self.own else []
        return [Mix(MIX, self.built_mixer(), (*intermediates, *own), None, trainable=True)]


COMPOSITION = Fuse
