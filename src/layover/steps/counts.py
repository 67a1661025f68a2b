"""Numbers of finished nodes, for estimates; read without torch."""

from __future__ import annotations

from typing import Any

from layover.errors import StoreError
from layover.steps.files import MEASURED
from layover.steps.tokenize import load_meta
from layover.store import Store


def counts_of(store: Store, key: str) -> dict[str, Any]:
    """Return what a finished tokenize node holds: examples, gold, rows, tokens, longest."""
    return load_meta(store, key)


def timed(store: Store, key: str) -> dict[str, Any]:
    """Return the `done.json` of a finished node whose seconds are those of the whole node.

    Raises:
        StoreError: it is not there, or it was resumed, so that its seconds are those of the last stretch.
    """
    done = store.done(key)
    if MEASURED in done["files"] and store.read(key, MEASURED).get("resumed_at") is not None:
        raise StoreError(f"node {key[:12]} was resumed; its seconds do not cover the whole node")
    return done
