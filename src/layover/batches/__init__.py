"""Batches: which units make a step, how a step is cut to fit into memory, and how rows become tensors."""

from layover.batches.collate import Batch, collate, collate_rows, tokens_of
from layover.batches.machine import device_of, free_bytes, here, is_out_of_memory, on_machine
from layover.batches.order import (
    micro_batches,
    padding,
    prediction_batches,
    steps_of_epoch,
    turns_of_epoch,
    unit_lengths,
)
from layover.batches.states import States, StateType

__all__ = [
    "Batch",
    "StateType",
    "States",
    "collate",
    "collate_rows",
    "device_of",
    "free_bytes",
    "here",
    "is_out_of_memory",
    "micro_batches",
    "on_machine",
    "padding",
    "prediction_batches",
    "steps_of_epoch",
    "tokens_of",
    "turns_of_epoch",
    "unit_lengths",
]
