"""What every composition is: a rule that turns module and intermediates into attachments on the encoder."""

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
"""What the target stage trains: a module and the head, the head alone, or nothing."""


@dataclass(frozen=True, eq=False)
class AttachedModule:
    """One module on the encoder, with its weights and whether they train."""

    name: str
    """`target`, `intermediate`, or of several `intermediate.0`, `intermediate.1`; `language`."""
    module: Module
    weights: Mapping[str, Tensor] | None
    """Canonical name -> tensor; None = fresh."""
    trainable: bool
    gates: Mapping[str, Tensor] | None = None
    """Canonical name -> (1, inputs), where each site was given a gate for routing."""

    def at(self, site: Site) -> dict[str, Tensor]:
        """Return the weights at a site.

        Raises:
            ModelError: there are none.
        """
        if self.weights is None:
            raise ModelError(f"{self.name} has no weights; train it first")
        return {name: self.weights[f"{site.name}.{name}"] for name in self.module.weights(site)}


@dataclass(frozen=True, eq=False)
class Mix:
    """Parts on the same sites whose deltas a mixer makes into one."""

    name: str
    mixer: Mixer
    members: tuple[AttachedModule, ...]
    weights: Mapping[str, Tensor] | None
    """Of the mixer, canonical name -> tensor; None = fresh."""
    trainable: bool
    """Whether the mixer's own weights train; each member says it for itself."""


@dataclass(frozen=True, eq=False)
class Fold:
    """A change of linear maps that becomes part of the frozen weights."""

    name: str
    sites: tuple[Site, ...]
    change: Callable[[Site], Tensor]
    """Site -> (outputs, inputs), what is added to the linear map there; asked site by site, for it may be large."""


Attachment = AttachedModule | Mix | Fold


