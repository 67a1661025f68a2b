"""fit: which settings fit into a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, room, say, table
from layover.cli.room import budget_of
from layover.cli.shared import JsonOption
from layover.errors import LayoverError, ModelError, nearest

if TYPE_CHECKING:
    from layover.estimates.fitting import MethodSettings
    from layover.modules import Module

ORDER = 25


def command(
    *,
    model: Annotated[str, typer.Option(help="base, large, a folder, or a name of `layover list models`.")],
    gpu: Annotated[str | None, typer.Option(help="Memory of the GPU, 6GiB.", show_default=False)] = None,
    ram: Annotated[str | None, typer.Option(help="Main memory, to train on a CPU.", show_default=False)] = None,
    method: Annotated[str, typer.Option(help="A module: lora, bottleneck, full ...")] = "lora",
    layers: Annotated[
        str | None, typer.Option(help="all, or top-6; else several are tried.", show_default=False)
    ] = None,
    max_length: Annotated[int, typer.Option(min=8, help="Tokens of the longest row.")] = 128,
    batch: Annotated[int, typer.Option(min=1, help="Rows of a step.")] = 32,
    json: JsonOption = False,
) -> None:
    """Propose settings whose training fits into the memory, best first, with the recipe lines to copy."""
    from layover.estimates.fitting import choices
    from layover.memory import USABLE
    from layover.plan.encoders import shape_of

    if (gpu is None) == (ram is None):
        raise LayoverError("give the memory to fit into: either --gpu 6GiB or --ram 16GiB")
    given = budget_of(gpu, "--gpu") if gpu is not None else budget_of(ram or "", "--ram")
    device = "cpu" if gpu is None else "cuda"
    found = choices(
        shape_of(model),
        _module(method, layers),
        budget=int(USABLE * given),
        max_length=max_length,
        batch=batch,
        device=device,
        fixed_layers=layers is not None,
    )
    best = next((one for one in found if one.fits), None)
    lines = [] if best is None else _recipe(best, batch, max_length, device, int(USABLE * given))
    if json:
        rows = [_row(one) for one in found]
        answer({"budget_bytes": given, "device": device, "choices": rows, "recipe": "\n".join(lines) or None})
        return
    headers = ["layers", "precision", "cached", "checkpointing", "peak", "rows at once", "fits"]
    say(*table(headers, [_cells(one) for one in found]))
    say()
    if best is None:
        say(f"nothing fits into {room(given)}: {_hint(found)}")
        return
    say(*lines)
    for text in best.costs:
        say(f"# {text}")


def _module(method: str, layers: str | None) -> Module:
    """Return a module with its default settings, on some layers.

    Raises:
        ModelError: there is no such module, it cannot be put on some layers only, or `layers` names none.
    """
    from pydantic import ValidationError

    from layover import modules
    from layover.modules import LayeredModule

    if method not in modules.names():
        raise ModelError(f"--method: no module is called {method!r}; {nearest(method, modules.names())}")
    kind = modules.get(method)
    if layers is None:
        return kind()
    if not issubclass(kind, LayeredModule):
        raise ModelError(f"--layers: {method} is not put on some layers only; leave the option out")
    try:
        return kind.model_validate({"layers": layers})
    except ValidationError:
        raise ModelError(f"--layers: {layers!r} names no layers; write all or top-4") from None


def _row(one: MethodSettings) -> dict[str, Any]:
    return {
        "method": one.module.name,
        "layers": _layers(one),
        "precision": one.precision,
        "cached": one.cached,
        "checkpointing": one.checkpointing,
        "peak_bytes": one.peak_bytes,
        "rows": one.rows,
        "fits": one.fits,
        "costs": list(one.costs),
    }


def _layers(one: MethodSettings) -> str | None:
    """Return the layers as a recipe writes them; None where the module has no such setting."""
    found = one.module.model_dump().get("layers")
    return None if found is None else str(found)


def _cells(one: MethodSettings) -> list[str]:
    flags = ["yes" if flag else "no" for flag in (one.cached, one.checkpointing)]
    fits = "yes" if one.fits else "no"
    return [_layers(one) or "all", one.precision, *flags, room(one.peak_bytes), str(one.rows), fits]


def _recipe(one: MethodSettings, batch: int, max_length: int, device: str, budget: int) -> list[str]:
    """Return the lines of a recipe."""
    settings = {"module": one.module.name, "layers": _layers(one), "precision": one.precision}
    method = ", ".join(f"{name}: {value}" for name, value in settings.items() if value not in (None, "all"))
    again = ", gradient_checkpointing: true" if one.checkpointing else ""
    return [
        f"methods: {{{one.module.name}: {{{method}}}}}",
        f"train: {{batch: {batch}, max_length: {max_length}}}",
        f"run: {{device: {device}, memory: {budget // 2**20}MiB{again}}}",
    ]


def _hint(found: list[MethodSettings]) -> str:
    least = min(found, key=lambda one: one.peak_bytes)
    return (
        f"the least of these takes {room(least.peak_bytes)}; a shorter --max-length, upper layers or another --method "
        "take less"
    )
