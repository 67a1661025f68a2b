"""Kept hidden states out of the store, for the steps that go on from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from layover.inference.hidden_states import HiddenStates
from layover.steps.files import META, STATES
from layover.store import Store, read_json

StatesOf = Mapping[str, str]
"""Key of tokenized data -> key of the node that holds their hidden states."""


def load_states(store: Store, hidden_states: StatesOf, data: str) -> HiddenStates | None:
    """Return the kept hidden states of some data, None where there are none for this node."""
    if data not in hidden_states:
        return None
    folder = store.path(hidden_states[data])
    return HiddenStates.open(folder / STATES, **read_json(folder / META))


def lowest_needed(store: Store, hidden_states: StatesOf, data: Collection[str]) -> int:
    """Return the lowest layer of the encoder that these data need: 0 where the states of some of them are not kept."""
    if not all(key in hidden_states for key in data):
        return 0
    return min(int(store.done(hidden_states[key])["identity"]["layer"]) for key in data)
