"""Putting a trained task together again: encoder, what is attached to it, and the head.

Files of a train node: `module.safetensors` (the trained weights, canonical names), `head.safetensors`,
`training.json`. A stack keeps only its own weights; the intermediate's lie in the intermediate's node.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover import compositions, heads, kinds, modules
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.store import Store

if TYPE_CHECKING:
    from torch import Tensor

    from layover.compositions import Part
    from layover.heads import Head
    from layover.modules import Module

MODULE, HEAD, TRAINING = "module.safetensors", "head.safetensors", "training.json"
TARGET, INTERMEDIATE = "target", "intermediate"


def module_of(identity: Mapping[str, Any]) -> Module:
    """Return the module settings of a train node's identity."""
    values = dict(identity["module"])
    return modules.get(values.pop("name")).model_validate(values)


def trained_part(store: Store, key: str, name: str) -> Part:
    """Return what a finished train node trained, as a frozen part called `name`."""
    from safetensors.torch import load_file

    from layover.compositions import Part

    module = module_of(store.done(key)["identity"])
    file = store.path(key) / MODULE
    weights = load_file(file) if module.trains_encoder else {}
    return Part(name=name, module=module, weights=weights, trainable=False)


def parts_to_train(store: Store, module: Module, compose: str | None, intermediate: str | None) -> list[Part]:
    """Return the parts a training starts from, in the order of their application."""
    from layover.compositions import Part

    if compose is None or intermediate is None:
        return [Part(name=TARGET, module=module, weights=None, trainable=True)]
    return compositions.get(compose).parts(module, trained_part(store, intermediate, INTERMEDIATE))


def trained_parts(store: Store, key: str) -> list[Part]:
    """Return the parts of a finished training, all frozen."""
    from layover.compositions import Part

    identity = store.done(key)["identity"]
    parts = parts_to_train(store, module_of(identity), identity["compose"], identity["intermediate"])
    own = trained_part(store, key, TARGET)
    return [own if part.trainable else Part(part.name, part.module, part.weights, trainable=False) for part in parts]


def restore(store: Store, key: str, source: str, revision: str | None) -> tuple[Encoder, Head]:
    """Return encoder and head of a finished training, ready to predict.

    Args:
        store: Where the node lies.
        key: The train node.
        source: Directory or hub id of the pretrained encoder.
        revision: Its commit.
    """
    identity = store.done(key)["identity"]
    clock = DropoutClock(identity["seed"])
    encoder = Encoder.load(source, revision, clock=clock)
    encoder.attach(trained_parts(store, key), seed=identity["seed"])
    head = build_head(identity["kind"], identity["labels"], encoder, clock, 0.0, identity["seed"])
    load_head(head, store.path(key) / HEAD)
    return encoder, head


def build_head(kind: str, labels: list[str], encoder: Encoder, clock: DropoutClock, dropout: float, seed: int) -> Head:
    """Return a fresh head for a kind."""
    size = kinds.get(kind).head_size(tuple(labels))
    return heads.build(kind, encoder.hidden_size, size, clock=clock, dropout=dropout, seed=seed)


def load_head(head: Head, file: Path) -> None:
    """Load a head's weights, strictly.

    Raises:
        ModelError: names or shapes differ.
    """
    from safetensors.torch import load_file

    weights: dict[str, Tensor] = load_file(file)
    expected = {name: tuple(value.shape) for name, value in head.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if expected != found:
        raise ModelError(f"{file}: weights {found} do not fit a head with {expected}")
    head.load_state_dict(weights)
