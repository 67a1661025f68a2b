"""The base of every composition: a rule that turns the module and the intermediates into attachments on the encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from layover.canonical import CanonicalModel
from layover.compositions._words import CardWords, SentenceWords, a
from layover.errors import ModelError
from layover.identity import Json
from layover.mixers import Mixer
from layover.modules import Module, Site
from layover.modules import get as module_named
from layover.settings import Count, LearningRate
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

INTERMEDIATE, MIX, TARGET = "intermediate", "mix", "target"

LANGUAGE = "language"
"""The name of a language's adapter, which acts before the attachments of every composition."""

Trained = Literal["module", "head", "none"]
"""The parts that the target stage trains: a module and the head, only the head, or nothing."""


@dataclass(frozen=True, eq=False)
class AttachedModule:
    """A module on the encoder, with its weights and whether they train."""

    name: str
    """`target`, `intermediate` (for several: `intermediate.0`, `intermediate.1`) or `language`."""
    module: Module
    weights: Mapping[str, Tensor] | None
    """Canonical name -> tensor; None = fresh."""
    trainable: bool
    gates: Mapping[str, Tensor] | None = None
    """Canonical name -> (1, inputs): the gate of each site for routing; None without gates."""

    def at(self, site: Site) -> dict[str, Tensor]:
        """Return the weights at a site.

        Raises:
            ModelError: the module has no weights.
        """
        if self.weights is None:
            raise ModelError(f"{self.name} has no weights; train it first")
        return {name: self.weights[f"{site.name}.{name}"] for name in self.module.weights(site)}


@dataclass(frozen=True, eq=False)
class Mix:
    """Modules at the same sites; a mixer combines their deltas into one."""

    name: str
    mixer: Mixer
    members: tuple[AttachedModule, ...]
    weights: Mapping[str, Tensor] | None
    """The mixer's weights, canonical name -> tensor; None = fresh."""
    trainable: bool
    """Whether the mixer's own weights train; each member has its own `trainable`."""


@dataclass(frozen=True, eq=False)
class Fold:
    """A change of linear maps that becomes part of the frozen weights."""

    name: str
    sites: tuple[Site, ...]
    change: Callable[[Site], Tensor]
    """Site -> (outputs, inputs), the matrix to add to the linear map there; called site by site, as it can be large."""


Attachment = AttachedModule | Mix | Fold


def finished(attachment: Attachment, trained: Callable[[str], Mapping[str, Tensor]]) -> Attachment:
    """Return a frozen copy of an attachment, with its trained weights in place of the initial ones.

    Args:
        attachment: The attachment at the start of a training.
        trained: Name of a module or a mix -> its trained weights; called only for attachments that were trained.
    """
    if isinstance(attachment, Fold):
        return attachment
    weights = trained(attachment.name) if attachment.trainable else attachment.weights
    attachment = replace(attachment, weights=weights, trainable=False)
    if isinstance(attachment, Mix):
        members = [finished(member, trained) for member in attachment.members]
        attachment = replace(
            attachment, members=tuple(member for member in members if isinstance(member, AttachedModule))
        )
    return attachment


class GateTraining(CanonicalModel):
    """The settings of gate training: as in PHATGOOSE, except its batch size of 1,024 and its constant learning rate."""

    steps: Count = 100
    lr: LearningRate = 5e-3


