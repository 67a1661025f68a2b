"""Check that this machine has the device of a recipe, and that the device computes in the recipe's precisions."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from layover.devices import DeviceFacts, likely_kind, refuses, seen_card, slow, torch_build
from layover.errors import LayoverError, ModelError

if TYPE_CHECKING:
    from layover.execution import Execution
    from layover.numerics import Precision
    from layover.recipe import Recipe

LOC = ("run", "device")


def unseen(recipe: Recipe) -> list[str]:
    """Return notes on a device that this machine lacks, for commands that do not train; torch is not imported."""
    device = recipe.document.run.device
    notes = []
    if device == "cuda" and (lacking := _no_gpu_seen()):
        notes.append(_message(recipe, f"{lacking}; a run needs a GPU"))
    if device == "mps" and not (sys.platform == "darwin" and platform.machine() == "arm64"):
        notes.append(_message(recipe, "this machine is not a Mac with a GPU of Apple; a run on mps needs one"))
    kind = likely_kind() if device == "auto" else device
    if kind != "cuda":  # what a card can do is not known without torch
        facts = DeviceFacts(kind, kind, 1, "")
        notes += _refused(recipe, facts)
    return notes


def _no_gpu_seen() -> str:
    """Return why this machine probably has no GPU for torch, or an empty text."""
    card = seen_card()
    if card is None:
        return "this machine has no visible GPU"
    if card.hidden_by is not None:
        return f"this machine has no visible GPU: {card.hidden_by} hides {card.shown}"
    build = torch_build()
    return "" if build.serves(card) else f"torch {build.version} is not built for {card.shown}"


def device_for(recipe: Recipe) -> DeviceFacts:
    """Return the device of a run of a recipe before any node starts; torch is asked unless the recipe names the CPU.

    Raises:
        LayoverError: torch cannot use the device, or the device does not compute in a precision of the recipe.
    """
    from layover.engine.device import examined

    wanted = recipe.document.run.device
    try:
        facts = DeviceFacts("cpu", "cpu", 1, torch_build().version) if wanted == "cpu" else examined(wanted)
    except ModelError as error:
        raise LayoverError(str(recipe.source.problem(LOC, str(error).removeprefix("run.device: ")))) from None
    if refused := _refused(recipe, facts):
        raise LayoverError("\n".join(refused))
    return facts


def notes_on(recipe: Recipe, facts: DeviceFacts, execution: Execution, workers: int) -> list[str]:
    """Return notes on the device of a run: slow precisions, a GPU that is not used, processes that share a GPU."""
    notes = [note for precision in dict.fromkeys(_precisions(recipe).values()) if (note := slow(precision, facts))]
    if facts.unusable and recipe.document.run.device == "auto":
        notes.append(f"the run uses the CPU: {facts.unusable}")
    if facts.kind != "cpu" and workers > 1:
        known = "" if execution.memory else "; set run.memory to the share of each"
        notes.append(f"{workers} processes share {facts.shown}{known}")
    return notes


def _refused(recipe: Recipe, facts: DeviceFacts) -> list[str]:
    """Return a message for every key of the recipe with a precision that a device refuses."""
    return [
        str(recipe.source.problem(loc, f"{precision}: {reason}"))
        for loc, precision in _precisions(recipe).items()
        if (reason := refuses(precision, facts))
    ]


def _precisions(recipe: Recipe) -> dict[tuple[str, ...], Precision]:
    """Return the precisions that the sweep computes in, by the key that sets each."""
    shared = ("train", "precision")
    precisions: dict[tuple[str, ...], Precision] = {}
    for name in recipe.document.sweep.method:
        own = recipe.document.methods[name].precision is not None
        precisions[("methods", name, "precision") if own else shared] = recipe.methods[name].precision
    if recipe.languages is not None:
        precisions[shared] = recipe.languages.method.precision
    return precisions


def _message(recipe: Recipe, message: str) -> str:
    return str(recipe.source.problem(LOC, f"{recipe.document.run.device}: {message}"))
