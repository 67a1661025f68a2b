"""What a plan says of memory: for machines, and in a line for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from layover.cli.console import room
from layover.errors import LayoverError

if TYPE_CHECKING:
    from layover.estimates.cost import Estimate
    from layover.execution import Execution


def budget_of(text: str, option: str) -> int:
    """Return the bytes of a size given on the command line.

    Raises:
        LayoverError: it is none.
    """
    from layover.settings import size_of

    try:
        return size_of(text)
    except ValueError as error:
        raise LayoverError(f"{option}: {error}") from None


def asked(costs: Sequence[Estimate], execution: Execution, gpu: int | None) -> dict[str, Any]:
    """Return what the largest node takes, and whether it fits into the memory that there is.

    Args:
        costs: Of the nodes that have to run.
        execution: The recipe's; its `memory` is the budget, else what is free in main memory. Nothing here asks a GPU.
        gpu: Bytes of a GPU to hold the nodes against instead.
    """
    from layover.allowed import available_memory
    from layover.engine.resources import gpu_there
    from layover.estimates.loads import device_of
    from layover.memory import USABLE

    on_gpu = gpu is not None or (execution.device == "auto" and gpu_there())
    device = "cuda" if on_gpu else device_of(execution)
    loads = {cost.load.on(device, execution.micro_batch_tokens) for cost in costs if cost.load is not None}
    given = gpu or execution.memory or (available_memory() if device == "cpu" else None)
    budget = None if given is None else given if gpu is None and execution.memory else USABLE * given
    found: dict[str, Any] = {"device": device, "budget_bytes": given, "peak_bytes": None, "fits": None, "tokens": None}
    if budget is None:
        return {**found, "peak_bytes": max((load.peak() for load in loads), default=None)}
    if loads:
        trained = [load.tokens(budget) for load in loads if load.trains]
        found["peak_bytes"] = max(load.peak(load.tokens(budget)) for load in loads)
        found["fits"] = all(load.fits(budget) for load in loads)
        found["tokens"] = min(trained, default=None)
    return found


def answered(values: Mapping[str, Any]) -> str:
    """Return the line for people."""
    if values["peak_bytes"] is None:
        return "memory of the largest node: ?"
    text = f"memory of the largest node: {room(values['peak_bytes'])} (estimated)"
    if values["budget_bytes"] is None:
        return f"{text}; --gpu 6GiB says whether it fits into that much of a GPU's memory"
    where = "GPU memory" if values["device"] == "cuda" else "memory"
    text += f"; fits in {room(values['budget_bytes'])} of {where}: {'yes' if values['fits'] else 'no'}"
    if values["fits"] and values["tokens"]:
        text += f", with micro-batches of {values['tokens']:,} tokens"
    if not values["fits"]:
        text += " (layover fit proposes settings that do)"
    return text
