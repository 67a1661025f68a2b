"""hidden_states: hidden states of frozen layers, computed once and cached on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from layover.numerics import Precision
from layover.specs._on_encoder import EncoderStep


@dataclass(frozen=True, kw_only=True)
class HiddenStatesSpec(EncoderStep):
    """The hidden states of a tokenized set at the input of a layer."""

    step: ClassVar[str] = "hidden_states"
    order: ClassVar[int] = 20
    version: ClassVar[int] = 1
    encodes: ClassVar[bool] = True

    data: str
    """Key of the tokenized set."""
    layer: int
    """Number of layers below, from 1 to all layers of the encoder."""
    precision: Precision


SPEC = HiddenStatesSpec
