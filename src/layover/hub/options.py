"""How packages are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How packages are written."""

    flatten: bool = False
    """One module instead of a stack of LoRAs, of exactly merged ones, or of a stack of IA3."""
    adapterhub: bool = False
    """Write AdapterHub's layout of a LoRA, too; a bottleneck has it anyway."""
    name: str | None = None
    """Of the one package, instead of the cell's."""
