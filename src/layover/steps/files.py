"""The names of the files that finished nodes hold."""

from __future__ import annotations

from collections.abc import Sequence

from layover.compositions import TARGET

FEATURES = "features.safetensors"
"""tokenize: rows of token ids, see `layover.data.features`."""
EXAMPLES = "examples.jsonl"
"""tokenize: what decoding and scoring need of each example."""
ROWS = "rows.jsonl"
"""tokenize: of each example the id that its data give it, or null, and file and line."""
META = "meta.json"
"""tokenize: counts; hidden_states: their size."""
STATES = "states.bin"
"""hidden_states: hidden states, see `layover.inference.hidden_states`."""
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
"""predict: where modules are mixed, how much is taken of each; see `layover.encoder.mixing_weights`."""
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
