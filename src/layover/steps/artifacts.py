"""The files of finished nodes: their names, and reading and writing them; without torch."""

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
"""tokenize: rows of token ids, see `layover.data.features`."""
EXAMPLES = "examples.jsonl"
"""tokenize: what decoding and scoring need of each example."""
ROWS = "rows.jsonl"
"""tokenize: of each example the id that its data give it, or null, and file and line."""
META = "meta.json"
"""tokenize: counts; hidden_states: their size."""
STATES = "states.bin"
"""hidden_states: hidden states, see `layover.inference.HiddenStates`."""
MODULE = "module.safetensors"
"""train: the trained weights by canonical name; a stack keeps only its own, the intermediate's lie in its node."""
HEAD = "head.safetensors"
"""train: the head; those of a mixture are `head_of` their numbers."""
TRAINING = "training.json"
"""train: history, best step, number of trained weights, the head's start; of a mixture, what each task gave."""
GATES = "gates.safetensors"
"""gate: the gates of an intermediate, by canonical name."""
MEASURED = "measured.json"
"""train: times and how the work was cut; the one file that differs from run to run."""
PREDICTIONS = "predictions.jsonl"
"""predict: one prediction per example; where several layers are searched there is such a file for each of them."""
SHARES = "shares.json"
"""predict: where modules are mixed, how much is taken of each; see `layover.encoder.shares`."""
RECORD = "record.json"
"""score: see `layover.records`."""
CLASSES = "classes.json"
"""score: how often each label is gold and predicted, see `layover.label_counts`; only where answers are labels."""


def weights_of(name: str) -> str:
    """Return the name of the file with the trained weights of a part, or of a mixer."""
    return MODULE if name == TARGET else f"{name}.safetensors"


def head_of(place: int) -> str:
    """Return the name of the file with one of the heads of a mixture."""
    return f"head.{place}.safetensors"


def predictions_of(layer: int, layers: Sequence[int]) -> str:
    """Return the name of the file with the predictions of one of the layers that a node searches."""
    return PREDICTIONS if len(layers) == 1 else f"predictions.{layer}.jsonl"


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """Write JSON Lines."""
    with path.open("w", encoding="utf-8") as stream:
        for value in values:
            stream.write(json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n")


def read_lines(path: Path) -> list[Any]:
    """Read JSON Lines.

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
    """Return the features of a finished tokenize node; of no kind, only what every kind has, for an encoder alone."""
    return Features.load(store.path(key) / FEATURES, NO_COLUMNS if kind is None else kinds.get(kind).columns)


def load_examples(store: Store, key: str, kind: str) -> list[Any]:
    """Return the examples of a finished tokenize node."""
    parse = kinds.get(kind).from_json
    return [parse(line) for line in read_lines(store.path(key) / EXAMPLES)]


def load_rows(store: Store, key: str) -> list[dict[str, Any]]:
    """Return of each example of a finished tokenize node its `id` in the data, or None, and `where` it stands."""
    return read_lines(store.path(key) / ROWS)


def load_meta(store: Store, key: str) -> dict[str, Any]:
    """Return the counts of a finished tokenize node.

    examples, gold; rows, tokens, longest as encoded; source_rows, used, left_out, learned and unlearnable:
    see `layover.steps.accounting`.
    """
    return store.read(key, META)


def timed(store: Store, key: str) -> dict[str, Any]:
    """Return the `done.json` of a finished node whose seconds are those of the whole node.

    Raises:
        StoreError: it is not there, or it was resumed, so that its seconds are those of the last stretch.
    """
    done = store.done(key)
    if MEASURED in done["files"] and store.read(key, MEASURED).get("resumed_at") is not None:
        raise StoreError(f"node {key[:12]} was resumed; its seconds do not cover the whole node")
    return done


def write_shares(folder: Path, shares: MixingWeights) -> None:
    """Write what a mix took of its members; nothing where nothing is mixed."""
    if shares.tokens:
        write_json(folder / SHARES, shares.as_json())


def read_shares(store: Store, key: str) -> dict[str, list[float]]:
    """Return by the name of the site the mean share that a mix took of each member; empty where nothing was mixed.

    Args:
        store: Where the predictions lie.
        key: Of their node.
    """
    return dict(store.read(key, SHARES)["sites"]) if SHARES in store.done(key)["files"] else {}
