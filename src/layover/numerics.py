"""Precisions of an encoder: they decide results, so they are part of the identity of nodes that use the encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Quantisation = Literal["nf4", "int8"]
"""Storage of the linear maps of frozen layers in fewer bits than the encoder computes with."""

Precision = Literal["fp32", "fp32-onednn", "tf32", "bf16", "nf4", "int8"]
"""`fp32`: float32 throughout. `fp32-onednn`: matrix products on a CPU by another path of oneDNN; it is faster on some
machines, and refused if it would round to bfloat16. `tf32`: float32, but the factors of matrix products on a GPU are
rounded to TF32, 10 stored bits instead of 23; refused where a device has no TF32. `bf16`: frozen weights and
activations in bfloat16; modules, heads, losses and optimizer in float32. In full fine-tuning the weights stay float32,
under autocast. `nf4` and `int8`: as `bf16`, but the linear maps of the layers are stored in 4 or 8 bits, see
`layover.encoder.quantising`."""

_STORED: Mapping[Precision, tuple[Quantisation, float]] = {"nf4": ("nf4", 4 / 8 + 4 / 64), "int8": ("int8", 1.0)}
"""Format, and bytes per weight: 4 bits and a float32 per block of 64; 8 bits and a float32 per row."""

NOT_OFFERED: Mapping[str, str] = dict.fromkeys(
    ("fp16", "float16", "half"),
    "float16 is not offered: its gradients need a scale that follows the overflows of earlier steps, so a step would "
    "depend on more than its batch and its weights; use bf16",
)
"""Precisions of other programs, and why there is none here."""


def quantisation_of(precision: Precision) -> Quantisation | None:
    """Return the quantisation of the linear maps of frozen layers; None without quantisation."""
    return _STORED[precision][0] if precision in _STORED else None


def computes_in(precision: Precision) -> Literal["fp32", "bf16"]:
    """Return the number format of the activations."""
    return "bf16" if precision == "bf16" or precision in _STORED else "fp32"


def state_bytes(precision: Precision) -> int:
    """Return the bytes of one number of a hidden state."""
    return 2 if computes_in(precision) == "bf16" else 4


def frozen_bytes(precision: Precision) -> float:
    """Return the bytes of one weight of a frozen linear map."""
    return _STORED[precision][1] if precision in _STORED else float(state_bytes(precision))


def cannot_be_quantised(precision: Precision, *, whole: bool = False, folds: bool = False) -> str:
    """Return the reason why the weights cannot be stored in a precision, or an empty text.

    Args:
        precision: Precision of the encoder.
        whole: Whether all its weights train.
        folds: Whether a module is merged into its weights.
    """
    stored = quantisation_of(precision)
    if stored is None or not (whole or folds):
        return ""
    effect = "trains all weights" if whole else "changes the frozen weights themselves"
    return f"it {effect}, and {stored} stores them in too few bits for that; use precision bf16 or fp32"
