"""The common base of trainings, imports and compositions: an encoder, and the modules on it."""

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
    """A step that makes a module, and heads, for an encoder."""

    module: AnyModule
    """The module that it trains; the module `none` for a composition without further training."""
    start: Start = inlined(default=Start())
    """Intermediates that are composed before the training."""

    def outputs(self) -> tuple[HeadOutputs, ...]:
        """Return kind and labels of each head, by the heads' numbers."""
        raise NotImplementedError

    @property
    def drawn_by(self) -> int:
        """The seed of fresh weights; 0 without fresh weights."""
        return 0

    def claimed_tasks(self) -> tuple[str, ...]:
        """Return the tasks that it was trained on according to the recipe or the card."""
        return ()

    def takes_head(self) -> str | None:
        """Return the key of the node whose head it copies; None if it trains a head, or has none."""
        return None

    @property
    def numbered(self) -> bool:
        """Whether its heads are saved by their numbers."""
        return False


@dataclass(frozen=True, kw_only=True)
class OnEncoder(ModuleStep):
    """A step whose result is an encoder that can predict."""

    @property
    def computes_in(self) -> Precision:
        """The number format of the encoder's arithmetic."""
        raise NotImplementedError

    def head_language(self, language: str | None) -> str | None:
        """Return the language that its head was trained on, given the language of the target's own training data."""
        return language

    @property
    def dropped(self) -> int:
        """Number of lowest layers without modules at every training step."""
        return 0

    @property
    def acts(self) -> bool:
        """Whether a module acts on the encoder."""
        return bool(self.start.learned) or self.module.trains_encoder

    def changed_from(self, num_layers: int) -> int:
        """Return the lowest layer that a module changes, or `num_layers` without a module.

        Below this layer the encoder equals the pretrained encoder, in training and after it.
        """
        layers = (*self.module.layers_of(num_layers), *self.start.layers_of(num_layers))
        return min(layers, default=num_layers)

    def rests_on(self) -> tuple[str, ...]:
        """Return the nodes whose files make up the encoder: its own node, and the nodes of its intermediates."""
        return (self.key, *self.start.keys())
