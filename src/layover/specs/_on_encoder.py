"""What finished trainings, imports and compositions have in common: an encoder, and what acts on it."""

from __future__ import annotations

from dataclasses import dataclass

from layover.canonical import inlined
from layover.numerics import Precision
from layover.specs._encoder import EncoderSpec
from layover.specs._spec import StepSpec
from layover.specs._start import AnyModule, Start

HeadOutputs = tuple[str, tuple[str, ...]]
"""Kind and labels of a head."""


@dataclass(frozen=True, kw_only=True)
class EncoderStep(StepSpec):
    """A step that reads the files of an encoder."""

    encoder: EncoderSpec

    def read_encoder(self) -> EncoderSpec:
        """Return the encoder whose files the step reads."""
        return self.encoder


@dataclass(frozen=True, kw_only=True)
class ModuleStep(EncoderStep):
    """A step after which a module, and heads, are there for an encoder."""

    module: AnyModule
    """What it trained; of a composition that nothing is trained after, nothing."""
    start: Start = inlined(default=Start())
    """Intermediates that are composed before."""

    def outputs(self) -> tuple[HeadOutputs, ...]:
        """Return what each of its heads answers, by the heads' numbers."""
        raise NotImplementedError

    @property
    def drawn_by(self) -> int:
        """The seed of fresh weights; 0 where none are drawn."""
        return 0

    def claimed_tasks(self) -> tuple[str, ...]:
        """Return the tasks that others say it was trained on."""
        return ()

    def takes_head(self) -> str | None:
        """Return the key of the node whose head it hands on as it is; None where it trains one, or has none."""
        return None

    @property
    def numbered(self) -> bool:
        """Whether its heads are kept by their numbers."""
        return False


@dataclass(frozen=True, kw_only=True)
class OnEncoder(ModuleStep):
    """A step that gives an encoder to predict with."""

    @property
    def computes_in(self) -> Precision:
        """In which numbers the encoder computes."""
        raise NotImplementedError

    def speaks(self, language: str | None) -> str | None:
        """Return the language that its head was trained on, given that of the target's own training data."""
        return language

    @property
    def dropped(self) -> int:
        """Lowest layers without modules at every training step."""
        return 0

    @property
    def acts(self) -> bool:
        """Whether a module acts on the encoder."""
        return bool(self.start.learned) or self.module.trains_encoder

    def changed_from(self, num_layers: int) -> int:
        """Return the lowest layer that anything on the encoder changes, `num_layers` where nothing does.

        Up to there the encoder is the pretrained one, in training and after it.
        """
        layers = (*self.module.layers_of(num_layers), *self.start.layers_of(num_layers))
        return min(layers, default=num_layers)

    def rests_on(self) -> tuple[str, ...]:
        """Return the nodes whose files make up the encoder: its own, and those of its intermediates."""
        return (self.key, *self.start.keys())
