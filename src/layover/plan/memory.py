"""How many bytes a training takes, from sizes alone: no torch, so that a plan can say it before a run.

What the forward pass keeps for the backward pass dominates. It is counted in bytes per padded token, layer and unit
of hidden size. `benchmarks/memory.py` measures it, and the peak of whole processes, again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

from layover.precision import Precision, computes_in, frozen_bytes, quantisation_of

SAVED_BYTES: dict[tuple[bool, Literal["fp32", "bf16"]], float] = {
    (False, "fp32"): 75.0,
    (False, "bf16"): 45.0,
    (True, "fp32"): 68.0,
    (True, "bf16"): 44.0,
}
"""(all weights train, numbers of the activations) -> per token, layer from the lowest trained one up, and unit of
hidden size, with dropout. For a module on a frozen encoder by the growth of a process's peak; autograd itself
keeps 46 (lora, houlsby), 40 (pfeiffer) or 31 (bf16), the rest is the allocator's. For `full` what autograd keeps: at
the peak of the gradients the activations are half gone. Fused attention keeps no scores, so the length of the rows
does not matter."""

WORKING_BYTES = 30.0
"""Per token and unit of hidden size: what one layer needs while it is computed."""

BYTES_PER_LOGIT = 16
"""Of a head over the vocabulary: the logit, as float32 once more under autocast, its log-softmax, its gradient."""

BYTES_PER_WEIGHT = 4
BYTES_PER_CAST = 2
"""Autocast keeps a bfloat16 copy of each matrix that is used, from the forward to the backward pass."""

BYTES_PER_TRAINED_WEIGHT = 4 + 8
"""Beside the weight itself: its gradient, and the two moments of AdamW."""

BYTES_PER_SELECTED_WEIGHT = 4
"""The copy of the best weights so far, in main memory."""

PROCESS_BYTES = 600 * 2**20
"""Python with torch and transformers imported."""

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
    @property
    def layer_parameters(self) -> int: ...


def bytes_per_token(
    hidden: int,
    layers: int,
    *,
    lowest: int,
    whole: bool,
    precision: Precision,
    gradient_checkpointing: bool = False,
    logits: float = 0.0,
    mixed: float = 0.0,
) -> float:
    """Return the bytes that one padded token takes at the end of the forward pass.

    Args:
        hidden: Hidden size.
        layers: Layers of the encoder.
        lowest: Lowest layer that gets a gradient; `layers` when only the head does.
        whole: All weights of the encoder train.
        precision: `fp32`, or `bf16` under autocast.
        gradient_checkpointing: Only the input of each layer is kept, and all of one layer at a time.
        logits: Logits of the head per token, where they are many.
        mixed: Numbers per token that mixes of modules keep, of all layers together.
    """
    head, mixed = BYTES_PER_LOGIT * logits, BYTES_PER_WEIGHT * mixed
    one_layer, above = SAVED_BYTES[whole, computes_in(precision)] * hidden, layers - lowest
    if gradient_checkpointing and above:
        return head + WORKING_BYTES * hidden + one_layer + mixed / above + BYTES_PER_WEIGHT * hidden * above
    return head + WORKING_BYTES * hidden + one_layer * above + mixed


def training_bytes(
    shape: Sizes,
    trained: int,
    *,
    lowest: int,
    precision: Precision,
    tokens: int = MICRO_TOKENS["cpu"],
    logits: float = 0.0,
    mixed: float = 0.0,
) -> int:
    """Return the estimated peak of a training process in bytes, selection of the best weights included.

    Args:
        shape: Sizes of the encoder.
        trained: Number of trained weights; all of the encoder's for full fine-tuning.
        lowest: Lowest layer that gets a gradient.
        precision: As in `bytes_per_token`.
        tokens: Padded tokens of a micro-batch.
        logits: As in `bytes_per_token`.
        mixed: As in `bytes_per_token`.
    """
    whole, size = trained >= shape.parameters, (shape.hidden, shape.layers)
    each = bytes_per_token(*size, lowest=lowest, whole=whole, precision=precision, logits=logits, mixed=mixed)
    weights: float = BYTES_PER_WEIGHT * shape.parameters
    if quantisation_of(precision) is not None:
        weights -= (BYTES_PER_WEIGHT - frozen_bytes(precision)) * shape.layers * shape.layer_parameters
    weights += (BYTES_PER_TRAINED_WEIGHT + BYTES_PER_SELECTED_WEIGHT) * trained
    casts = (shape.layers - lowest) * shape.layer_parameters * BYTES_PER_CAST if precision == "bf16" else 0
    return int(PROCESS_BYTES + weights + casts + each * tokens)


def tokens_within(budget_bytes: float, per_token: float, *, most: int) -> int:
    """Return the largest power of two of padded tokens that fits a budget, between 64 and `most`.

    A power of two, so that a little more or less free memory does not change how a step is split, and with it
    the rounding of a run.
    """
    fitting = int(budget_bytes // per_token)
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
