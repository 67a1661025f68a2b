"""In which numbers an encoder computes; it decides results, and so stands in the identity of what it touches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Quantisation = Literal["nf4", "int8"]
"""How the linear maps of frozen layers are stored where they take less than the numbers the encoder computes in."""

Precision = Literal["fp32", "fp32-onednn", "bf16", "nf4", "int8"]
"""`fp32`: float32 throughout. `fp32-onednn`: matrix products on a CPU by oneDNN's other path, which is faster on some
machines and refused where it would round to bfloat16. `bf16`: frozen weights and activations in bfloat16, modules,
heads, losses and optimizer in float32; where all weights train these stay float32, under autocast. `nf4` and `int8`: as
`bf16`, but the linear maps of the layers are stored in 4 or 8 bits, see `layover.encoder.quantising`."""

_STORED: Mapping[Precision, tuple[Quantisation, float]] = {"nf4": ("nf4", 4 / 8 + 4 / 64), "int8": ("int8", 1.0)}
"""How, and bytes per weight: 4 bits and a float32 for each block of 64; 8 bits and a float32 for each row."""


def quantisation_of(precision: Precision) -> Quantisation | None:
    """Return how the linear maps of frozen layers are stored; None as the encoder computes."""
    return _STORED[precision][0] if precision in _STORED else None


def computes_in(precision: Precision) -> Literal["fp32", "bf16"]:
    """Return in which numbers the activations are."""
    return "bf16" if precision == "bf16" or precision in _STORED else "fp32"


def state_bytes(precision: Precision) -> int:
    """Return the bytes of one number of hidden states."""
    return 2 if computes_in(precision) == "bf16" else 4


def frozen_bytes(precision: Precision) -> float:
    """Return the bytes of one weight of a frozen linear map."""
    return _STORED[precision][1] if precision in _STORED else float(state_bytes(precision))


def cannot_be_quantised(precision: Precision, *, whole: bool = False, folds: bool = False) -> str:
    """Return why weights stored as a precision says do not go with what changes them; empty when they do.

    Args:
        precision: Of the encoder.
        whole: All its weights train.
        folds: Something is folded into its weights.
    """
    stored = quantisation_of(precision)
    if stored is None or not (whole or folds):
        return ""
    effect = "trains all weights" if whole else "changes the frozen weights themselves"
    return f"it {effect}, and {stored} stores them in too few bits for that; use precision bf16 or fp32"