class Composition(CanonicalModel, ABC):
    """The way in which intermediates take part in the target stage; all its settings belong to a node's identity."""

    name: ClassVar[str]
    """The name of the file, as recipes write it."""
    takes_several: ClassVar[bool] = False
    """Whether an intermediate may be a list of separately trained modules."""
    folds: ClassVar[bool] = False
    """Whether it changes the frozen weights themselves."""
    apart: ClassVar[bool] = True
    """Whether the intermediates stay separate from the module that is trained on top."""
    in_a_row: ClassVar[bool] = False
    """Whether it applies modules one after the other and nothing else, as other libraries stack modules."""
    participle: ClassVar[str] = ""
    """The adjective for its modules, `merged`; `name` is used if it is empty."""

    def refuses(self, module: Module) -> str:
        """Return why the composition does not work with a module; empty if it works."""
        if not module.trains_encoder:
            return "it trains no part of the encoder, so there are no weights to reuse"
        if module.whole:
            return "it is a copy of the whole encoder, so it cannot act together with another module"
        return module.alone

    def keeps_order(self, module: Module) -> bool:  # noqa: ARG002
        """Return whether the order of several intermediates matters."""
        return False

    def named(self) -> tuple[str, ...]:
        """Return the intermediates that its settings name."""
        return ()

    def reordered(self, order: Sequence[int]) -> Self:  # noqa: ARG002
        """Return the composition for reordered intermediates; `order[i]` is the old index of the i-th one."""
        return self

    def for_intermediates(self, names: Sequence[str]) -> Self:  # noqa: ARG002
        """Return the composition with settings that refer to the intermediates by index instead of by name.

        Raises:
            ModelError: a setting names an intermediate that is not among these.
        """
        return self

    def trains(self) -> Trained:
        """Return the parts that the target stage trains."""
        return "module"

    def bare(self) -> Self:
        """Return the composition without a module or head on top, for prediction-only targets."""
        return self

    def single_is_itself(self) -> bool:
        """Return whether a composition of one intermediate alone equals the encoder with that module."""
        return True

    def draws(self) -> bool:
        """Return whether the composition of trained intermediates depends on a seed."""
        return False

    def needs_training(self) -> bool:
        """Return whether the composition is useless before a target is trained."""
        return False

    def target_module(self, module: Module, count: int) -> Module:  # noqa: ARG002
        """Return the module that the target trains, given the method's module and the number of intermediates."""
        return module if self.trains() == "module" else module_named("none")()

    def gate_training(self) -> GateTraining | None:
        """Return the settings of the intermediates' gate training, or None if they have no trained gates."""
        return None

    def target_lr(self) -> float | None:
        """Return the peak learning rate of the target stage, or None if it is the method's."""
        return None

    def built_mixer(self) -> Mixer | None:
        """Return the mixer of the intermediates, or None if they are not mixed."""
        return None

    def mixes(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the mixed modules in order, given the names of the intermediates; empty without a mix."""
        return tuple(names) if self.built_mixer() is not None else ()

    def summed(self, names: Sequence[str]) -> tuple[float, ...] | None:  # noqa: ARG002
        """Return the factor of each intermediate if the composition is the weighted sum of their changes, else None.

        A weighted sum of linear modules is a linear module, too.

        Args:
            names: The names of the intermediates.
        """
        return None

    def not_one(self, names: Sequence[str]) -> str:
        """Return why no single module equals the composition; empty if it is a sum of the modules' changes.

        Args:
            names: The names of the intermediates.
        """
        if self.summed(names) is not None:
            return ""
        reason = f"{self.described()} is not a sum of its modules, so no single module computes the same"
        return f"{reason}; export it without --flatten"

    def described(self) -> str:
        """Return the name of the composition, with its method if it has one."""
        return self.name

    def not_in_peft(self, names: Sequence[str], skipped: int) -> str:
        """Return why peft cannot compute the composition of modules that peft supports; empty if it can.

        Args:
            names: The names of the intermediates.
            skipped: The number of lowest layers without modules.
        """
        if self.summed(names) is None:
            return f"peft cannot compute the composition {self.name}"
        return "the merged change also acts in the layers without modules" if self.folds and skipped else ""

    def not_in_adapters(self) -> str:
        """Return why adapters cannot compute the composition of modules that adapters supports; empty if it can."""
        return "" if self.in_a_row else f"adapters cannot compute the composition {self.name}"

    def headline(self, words: CardWords) -> str:
        """Return a few words that describe the result: `a LoRA on merged LoRAs`."""
        end = " joined into one" if words.flat else ""
        how = self.participle or self.name
        return f"{a(words.trained)} on {'' if words.several else 'a '}{how} {words.below}{end}"

    def sentence(self, words: SentenceWords) -> str:
        """Return a sentence that describes the training and its parts; it begins with a small letter."""
        several = words.count > 1
        if words.untrained:
            head = "the head of one of them" if several else "its head"
            how = self.bare_words(several=several)
            return f"{words.intermediates} for {words.encoder}, {how}, with {head} for {words.goal}."
        how = self.words(several=several)
        return f"{words.start} that has learned {words.goal} on top of {words.intermediates}, {how}."

    def words(self, *, several: bool) -> str:
        """Return a clause that describes the intermediates below a trained module or head."""
        return "which act unchanged below" if several else "which acts unchanged below"

    def bare_words(self, *, several: bool) -> str:
        """Return a clause that describes the intermediates without a module or head on top."""
        return self.words(several=several)

    def extra_parameters(self, module: Module, count: int, shape: Shape) -> int:
        """Return the number of weights that train in addition to the target's module, for `count` intermediates."""
        mixer, members = self.built_mixer(), len(self.mixes([""] * count))
        return mixer.parameter_count(module.sites(shape), members) if mixer is not None and mixer.learned else 0

    def kept_numbers(self, module: Module, count: int, shape: Shape) -> int:
        """Return the count of numbers per token that mixing keeps for the backward pass, for `count` intermediates."""
        mixer, members = self.built_mixer(), len(self.mixes([""] * count))
        return sum(mixer.kept(site, members) for site in module.sites(shape)) if mixer is not None else 0

    def canonical(self) -> str | dict[str, Json]:
        """Return the canonical form: the name, or the name with the settings if there are any."""
        settings = self.settings()
        return {"name": self.name, **settings} if settings else self.name

    def check(self, module: Module, intermediates: Sequence[Module]) -> None:
        """Refuse a combination of modules that does not work; needs no weights and no torch.

        Args:
            module: The module that the target trains, or the method's module.
            intermediates: The modules of the trained intermediates, none or several.

        Raises:
            ModelError: the combination does not work; the message suggests another one.
        """
        own = [module] if module.trains_encoder else []
        for candidate in (*own, *intermediates) if intermediates else ():
            if reason := self.refuses(candidate):
                raise ModelError(
                    f"{self.name} does not work with {candidate.name}: {reason}; choose another composition or module, "
                    "or train the target without an intermediate"
                )
        if len(intermediates) > 1 and not self.takes_several:
            raise ModelError(
                f"{self.name} takes one intermediate, but {len(intermediates)} separately trained ones are given: "
                "merge, fuse, route or stack them, or train a mixture of their tasks"
            )

    def attachments(
        self, module: Module, intermediates: Sequence[AttachedModule], *, shape: Shape, seed: int
    ) -> list[Attachment]:
        """Return the attachments at the start of the target stage, in the order of application.

        Args:
            module: The module that the target trains, or the method's module.
            intermediates: The trained intermediates, each with a unique name; without any, the target trains on the
                pretrained encoder.
            shape: Sizes of the encoder.
            seed: The seed of random choices.

        Raises:
            ModelError: the combination does not work, or an intermediate has no weights.
        """
        self.check(module, [intermediate.module for intermediate in intermediates])
        if not intermediates:
            return [AttachedModule(TARGET, self.target_module(module, 0), None, trainable=True)]
        for intermediate in intermediates:
            if not intermediate.weights:
                # fresh weights in its place would produce a result that the intermediate did not affect
                raise ModelError(f"{self.name}: {intermediate.name} has no weights; train it first")
        return self._after(module, intermediates, shape, seed)

    @abstractmethod
    def _after(
        self, module: Module, intermediates: Sequence[AttachedModule], shape: Shape, seed: int
    ) -> list[Attachment]:
        """Return the attachments, given checked intermediates with weights."""

    def _target(self, module: Module, count: int) -> list[Attachment]:
        """Return the module that the target trains on top of `count` intermediates; empty if it trains none."""
        if self.trains() == "none":
            return []
        return [AttachedModule(TARGET, self.target_module(module, count), None, trainable=True)]
