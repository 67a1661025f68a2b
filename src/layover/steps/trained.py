"""Putting a trained task together again: encoder, what is attached to it, and the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safetensors.torch import load_file

from layover import compositions, heads, kinds, modules
from layover.compositions import INTERMEDIATE, TARGET, Part
from layover.encoder import DropoutClock, Encoder
from layover.heads import Head
from layover.modules import Module
from layover.steps.files import HEAD, MODULE
from layover.store import Store


def module_of(identity: Mapping[str, Any]) -> Module:
    """Return the module settings of a train node's identity."""
    values = dict(identity["module"])
    return modules.get(values.pop("name")).model_validate(values)


def trained_part(store: Store, key: str, name: str) -> Part:
    """Return what a finished train node trained, as a frozen part called `name`."""
    module = module_of(store.done(key)["identity"])
    return Part(name, module, load_file(store.path(key) / MODULE), trainable=False)


def parts_to_train(store: Store, module: Module, compose: str | None, intermediate: str | None) -> list[Part]:
    """Return the parts a training starts from, in the order of their application."""
    if compose is None or intermediate is None:
        return [Part(TARGET, module, None, trainable=True)]
    return compositions.get(compose).parts(module, trained_part(store, intermediate, INTERMEDIATE))


def trained_parts(store: Store, key: str) -> list[Part]:
    """Return the parts of a finished training, all frozen."""
    identity = store.done(key)["identity"]
    parts = parts_to_train(store, module_of(identity), identity["compose"], identity["intermediate"])
    own = trained_part(store, key, TARGET)
    return [own if part.trainable else replace(part, trainable=False) for part in parts]


def restore(store: Store, key: str, source: str, revision: str | None) -> tuple[Encoder, Head]:
    """Return encoder and head of a finished training, ready to predict.

    Args:
        store: Where the node lies.
        key: The train node.
        source: Directory or hub id of the pretrained encoder.
        revision: Its commit.
    """
    identity = store.done(key)["identity"]
    encoder = restore_encoder(store, key, source, revision)
    head = build_head(identity["kind"], identity["labels"], encoder, encoder.clock, 0.0, identity["seed"])
    file = store.path(key) / HEAD
    head.load_weights(load_file(file), str(file))
    return encoder, head


def restore_encoder(store: Store, key: str, source: str, revision: str | None) -> Encoder:
    """Return the encoder of a finished training, with all it had attached, frozen; see `restore`."""
    seed = store.done(key)["identity"]["seed"]
    encoder = Encoder.load(source, revision, clock=DropoutClock(seed))
    encoder.attach(trained_parts(store, key), seed=seed)
    return encoder


def build_head(kind: str, labels: list[str], encoder: Encoder, clock: DropoutClock, dropout: float, seed: int) -> Head:
    """Return a fresh head for a kind, tied to the encoder where it shares weights with it."""
    size = kinds.get(kind).head_size(tuple(labels))
    if size is None:
        size = encoder.word_embeddings.num_embeddings
    head = heads.build(kind, encoder.hidden_size, size, clock=clock, dropout=dropout, seed=seed)
    head.tie(encoder)
    return head
