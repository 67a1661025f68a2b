"""README.md of a package: the model card that a person reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layover.packages.card import Card
from layover.sharing.choose import Wanted

if TYPE_CHECKING:
    from layover.sharing.export import Export

README = "README.md"


def title(wanted: Wanted, export: Export) -> str:  # noqa: ARG001
    """Return one line that says what a package is."""
    return f"{wanted.name} on {wanted.model}, method {wanted.method}"


def write(folder: Path, card: Card, export: Export) -> None:  # noqa: ARG001
    """Write it, and its picture."""
    (folder / README).write_text(f"# {card.id}\n\n{card.title}\n", encoding="utf-8")
