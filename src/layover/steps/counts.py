"""Numbers of finished nodes, for estimates; read without torch."""

from __future__ import annotations

from typing import Any

from layover.steps.tokenize import load_meta
from layover.store import Store


def counts_of(store: Store, key: str) -> dict[str, Any]:
    """Return what a finished tokenize node holds: examples, gold, rows, tokens, longest."""
    return load_meta(store, key)


def seconds_of(store: Store, key: str) -> float | None:
    """Return the seconds a node took, None when it is not there."""
    return float(store.done(key)["seconds"]) if store.has(key) else None
