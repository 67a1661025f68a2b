"""Execution settings: the `run` section of the recipe, for the engine, training and prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from layover import tracking
from layover.errors import nearest
from layover.settings import Budget, Bytes, Count, Flag, Processes, RecipeSection, Seconds

MOST_CHARACTERS = 80
"""Characters of an unknown name in its message."""


def _tracker(value: object) -> object:
    if isinstance(value, str) and value in tracking.names():
        return value
    name = str(value)[:MOST_CHARACTERS]
    raise ValueError(f"{name!r} is not a tracker; {nearest(name, tracking.names())}")


class Execution(RecipeSection):
    """Device, processes and batch sizes of training and prediction; never part of a key, affect rounding only.

    `model_copy(update=...)` replaces fields; it takes sizes in bytes.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "micro_tokens": "micro_batch_tokens",
        "trunk_cache": "hidden_state_cache",
    }

    workers: Processes | None = None
    """Processes at a time; by default derived from cores and memory."""
    threads: Processes | None = None
    """CPU threads of a process; by default the cores divided by the workers, or torch's own number without workers.
    The number of threads affects the rounding of sums."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    micro_batch_tokens: Count | None = None
    """Padded tokens in memory at once; by default derived from the free memory."""
    gradient_checkpointing: Flag = False
    """Recompute the activations in the backward pass instead of keeping them."""
    memory: Budget | None = None
    """Memory of the device that a process may use, in bytes; micro-batches are sized to fit. None: all free memory."""
    deterministic: Flag = True
    """Use only kernels with bit-identical results in all runs on the same device with the same `micro_batch_tokens`."""
    checkpoint_seconds: Seconds = 60.0
    """Seconds between two checkpoints of a training."""
    hidden_state_cache: Bytes = 10 * 2**30
    """Maximum size of the hidden-state cache on the store's disk, in bytes; 0 disables the cache."""
    track: Annotated[str, BeforeValidator(_tracker)] | None = None
    """Name of the tracker that records the curves of the trainings (`layover.tracking`)."""
