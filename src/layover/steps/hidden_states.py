"""hidden_states: the output of the frozen layers below all modules for a data set, computed once and cached."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from layover.encoder import DropoutClock
from layover.inference.hidden_states import HiddenStates, StateType
from layover.inference.predict import keep_states
from layover.numerics import computes_in
from layover.plan import Node
from layover.specs.hidden_states import HiddenStatesSpec
from layover.steps.artifacts import META, STATES, load_features
from layover.steps.context import Context
from layover.steps.loaded import load
from layover.store import Store, read_json, write_json

StatesOf = Mapping[str, str]
"""Key of tokenized data -> key of the node with their hidden states."""


def run(node: Node[HiddenStatesSpec], folder: Path, context: Context) -> None:
    """Write the hidden states of every token at the input of a layer, in the number format of the encoder."""
    spec = node.spec
    features = load_features(context.store, spec.data)
    encoder = load(spec.encoder.source, spec.encoder.revision, clock=DropoutClock(0), precision=spec.precision)
    kind: StateType = "bfloat16" if computes_in(spec.precision) == "bf16" else "float32"
    tokens = int(features.arrays["offsets"][-1])
    size = {"layer": spec.layer, "kind": kind, "tokens": tokens, "hidden": encoder.hidden_size}
    into = HiddenStates.create(folder / STATES, layer=spec.layer, kind=kind, tokens=tokens, hidden=encoder.hidden_size)
    keep_states(encoder, features, into, execution=context.execution, precision=spec.precision)
    into.flush()
    write_json(folder / META, size)
    context.progress({"done": features.rows, "total": features.rows, "unit": "rows"})


def load_states(store: Store, hidden_states: StatesOf, data: str) -> HiddenStates | None:
    """Return the cached hidden states of a data set; None if this node has none."""
    if data not in hidden_states:
        return None
    folder = store.path(hidden_states[data])
    return HiddenStates.open(folder / STATES, **read_json(folder / META))


def lowest_needed(store: Store, hidden_states: StatesOf, data: Collection[str]) -> int:
    """Return the lowest layer of the encoder that data sets need: 0 unless the states of all of them are cached."""
    if not all(key in hidden_states for key in data):
        return 0
    return min(int(store.done(hidden_states[key])["identity"]["layer"]) for key in data)
