"""The settings of a method that fit into a memory budget, best first: choices for a user with a small GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace

from layover.devices import AMPERE
from layover.estimates.loads import work_of
from layover.memory import TYPICAL_WORDS, Load, most_tokens
from layover.modules import LayeredModule, Module
from layover.numerics import Precision
from layover.shape import Shape

BF16 = "bf16: weights and activations are rounded to bfloat16"
EMULATED = f"{BF16}; compute capability below 8.0 emulates it, so fp32 may be faster"
TF32 = "precision: tf32 takes the same memory; it is faster from compute capability 8.0 on, and has keys of its own"
AGAIN = "checkpointing: every layer is computed once more, for the backward pass"
UPPER = "upper layers only: another method with other scores; the hidden states below are kept on disk"
"""The price of each deviation from exact and plain settings."""

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
"""Precisions that differ in memory; `tf32` takes the memory of `fp32`."""


@dataclass(frozen=True)
class MethodSettings:
    """Settings of a method, and the memory they need."""

    module: Module
    precision: Precision
    cached: bool
    """Hidden states below the module are kept on the disk."""
    checkpointing: bool
    rows: int
    """Rows of a micro-batch, all of the largest length."""
    peak_bytes: int
    fits: bool
    costs: tuple[str, ...]
    """The price of these settings."""


def choices(
    shape: Shape,
    module: Module,
    *,
    budget: int,
    max_length: int,
    batch: int,
    device: str,
    fixed_layers: bool,
    capability: tuple[int, int] | None = None,
) -> list[MethodSettings]:
    """Return the settings to choose from, best first: exact settings, then the settings with the lowest price.

    Args:
        shape: Sizes of the encoder.
        module: The module with its settings.
        budget: Bytes of the device's memory.
        max_length: Tokens of the longest row.
        batch: Rows of a step, the upper limit of a micro-batch.
        device: `cpu`, `cuda` or `mps`.
        fixed_layers: Whether the module stays on its layers; else fewer layers are proposed, too.
        capability: Compute capability of a card of NVIDIA; None if unknown.

    Raises:
        ModelError: the encoder lacks a layer of the module.
    """
    settings = []
    for layered in _layers(module, shape, fixed_layers=fixed_layers):
        upper = min(layered.layers_of(shape.layers), default=shape.layers) > 0
        for checkpointing in (False, True) if layered.trains_encoder else (False,):
            for precision in PRECISIONS:
                load = _load(shape, layered, precision, checkpointing, max_length, device, capability)
                emulated = precision == "bf16" and capability is not None and capability < AMPERE
                prices = (
                    (EMULATED if emulated else BF16, precision == "bf16"),
                    (AGAIN, checkpointing),
                    (UPPER, layered != module),
                )
                rows = max(1, min(batch, load.tokens(budget) // max_length))
                peak = load.peak(rows * max_length)
                costs = tuple(text for text, paid in prices if paid)
                settings.append(
                    MethodSettings(layered, precision, upper, checkpointing, rows, peak, peak <= budget, costs)
                )
    return settings


def _layers(module: Module, shape: Shape, *, fixed_layers: bool) -> list[Module]:
    """Return the module on all its layers, on the upper half and on the upper quarter."""
    module.layers_of(shape.layers)
    if fixed_layers or not isinstance(module, LayeredModule):
        return [module]
    counts = dict.fromkeys((shape.layers // 2, shape.layers // 4))
    return [module, *(module.model_copy(update={"layers": f"top-{count}"}) for count in counts if count)]


def _load(
    shape: Shape,
    module: Module,
    precision: Precision,
    checkpointing: bool,
    length: int,
    device: str,
    capability: tuple[int, int] | None,
) -> Load:
    """Return the memory load of training a module, with the hidden states below its lowest layer cached."""
    alone = work_of(module, shape, precision)
    work = replace(
        alone,
        from_layer=alone.lowest,
        words=None if module.whole else min(TYPICAL_WORDS, shape.vocabulary),
        gradient_checkpointing=checkpointing,
        length=length,
        device=device,
        capability=capability,
    )
    return Load(work, trains=True, most=most_tokens(device, trains=True))
