"""doctor: versions, device, memory, network."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

from layover import __version__, plugins
from layover.cli.console import answer, say, size
from layover.cli.shared import DEFAULT_STORE, JsonOption, StoreOption, existing_above

ORDER = 85

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "adapters",
    "datasets",
    "tokenizers",
    "bitsandbytes",
    "numpy",
)


def command(*, store: StoreOption = DEFAULT_STORE, json: JsonOption = False) -> None:
    """Show the versions, device, memory and disk of this machine, and whether the hub answers."""
    facts = examine(store)
    if json:
        answer(facts)
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            say(f"{name}: " + (", ".join(f"{key} {inner or 'absent'}" for key, inner in value.items()) or "none"))
        else:
            say(f"{name}: {size(value) if name.endswith('bytes') else value}")


def examine(store: Path) -> dict[str, Any]:
    """Return name -> value of the facts about this machine."""
    import psutil

    from layover.allowed import available_memory, cores, total_memory

    place = existing_above(store)
    facts: dict[str, Any] = {
        "layover": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": {plugin.distribution: plugin.version for group in plugins.installed().values() for plugin in group},
        "cores": cores(),
        "memory_bytes": total_memory(),
        "memory_free_bytes": available_memory(),
        **_device(),
    }
    facts["store"] = str(store)
    facts["disk_free_bytes"] = psutil.disk_usage(str(place)).free
    facts["hub"] = _hub()
    return facts


def _device() -> dict[str, Any]:
    """Return the facts about the device that `auto` becomes, and about a GPU that torch cannot use."""
    from layover.devices import examine, shown_capability, slow, usable_precisions

    try:
        device = examine()
    except RuntimeError as error:  # torch finds a GPU that it cannot use, such as one that another process holds alone
        return {"device": "unknown", "device_error": str(error).partition("\n")[0]}
    precisions = usable_precisions(device)
    facts: dict[str, Any] = {"device": device.kind, "torch_cuda": device.cuda, "torch_hip": device.hip}
    if device.kind != "cpu":
        facts |= {"gpu": device.name, "gpus": device.count, "gpu_memory_bytes": device.total_bytes}
        facts |= {"gpu_memory_free_bytes": device.free_bytes}
    if device.capability is not None:
        facts["compute_capability"] = shown_capability(device.capability)
    facts["precisions"] = ", ".join(precisions)
    facts["note"] = device.unusable or slow("bf16", device)
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _hub() -> str:
    """Return a line on the hub: whether it answers with the user's HF_ENDPOINT, proxy and certificates."""
    from layover.files.hub import answers
    from layover.files.hub_errors import explained
    from layover.files.hub_settings import endpoint, offline, token_source

    if offline():
        return "offline (HF_HUB_OFFLINE is set)"
    token = token_source()
    try:
        answers()
    except Exception as error:  # noqa: BLE001  any error of the libraries of the client
        return f"{explained(error)[1]}; local directories and data_root work without it"
    return f"{endpoint()} answers; {f'a token is {token}' if token else 'no token is given'}"
