"""fuse: frozen intermediates whose changes are mixed by weights that are learned with the target.

With the mixer `attention` this is AdapterFusion (Pfeiffer et al. 2021, arXiv:2005.00247), for every kind of module: of
LoRAs the changes of each linear map are mixed. A target without an intermediate is the method's module alone.
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
"""What the target's own module is called among those that are mixed; it is the last."""


class Fuse(Composition):
    """One mix of the intermediates; it and the head train, and with `own` a fresh module that is one of the mix."""

    name: ClassVar[str] = "fuse"
    takes_several: ClassVar[bool] = True

    mixer: str = "attention"
    """One that is learned: `attention`, `low_rank`, `gated`."""
    rank: Rank | None = None
    """low_rank: of its projections; the mixer's default when not given."""
    own: Flag = False
    """Whether a fresh module of the target is mixed, too."""
    lr: LearningRate | None = Field(default=None, exclude=True)
    """Peak learning rate of the target stage, the method's when not given. A training has it among its own numbers, so
    it does not stand in the identity again."""

    @field_validator("mixer")
    @classmethod
    def _learned_mixer(cls, value: str) -> str:
        learned = [name for name in mixers.usable() if mixers.get(name).learned]
        if value not in mixers.names() or not mixers.get(value).learned:
            raise ValueError(f"no mixer that is learned is called {value!r}; {nearest(value, learned)}")
        return value

    @model_validator(mode="after")
    def _rank_of_the_mixer(self) -> Self:
        ranked = [name for name in mixers.usable() if "rank" in mixers.get(name).model_fields]
        if self.rank is not None and self.mixer not in ranked:
            raise ValueError(f"rank has no meaning for {self.mixer}; it belongs to {', '.join(ranked)}")
        return self

    def built_mixer(self) -> Mixer:
        settings = {} if self.rank is None else {"rank": self.rank}
        return mixers.get(self.mixer).model_validate(settings)

    def settings(self) -> dict[str, Json]:
        """Return the settings; a rank that is not given is the mixer's own."""
        return {**super().settings(), **self.built_mixer().settings()}

    def check(self, module: Module, intermediates: Sequence[Module]) -> None:
        """Refuse modules that act at different places."""
        super().check(module, intermediates)
        for one in intermediates if self.own else ():
            if one != module:
                raise ModelError(
                    f"fuse mixes modules of one kind, but the intermediate is {one.name}({one}) and the target's own "
                    f"{module.name}({module}): give both the same settings, or leave out own"
                )

    def needs_training(self) -> bool:
        """Return True: a fresh mixer knows nothing of the intermediates."""
        return True

    def target_module(self, module: Module, count: int) -> Module:
        """Return the target's module; beside intermediates only if the recipe asks for it."""
        return module if self.own or not count else module_named("none")()

    def target_lr(self) -> float | None:
        """Return the learning rate: mixers want another one than modules."""
        return self.lr

    def mixes(self, names: Sequence[str]) -> tuple[str, ...]:
        return (*names, OWN) if self.own else tuple(names)

    def headline(self, words: CardWords) -> str:
        return f"fused {words.below}"

    def sentence(self, told: SentenceWords) -> str:
        mix = f"a mix of {told.intermediates}" + (f" and {a(told.own)} of its own" if told.own is not None else "")
        how = f"how much `{self.mixer}` takes of each, token by token, was learned on {told.goal}"
        return f"{mix} for {told.encoder}: {how}."

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
