"""How work is done on a machine: the recipe's `run` section, the engine's settings and those of the loops in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from layover.settings import Budget, Bytes, Count, Flag, Processes, RecipeSection, Seconds


class Execution(RecipeSection):
    """Where and in which portions training and prediction run; never part of a key, changes results by rounding only.

    `model_copy(update=...)` replaces fields; sizes are then numbers of bytes.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "micro_tokens": "micro_batch_tokens",
        "trunk_cache": "hidden_state_cache",
    }

    workers: Processes | None = None
    """Processes at a time; from cores and memory when not given."""
    threads: Processes | None = None
    """CPU threads of a process; the cores divided by the workers when not given, torch's own number without workers.
    Sums split over threads round differently."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    micro_batch_tokens: Count | None = None
    """Padded tokens in memory at once; from the memory at hand when not given."""
    gradient_checkpointing: Flag = False
    """Compute the activations again in the backward pass instead of keeping them."""
    memory: Budget | None = None
    """What a process may take of the device's memory, in bytes; micro-batches are made to fit. What is free if None."""
    deterministic: Flag = True
    """Only kernels that give equal bits in every run on the same device with the same `micro_batch_tokens`."""
    checkpoint_seconds: Seconds = 60.0
    """A training saves its state this often."""
    hidden_state_cache: Bytes = 10 * 2**30
    """What hidden states of the frozen lower layers may take of the store's disk, in bytes; 0 keeps none."""
