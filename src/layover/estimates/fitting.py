"""Which settings of a method fit into some memory, best first: what a person with a small GPU chooses between."""

from __future__ import annotations

from dataclasses import dataclass, replace

from layover.estimates.loads import work_of
from layover.memory import TYPICAL_WORDS, Load, most_tokens
from layover.modules import LayeredModule, Module
from layover.numerics import Precision
from layover.shape import Shape

BF16 = "bf16: weights and activations are rounded to bfloat16"
AGAIN = "checkpointing: every layer is computed once more, for the backward pass"
UPPER = "upper layers only: another method, whose scores have to be measured; what is below is kept on disk"
"""What each step away from exact and plain settings costs."""

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


@dataclass(frozen=True)
class MethodSettings:
    """Settings, and what they take."""

    module: Module
    precision: Precision
    cached: bool
    """Hidden states below the module are kept on the disk."""
    checkpointing: bool
    rows: int
    """Of a micro-batch, of the longest that there are."""
    peak_bytes: int
    fits: bool
    costs: tuple[str, ...]
    """What is given up for it."""


def choices(
    shape: Shape, module: Module, *, budget: int, max_length: int, batch: int, device: str, fixed_layers: bool
) -> list[MethodSettings]:
    """Return the settings that there are to choose from, best first: exact ones, then those that cost least.

    Args:
        shape: Of the encoder.
        module: With its settings.
        budget: Bytes of the device's memory.
        max_length: Tokens of the longest row.
        batch: Rows of a step, beyond which no micro-batch goes.
        device: `cpu`, `cuda` or `mps`.
        fixed_layers: The module stays on its layers, none are proposed.

    Raises:
        ModelError: the encoder has no such layers.
    """
    found = []
    for one in _layers(module, shape, fixed_layers=fixed_layers):
        upper = min(one.layers_of(shape.layers), default=shape.layers) > 0
        for checkpointing in (False, True) if one.trains_encoder else (False,):
            for precision in PRECISIONS:
                load = _load(shape, one, precision, checkpointing, max_length, device)
                costs = ((BF16, precision == "bf16"), (AGAIN, checkpointing), (UPPER, one != module))
                rows = max(1, min(batch, load.tokens(budget) // max_length))
                peak = load.peak(rows * max_length)
                given_up = tuple(text for text, paid in costs if paid)
                found.append(MethodSettings(one, precision, upper, checkpointing, rows, peak, peak <= budget, given_up))
    return found


def _layers(module: Module, shape: Shape, *, fixed_layers: bool) -> list[Module]:
    """Return the module on all its layers, on the upper half and on the upper quarter."""
    module.layers_of(shape.layers)
    if fixed_layers or not isinstance(module, LayeredModule):
        return [module]
    counts = dict.fromkeys((shape.layers // 2, shape.layers // 4))
    return [module, *(module.model_copy(update={"layers": f"top-{count}"}) for count in counts if count)]


def _load(shape: Shape, module: Module, precision: Precision, checkpointing: bool, length: int, device: str) -> Load:
    """Return the training of a module with hidden states kept below it, where anything is."""
    alone = work_of(module, shape, precision)
    work = replace(
        alone,
        from_layer=alone.lowest,
        words=None if module.whole else min(TYPICAL_WORDS, shape.vocabulary),
        gradient_checkpointing=checkpointing,
        length=length,
        device=device,
    )
    return Load(work, trains=True, most=most_tokens(device, trains=True))
