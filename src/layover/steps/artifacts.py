"""The files of finished nodes: their names, reading and writing; without torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover import kinds
from layover.compositions import TARGET
from layover.data.features import NO_COLUMNS, Features
from layover.errors import StoreError
from layover.store import Store, write_json

if TYPE_CHECKING:
    from layover.encoder import MixingWeights

FEATURES = "features.safetensors"
"""tokenize: rows of token ids; `layover.data.features` defines the format."""
EXAMPLES = "examples.jsonl"
"""tokenize: the fields of each example that decoding and scoring need."""
ROWS = "rows.jsonl"
"""tokenize: for each example its id in the data, or null, its file and line, and the length of its input."""
META = "meta.json"
"""tokenize: counts; hidden_states: their size."""
PERTURBED = "perturbed"
"""The field of META of a perturbed test set: what `Perturber.summary` returns."""
STATES = "states.bin"
"""hidden_states: hidden states in the format of `layover.inference.hidden_states`."""
MODULE = "module.safetensors"
"""train: the trained weights by canonical name; a stack has only its own, the intermediate's are in another node."""
HEAD = "head.safetensors"
"""train: the head; the heads of a mixture have the names of `head_of`."""
TRAINING = "training.json"
"""train: history, best step, number of trained weights, the head's start; for a mixture, the steps of each task."""
GATES = "gates.safetensors"
"""gate: the gates of an intermediate, by canonical name."""
MEASURED = "measured.json"
"""train: times, and the batches of the execution; the only file that differs from run to run."""
PREDICTIONS = "predictions.jsonl"
"""predict: one prediction per example; a search of several layers has a file for each layer."""
MIXING_WEIGHTS = "shares.json"
"""predict: the mixing weights of mixed modules."""
RECORD = "record.json"
"""score: the record; `layover.records` defines its fields."""
CLASSES = "classes.json"
"""score: how often each label is gold and predicted (`layover.label_counts`); only if answers are labels."""
ITEMS = "items.safetensors"
"""score: what groups of test items contribute to each score (`layover.steps.items`)."""
BREAKDOWN = "breakdown.json"
"""score: scores by length of the input and place of the answer, agreement of translations (`layover.breakdown`)."""


def weights_of(name: str) -> str:
    """Return the name of the file with the trained weights of a module, or of a mixer."""
    return MODULE if name == TARGET else f"{name}.safetensors"


def head_of(place: int) -> str:
    """Return the name of the file with a head of a mixture, given its number."""
    return f"head.{place}.safetensors"


def predictions_of(layer: int, layers: Sequence[int]) -> str:
    """Return the name of the file with the predictions of a layer that a node searches."""
    return PREDICTIONS if len(layers) == 1 else f"predictions.{layer}.jsonl"


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """Write values as JSON Lines."""
    with path.open("w", encoding="utf-8") as stream:
        for value in values:
            stream.write(json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n")


def read_lines(path: Path) -> list[Any]:
    """Return the values of a file of JSON Lines.

    Raises:
        StoreError: a line is not JSON.
    """
    values = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                values.append(json.loads(line))
            except ValueError as error:
                raise StoreError(f"{path}:{number}: not JSON: {error}") from None
    return values


def load_features(store: Store, key: str, kind: str | None = None) -> Features:
    """Return the features of a finished tokenize node; without a kind, only the columns that every kind has."""
    return Features.load(store.path(key) / FEATURES, NO_COLUMNS if kind is None else kinds.get(kind).columns)


def load_examples(store: Store, key: str, kind: str) -> list[Any]:
    """Return the examples of a finished tokenize node."""
    parse = kinds.get(kind).from_json
    return [parse(line) for line in read_lines(store.path(key) / EXAMPLES)]


def load_rows(store: Store, key: str) -> list[dict[str, Any]]:
    """Return where each example of a finished tokenize node comes from, and how long it is.

    The fields are `id` in the data, or None; its place `where`; `tokens`, the length of its input before it is cut;
    `cut`, whether it is longer than `max_length`; `window`, the number of the window with its answer, or None. In
    training data `tokens` and `cut` are None. In a perturbed test set `group` is the number of the first example that
    had the same text before the change.
    """
    return read_lines(store.path(key) / ROWS)


def load_meta(store: Store, key: str) -> dict[str, Any]:
    """Return the counts of a finished tokenize node.

    The fields are examples, gold; rows, tokens, longest (encoded); and the fields of `Account.meta`: source_rows, used,
    left_out, learned, unlearnable.
    """
    return store.read(key, META)


def timed(store: Store, key: str) -> dict[str, Any]:
    """Return the `done.json` of a finished node whose seconds cover the whole node.

    Raises:
        StoreError: the node is absent; or it was resumed, so that its seconds cover only the last part.
    """
    done = store.done(key)
    if MEASURED in done["files"] and store.read(key, MEASURED).get("resumed_at") is not None:
        raise StoreError(f"node {key[:12]} was resumed; its seconds do not cover the whole node")
    return done


def write_mixing_weights(folder: Path, weights: MixingWeights) -> None:
    """Write the mixing weights of a node; writes no file if nothing is mixed."""
    if weights.tokens:
        write_json(folder / MIXING_WEIGHTS, weights.as_json())


def read_mixing_weights(store: Store, key: str) -> dict[str, list[float]]:
    """Return name of the site -> mean mixing weight of each module; empty if nothing is mixed.

    Args:
        store: The store of the predictions.
        key: The key of their node.
    """
    return dict(store.read(key, MIXING_WEIGHTS)["sites"]) if MIXING_WEIGHTS in store.done(key)["files"] else {}