def finished(attachment: Attachment, trained: Callable[[str], Mapping[str, Tensor]]) -> Attachment:
    """Return an attachment frozen, with the weights that were trained in place of those it started from.

    Args:
        attachment: As a training starts from it.
        trained: Name of a module, or of a mix -> its trained weights; asked for those that were trained only.
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
    """How gates are trained: as in PHATGOOSE, but for its batch of 1,024 and its constant learning rate."""

    steps: Count = 100
    lr: LearningRate = 5e-3


class Composition(CanonicalModel, ABC):
    """How intermediates take part in the target stage; its settings decide results and are identity."""

    name: ClassVar[str]
    """The name of the file, as recipes write it."""
    takes_several: ClassVar[bool] = False
    """Whether an intermediate may be a list of separately learned modules."""
    folds: ClassVar[bool] = False
    """Whether it changes the frozen weights themselves."""
    apart: ClassVar[bool] = True
    """Whether the intermediates stay modules of their own beside what is trained on top."""
    in_a_row: ClassVar[bool] = False
    """Whether all that acts are modules, one upon the other, as other libraries put modules together."""
    participle: ClassVar[str] = ""
    """What it makes of modules, `merged`; its name where it does not say."""

    def refuses(self, module: Module) -> str:
        """Return why the composition has no meaning for a module; empty when it has."""
        if not module.trains_encoder:
            return "it trains no part of the encoder, so it has nothing to hand over"
        if module.whole:
            return "it is a copy of the whole encoder, and nothing that could act beside another module"
        return module.alone

    def keeps_order(self, module: Module) -> bool:  # noqa: ARG002
        """Return whether the order of several intermediates matters."""
        return False

    def named(self) -> tuple[str, ...]:
        """Return the intermediates that its settings name."""
        return ()

    def reordered(self, order: Sequence[int]) -> Self:  # noqa: ARG002
        """Return the composition for intermediates in another order, `order[i]` being the old place of the i-th."""
        return self

    def for_intermediates(self, names: Sequence[str]) -> Self:  # noqa: ARG002
        """Return the composition with settings that name intermediates replaced by such that count them.

        Raises:
            ModelError: a setting names others than these.
        """
        return self

    def trains(self) -> Trained:
        """Return what the target stage trains."""
        return "module"

    def bare(self) -> Self:
        """Return the composition with nothing trained on top, for targets that are not trained."""
        return self

    def single_is_itself(self) -> bool:
        """Return whether one intermediate, composed with nothing, is the encoder with that module on it."""
        return True

    def draws(self) -> bool:
        """Return whether what it makes of finished intermediates depends on a seed."""
        return False

    def needs_training(self) -> bool:
        """Return whether it means nothing before a target was trained."""
        return False

    def target_module(self, module: Module, count: int) -> Module:  # noqa: ARG002
        """Return what the target trains on the encoder, given the method's module and the number of intermediates."""
        return module if self.trains() == "module" else module_named("none")()

    def gate_training(self) -> GateTraining | None:
        """Return how the gates of intermediates are trained, None where they have none."""
        return None

    def target_lr(self) -> float | None:
        """Return the peak learning rate of the target stage where it is not the method's."""
        return None

    def built_mixer(self) -> Mixer | None:
        """Return what mixes the intermediates, None where nothing does."""
        return None

    def mixes(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of what it mixes, in their order, given those of the intermediates; none if it does not."""
        return tuple(names) if self.built_mixer() is not None else ()

    def summed(self, names: Sequence[str]) -> tuple[float, ...] | None:  # noqa: ARG002
        """Return the factor of each intermediate where they act as the sum of their changes; None where they do not.

        Such a composition of linear modules is one linear module.

        Args:
            names: Of the intermediates.
        """
        return None

    def not_one(self, names: Sequence[str]) -> str:
        """Return why all that acts is not one module; empty where it is the sum of the modules' changes.

        Args:
            names: Of the intermediates.
        """
        if self.summed(names) is not None:
            return ""
        reason = f"{self.described()} is no sum of its modules, so no single module does the same"
        return f"{reason}; export it without --flatten"

    def described(self) -> str:
        """Return what the composition is called, with the setting that names its method where it has one."""
        return self.name

    def not_in_peft(self, names: Sequence[str], skipped: int) -> str:
        """Return why peft does not do what it does, given modules that peft has; empty when it does.

        Args:
            names: Of the intermediates.
            skipped: Lowest layers that go without modules.
        """
        if self.summed(names) is None:
            return f"peft has nothing that does what {self.name} does here"
        return "what is merged acts in layers where nothing else does" if self.folds and skipped else ""

    def not_in_adapters(self) -> str:
        """Return why adapters does not do what it does, given modules that adapters has; empty when it does."""
        return "" if self.in_a_row else "adapters has nothing that does what the composition does here"

    def headline(self, words: CardWords) -> str:
        """Return what it makes of modules, in a few words: `a LoRA on merged LoRAs`."""
        end = " put together into one" if words.flat else ""
        how = self.participle or self.name
        return f"{a(words.trained)} on {'' if words.several else 'a '}{how} {words.below}{end}"

    def sentence(self, told: SentenceWords) -> str:
        """Return what was learned, on what, in a sentence; it begins with a small letter."""
        several = told.count > 1
        if told.untrained:
            head = "the head that one of them has" if several else "its head"
            how = self.bare_words(several=several)
            return f"{told.intermediates} for {told.encoder}, {how}, with {head} for {told.goal}."
        how = self.words(several=several)
        return f"{told.start} that has learned {told.goal} on top of {told.intermediates}, {how}."

    def words(self, *, several: bool) -> str:
        """Return how the intermediates take part below what was trained on top of them."""
        return "which act unchanged below" if several else "which acts unchanged below"

    def bare_words(self, *, several: bool) -> str:
        """Return how the intermediates take part where nothing was trained on top of them."""
        return self.words(several=several)

    def extra_parameters(self, module: Module, count: int, shape: Shape) -> int:
        """Return how many weights train beside the target's module, with `count` intermediates of a module."""
        mixer, members = self.built_mixer(), len(self.mixes([""] * count))
        return mixer.parameter_count(module.sites(shape), members) if mixer is not None and mixer.learned else 0

    def kept_numbers(self, module: Module, count: int, shape: Shape) -> int:
        """Return how many numbers per token mixing keeps for the backward pass, with `count` intermediates."""
        mixer, members = self.built_mixer(), len(self.mixes([""] * count))
        return sum(mixer.kept(site, members) for site in module.sites(shape)) if mixer is not None else 0

    def canonical(self) -> str | dict[str, Json]:
        """Return what of a composition decides a result: its name, and its settings where it has any."""
        settings = self.settings()
        return {"name": self.name, **settings} if settings else self.name

    def check(self, module: Module, intermediates: Sequence[Module]) -> None:
        """Refuse a combination that has no meaning; needs no weights and no torch.

        Args:
            module: What the target trains, or the method's module.
            intermediates: Those of the finished intermediates, none or several.

        Raises:
            ModelError: says what to do instead.
        """
        own = [module] if module.trains_encoder else []
        for one in (*own, *intermediates) if intermediates else ():
            if reason := self.refuses(one):
                raise ModelError(
                    f"{self.name} does not work with {one.name}: {reason}; choose another composition or module, or "
                    "train the target without an intermediate"
                )
        if len(intermediates) > 1 and not self.takes_several:
            raise ModelError(
                f"{self.name} takes one intermediate, not {len(intermediates)} separately learned ones: merge, fuse, "
                "route or stack these, or train a mixture of their tasks"
            )

    def attachments(
        self, module: Module, intermediates: Sequence[AttachedModule], *, shape: Shape, seed: int
    ) -> list[Attachment]:
        """Return what the target stage starts from, in the order of application.

        Args:
            module: What the target trains, or the method's module.
            intermediates: The finished intermediates, each with a name of its own; none trains the target from the
                pretrained encoder.
            shape: Sizes of the encoder.
            seed: For what is drawn.

        Raises:
            ModelError: the combination has no meaning, or an intermediate comes without weights.
        """
        self.check(module, [one.module for one in intermediates])
        if not intermediates:
            return [AttachedModule(TARGET, self.target_module(module, 0), None, trainable=True)]
        for one in intermediates:
            if not one.weights:
                # taking it as fresh would report an intermediate that took no part
                raise ModelError(f"{self.name}: {one.name} has no weights; train it first")
        return self._after(module, intermediates, shape, seed)

    @abstractmethod
    def _after(
        self, module: Module, intermediates: Sequence[AttachedModule], shape: Shape, seed: int
    ) -> list[Attachment]:
        """Return the attachments, given intermediates that fit and have weights."""

    def _target(self, module: Module, count: int) -> list[Attachment]:
        """Return what the target trains on top of so many intermediates; nothing when it trains nothing."""
        if self.trains() == "none":
            return []
        return [AttachedModule(TARGET, self.target_module(module, count), None, trainable=True)]
