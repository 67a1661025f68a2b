"""What a mix took of its members while it predicted, on disk beside the predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layover.steps.files import SHARES
from layover.store import Store, write_json

if TYPE_CHECKING:
    from layover.encoder import MixingWeights


def write_shares(folder: Path, shares: MixingWeights) -> None:
    """Write them; nothing where nothing is mixed."""
    if shares.tokens:
        write_json(folder / SHARES, shares.as_json())


def read_shares(store: Store, key: str) -> dict[str, list[float]]:
    """Return by the name of the site the mean share of each member; nothing where nothing was mixed.

    Args:
        store: Where the predictions lie.
        key: Of their node.
    """
    return dict(store.read(key, SHARES)["sites"]) if SHARES in store.done(key)["files"] else {}
