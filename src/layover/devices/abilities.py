"""What a device can do: the precisions that it computes in, and whether it fuses attention. Pure, without torch."""

from __future__ import annotations

import os
from typing import get_args

from layover.devices.cards import Kind
from layover.devices.facts import DeviceFacts, shown_capability
from layover.numerics import Precision, computes_in

AMPERE = (8, 0)
"""The first compute capability with TF32 and with bfloat16 in its matrix units."""

TF32_VARIABLE = "NVIDIA_TF32_OVERRIDE"
"""At 0, the libraries of NVIDIA never compute in TF32, and say nothing."""


def refuses(precision: Precision, facts: DeviceFacts) -> str:
    """Return why a device does not compute in a precision, or an empty text."""
    if precision == "fp32-onednn" and facts.kind != "cpu":
        return f"it works on CPUs only, but the device is {facts.kind}; use fp32 or bf16"
    return _refuses_tf32(facts) if precision == "tf32" else ""


def _refuses_tf32(facts: DeviceFacts) -> str:
    needed = "it needs a GPU of NVIDIA with compute capability 8.0 or more"
    if facts.kind != "cuda":
        return f"{needed}, but the device is {facts.kind}; use fp32"
    if facts.hip is not None or facts.capability is None:
        return f"{needed}, but the device is {facts.name}; use fp32 or bf16"
    if facts.capability < AMPERE:
        return f"{needed}, but {facts.name} has {shown_capability(facts.capability)}; use fp32"
    if os.environ.get(TF32_VARIABLE) == "0":
        return f"{TF32_VARIABLE}=0 switches it off, and products would be float32; remove the variable, or use fp32"
    return ""


def slow(precision: Precision, facts: DeviceFacts) -> str:
    """Return a note on a precision that a device computes in slowly, or an empty text."""
    if computes_in(precision) == "bf16" and facts.capability is not None and facts.capability < AMPERE:
        return (
            f"{precision} on {facts.name}: compute capability {shown_capability(facts.capability)} has no bfloat16 "
            "units, so torch emulates it; it saves memory, but fp32 may be faster"
        )
    return ""


def usable_precisions(facts: DeviceFacts) -> tuple[Precision, ...]:
    """Return the precisions that a device computes in."""
    every: tuple[Precision, ...] = get_args(Precision)
    return tuple(precision for precision in every if not refuses(precision, facts))


def fuses_attention(
    kind: Kind | str, capability: tuple[int, int] | None, precision: Precision, head_size: int, *, trains: bool
) -> bool:
    """Return whether attention with a mask runs without a matrix of probabilities in memory.

    Sources: `sdp_utils.cpp` of torch 2.9 to 2.13. With a mask, flash attention is not used. The memory-efficient
    kernel takes bfloat16 from compute capability 8.0 on, and float32 on every card. Heads must fill whole units of the
    matrix cores: 16 bytes from 8.0 on. On mps, training uses plain products (`attention.cpp`). torch keeps the
    probabilities of plain products in float32.

    Args:
        kind: `cpu`, `cuda` or `mps`.
        capability: Compute capability of a card of NVIDIA; None if unknown, and then it is taken as 8.0 or more.
        precision: Precision of the encoder.
        head_size: Features of an attention head.
        trains: Whether there is a backward pass.
    """
    halved = computes_in(precision) == "bf16"
    if kind == "cpu":  # the fused kernel's backward pass is slow there, see `encoder/attention.py`
        return not (halved and trains)
    if kind == "mps":
        return not trains
    if capability is not None and capability < AMPERE:
        return not halved
    return head_size % (8 if halved else 4) == 0
