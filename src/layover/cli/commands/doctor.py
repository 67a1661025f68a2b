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
    "accelerate",
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
    import torch

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
        "device": "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu",
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name(0)
        facts["gpu_memory_bytes"] = torch.cuda.get_device_properties(0).total_memory
    facts["store"] = str(store)
    facts["disk_free_bytes"] = psutil.disk_usage(str(place)).free
    facts["hub"] = _hub()
    return facts


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
