"""How many bytes a training takes, from sizes alone: no torch, so that a plan can say it before a run.

Saved activations dominate. They are counted in bytes per token, layer and unit of hidden size, measured with
the hooks of `torch.autograd.graph.saved_tensors_hooks` on an encoder of 12 x 768; the table is in
`benchmarks/memory.py`, which measures it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

Precision = Literal["fp32", "bf16"]

SAVED_BYTES: dict[Precision, float] = {"fp32": 97.0, "bf16": 103.0}
"""Per token, layer above the lowest trained one, and unit of hidden size: the largest of all modules (`full`)."""

BYTES_PER_WEIGHT = 4
BYTES_PER_TRAINED_WEIGHT = 4 + 8 + 4
"""Beside the weight itself: its gradient, the two moments of AdamW, the copy of the best weights so far."""

PROCESS_BYTES = 600 * 2**20
"""Python with torch and transformers imported, and the buffers of one layer at work."""

MICRO_TOKENS = {"cpu": 4096, "accelerator": 16384}
"""Padded tokens at once beyond which nothing gets faster; more would only take memory."""


class Sizes(Protocol):
    """What an encoder's shape must tell."""

    @property
    def hidden(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def parameters(self) -> int: ...


def saved_bytes_per_token(
    hidden: int, layers: int, *, lowest: int, precision: Precision, gradient_checkpointing: bool = False
) -> float:
    """Return the bytes that one padded token keeps from the forward to the backward pass.

    Args:
        hidden: Hidden size.
        layers: Layers of the encoder.
        lowest: Lowest layer that gets a gradient; `layers` when only the head does.
        precision: `fp32`, or `bf16` under autocast (which keeps its casts).
        gradient_checkpointing: Only the input of each layer is kept, and all of one layer at a time.
    """
    one_layer = SAVED_BYTES[precision] * hidden
    above = layers - lowest
    head = 4.0 * hidden * 4
    if gradient_checkpointing and above:
        return head + one_layer + 4.0 * hidden * above
    return head + one_layer * above


def training_bytes(
    shape: Sizes, trained: int, *, lowest: int, precision: Precision, tokens: int = MICRO_TOKENS["cpu"]
) -> int:
    """Return the estimated peak of a training process in bytes.

    Args:
        shape: Sizes of the encoder.
        trained: Number of trained weights.
        lowest: Lowest layer that gets a gradient.
        precision: As in `saved_bytes_per_token`.
        tokens: Padded tokens of a micro-batch.
    """
    saved = saved_bytes_per_token(shape.hidden, shape.layers, lowest=lowest, precision=precision)
    weights = BYTES_PER_WEIGHT * shape.parameters + BYTES_PER_TRAINED_WEIGHT * trained
    return int(PROCESS_BYTES + weights + saved * tokens)


def tokens_within(budget_bytes: float, bytes_per_token: float, *, most: int) -> int:
    """Return the largest power of two of padded tokens that fits a budget, between 64 and `most`.

    A power of two, so that a little more or less free memory does not change how a step is split, and with it
    the rounding of a run.
    """
    fitting = int(budget_bytes // bytes_per_token)
    return max(64, min(most, 1 << max(0, fitting.bit_length() - 1)))


def available_ram() -> int:
    """Return the bytes of main memory that this process may still take, a container's limit included."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file():
        text = limit.read_text(encoding="ascii").strip()
        if text.isdecimal():
            free = min(free, int(text) - int(used.read_text(encoding="ascii")))
    return max(0, free)
