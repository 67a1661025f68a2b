"""What a mix took of its members while it predicted, on disk beside the predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layover.steps.files import SHARES
from layover.store import read_json, write_json

if TYPE_CHECKING:
    from layover.encoder import Shares


def write_shares(folder: Path, shares: Shares) -> None:
    """Write them; nothing where nothing is mixed."""
    if shares.tokens:
        write_json(folder / SHARES, shares.as_json())


def read_shares(folder: Path) -> dict[str, list[float]]:
    """Return by the name of the site the mean share of each member; nothing where nothing was mixed."""
    file = folder / SHARES
    return dict(read_json(file)["sites"]) if file.is_file() else {}
