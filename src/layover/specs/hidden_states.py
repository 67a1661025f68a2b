"""hidden_states: hidden states of frozen layers, computed once and kept on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from layover.numerics import Precision
from layover.specs._on_encoder import EncoderStep


@dataclass(frozen=True, kw_only=True)
class HiddenStatesSpec(EncoderStep):
    """The hidden states of one tokenized set that enter a layer."""

    step: ClassVar[str] = "hidden_states"
    order: ClassVar[int] = 20
    version: ClassVar[int] = 1
    encodes: ClassVar[bool] = True

    data: str
    """Key of the tokenized set."""
    layer: int
    """Layers that have run, from 1 to all of the encoder's."""
    precision: Precision


SPEC = HiddenStatesSpec
