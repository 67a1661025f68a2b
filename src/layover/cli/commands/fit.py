"""fit: propose settings that fit into a memory."""

from __future__ import annotations

import re
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
    model: Annotated[str, typer.Option(help="base, large, a folder, or a name from `layover list models`.")],
    gpu: Annotated[str | None, typer.Option(help="Memory of the GPU, such as 6GiB.", show_default=False)] = None,
    capability: Annotated[
        str | None,
        typer.Option(help="Compute capability of the GPU, 7.5 for a T4.", show_default="8.0 or more"),
    ] = None,
    ram: Annotated[str | None, typer.Option(help="Main memory, to train on a CPU.", show_default=False)] = None,
    method: Annotated[str, typer.Option(help="Module: lora, bottleneck, full ...")] = "lora",
    layers: Annotated[
        str | None, typer.Option(help="all, or top-6; several are tried by default.", show_default=False)
    ] = None,
    max_length: Annotated[int, typer.Option(min=8, help="Number of tokens of the longest row.")] = 128,
    batch: Annotated[int, typer.Option(min=1, help="Rows per step.")] = 32,
    json: JsonOption = False,
) -> None:
    """Propose settings whose training fits into a memory, best first, with recipe lines to copy."""
    from layover.devices import AMPERE
    from layover.estimates.fitting import TF32, choices
    from layover.memory import USABLE
    from layover.plan.encoders import shape_of

    if (gpu is None) == (ram is None):
        raise LayoverError("name the memory to fit into: either --gpu 6GiB or --ram 16GiB")
    given = budget_of(gpu, "--gpu") if gpu is not None else budget_of(ram or "", "--ram")
    device = "cpu" if gpu is None else "cuda"
    if capability is not None and gpu is None:
        raise LayoverError("--capability describes a GPU; name its memory, too: --gpu 6GiB")
    card = None if capability is None else _capability(capability)
    candidates = choices(
        shape_of(model),
        _module(method, layers),
        budget=int(USABLE * given),
        max_length=max_length,
        batch=batch,
        device=device,
        fixed_layers=layers is not None,
        capability=card,
    )
    best = next((settings for settings in candidates if settings.fits), None)
    lines = [] if best is None else _recipe(best, batch, max_length, device, int(USABLE * given))
    if json:
        rows = [_row(settings) for settings in candidates]
        answer({"budget_bytes": given, "device": device, "choices": rows, "recipe": "\n".join(lines) or None})
        return
    headers = ["layers", "precision", "cached", "checkpointing", "peak", "rows at once", "fits"]
    say(*table(headers, [_cells(settings) for settings in candidates]))
    say()
    if best is None:
        say(f"nothing fits into {room(given)}: {_hint(candidates)}")
        return
    say(*lines)
    for text in best.costs:
        say(f"# {text}")
    if device == "cuda" and best.precision == "fp32" and (card is None or card >= AMPERE):
        say(f"# {TF32}")


def _capability(text: str) -> tuple[int, int]:
    """Return a compute capability as two numbers.

    Raises:
        LayoverError: the text is none.
    """
    match = re.fullmatch(r"([1-9]\d?)\.(\d)", text)
    if match is None:
        raise LayoverError(
            f"--capability: {text[:40]!r} is not a compute capability; write it as NVIDIA does: 7.5 for a T4, 8.6 for "
            "an RTX 30"
        )
    return int(match[1]), int(match[2])


def _module(method: str, layers: str | None) -> Module:
    """Return a module with its default settings, on the given layers.

    Raises:
        ModelError: the module does not exist, has no setting `layers`, or `layers` names no layers.
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
        raise ModelError(f"--layers: {method} has no setting for its layers; omit the option")
    try:
        return kind.model_validate({"layers": layers})
    except ValidationError:
        raise ModelError(f"--layers: {layers!r} names no layers; write all or top-4") from None


def _row(settings: MethodSettings) -> dict[str, Any]:
    return {
        "method": settings.module.name,
        "layers": _layers(settings),
        "precision": settings.precision,
        "cached": settings.cached,
        "checkpointing": settings.checkpointing,
        "peak_bytes": settings.peak_bytes,
        "rows": settings.rows,
        "fits": settings.fits,
        "costs": list(settings.costs),
    }


def _layers(settings: MethodSettings) -> str | None:
    """Return the layers as a recipe writes them, or None if the module has no such setting."""
    layers = settings.module.model_dump().get("layers")
    return None if layers is None else str(layers)


def _cells(settings: MethodSettings) -> list[str]:
    flags = ["yes" if flag else "no" for flag in (settings.cached, settings.checkpointing)]
    fits = "yes" if settings.fits else "no"
    return [_layers(settings) or "all", settings.precision, *flags, room(settings.peak_bytes), str(settings.rows), fits]


def _recipe(settings: MethodSettings, batch: int, max_length: int, device: str, budget: int) -> list[str]:
    """Return the lines for a recipe."""
    values = {"module": settings.module.name, "layers": _layers(settings), "precision": settings.precision}
    method = ", ".join(f"{name}: {value}" for name, value in values.items() if value not in (None, "all"))
    again = ", gradient_checkpointing: true" if settings.checkpointing else ""
    return [
        f"methods: {{{settings.module.name}: {{{method}}}}}",
        f"train: {{batch: {batch}, max_length: {max_length}}}",
        f"run: {{device: {device}, memory: {budget // 2**20}MiB{again}}}",
    ]


def _hint(candidates: list[MethodSettings]) -> str:
    least = min(candidates, key=lambda settings: settings.peak_bytes)
    return (
        f"the smallest of these needs {room(least.peak_bytes)}; use a shorter --max-length, upper layers or another "
        "--method"
    )
