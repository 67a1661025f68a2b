"""Kept hidden states out of the store, for the steps that go on from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from layover.batches import States
from layover.steps.files import META, STATES
from layover.store import Store, read_json

Trunks = Mapping[str, str]
"""Key of tokenized data -> key of the trunk node that holds their hidden states."""


def load_states(store: Store, trunks: Trunks, data: str) -> States | None:
    """Return the kept hidden states of some data, None where there are none for this node."""
    if data not in trunks:
        return None
    folder = store.path(trunks[data])
    return States.open(folder / STATES, **read_json(folder / META))


def lowest_needed(store: Store, trunks: Trunks, data: Collection[str]) -> int:
    """Return the lowest layer of the encoder that these data need: 0 where the states of some of them are not kept."""
    if not all(key in trunks for key in data):
        return 0
    return min(int(store.done(trunks[key])["identity"]["layer"]) for key in data)
