"""The memory that a plan needs, as JSON values and as a line of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from layover.cli.console import room
from layover.errors import LayoverError

if TYPE_CHECKING:
    from layover.estimates.cost import Estimate
    from layover.execution import Execution


def budget_of(text: str, option: str) -> int:
    """Return the bytes of a size on the command line.

    Raises:
        LayoverError: the text is no size.
    """
    from layover.settings import size_of

    try:
        return size_of(text)
    except ValueError as error:
        raise LayoverError(f"{option}: {error}") from None


def memory_need(costs: Sequence[Estimate], execution: Execution, gpu: int | None) -> dict[str, Any]:
    """Return the peak memory of the largest node, and whether it fits into the available memory.

    Args:
        costs: Estimates of the nodes to run.
        execution: `run` of the recipe; the budget is its `memory`, else the free main memory. No GPU is queried.
        gpu: Bytes of GPU memory that replace this budget.
    """
    from layover.allowed import available_memory
    from layover.devices import likely_kind
    from layover.estimates.loads import device_of
    from layover.memory import USABLE

    here = likely_kind() if execution.device == "auto" else device_of(execution)
    device = "cuda" if gpu is not None else here
    loads = {cost.load.on(device, execution.micro_batch_tokens) for cost in costs if cost.load is not None}
    given = gpu or execution.memory or (available_memory() if device == "cpu" else None)
    budget = None if given is None else given if gpu is None and execution.memory else USABLE * given
    need: dict[str, Any] = {"device": device, "budget_bytes": given, "peak_bytes": None, "fits": None, "tokens": None}
    if budget is None:
        return {**need, "peak_bytes": max((load.peak() for load in loads), default=None)}
    if loads:
        trained = [load.tokens(budget) for load in loads if load.trains]
        need["peak_bytes"] = max(load.peak(load.tokens(budget)) for load in loads)
        need["fits"] = all(load.fits(budget) for load in loads)
        need["tokens"] = min(trained, default=None)
    return need


def largest_peak(costs: Sequence[Estimate], execution: Execution, capability: tuple[int, int] | None) -> int | None:
    """Return the estimated peak of the largest node in bytes on the device of a run; None if unknown.

    Args:
        costs: Estimates of the nodes to run.
        execution: `run` of the recipe, with the device of this machine.
        capability: Compute capability of a card of NVIDIA.
    """
    if execution.device == "cpu":
        peaks = [cost.peak_bytes for cost in costs]
    else:
        loads = [cost.load for cost in costs if cost.load is not None]
        peaks = [load.on(execution.device, execution.micro_batch_tokens, capability).peak() for load in loads]
    return max(filter(None, peaks), default=None)


def memory_line(values: Mapping[str, Any]) -> str:
    """Return the line of text on the memory."""
    if values["peak_bytes"] is None:
        return "memory of the largest node: unknown"
    text = f"memory of the largest node: {room(values['peak_bytes'])} (estimated)"
    if values["budget_bytes"] is None:
        return f"{text}; --gpu 6GiB says whether it fits into a GPU with 6 GiB"
    where = "GPU memory" if values["device"] == "cuda" else "memory"
    text += f"; fits in {room(values['budget_bytes'])} of {where}: {'yes' if values['fits'] else 'no'}"
    if values["fits"] and values["tokens"]:
        text += f", with micro-batches of {values['tokens']:,} tokens"
    if not values["fits"]:
        text += " (`layover fit` proposes settings that fit)"
    return text
