"""The options of an export."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """The options of an export."""

    flatten: bool = False
    """Merge a stack of LoRAs, exactly merged LoRAs, or a stack of IA3 into one module."""
    adapterhub: bool = False
    """Write AdapterHub's layout of a LoRA, too; a bottleneck always has it."""
    name: str | None = None
    """The name of the package, instead of the cell's name; for a single package."""
