"""Putting a trained task together again: encoder, what is attached to it, and the head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from layover import compositions, heads, kinds, modules
from layover.compositions import INTERMEDIATE, LANGUAGE, TARGET, Composition, Part, Piece, finished
from layover.encoder import DropoutClock, Encoder
from layover.errors import NodeError
from layover.heads import Head
from layover.modules import Module
from layover.plan.inputs import Below
from layover.shape import Shape
from layover.steps.files import GATES, HEAD, head_of, weights_of
from layover.steps.loaded import load
from layover.store import Store
from layover.tasks import Task


def module_of(identity: Mapping[str, Any]) -> Module:
    """Return the module settings of a train node's identity."""
    return modules.parse(identity["module"])


def composition_of(identity: Mapping[str, Any]) -> Composition | None:
    """Return the composition of a node's identity, with its settings; None where nothing was composed."""
    found = identity["compose"]
    return None if found is None else compositions.parse(found)


def intermediates_of(identity: Mapping[str, Any]) -> list[str]:
    """Return the keys of the trainings that a node's identity composes."""
    found = identity["intermediate"]
    if found is None:
        return []
    return [found] if isinstance(found, str) else list(found)


def roles(count: int) -> list[str]:
    """Return what so many intermediates are called on the encoder."""
    return [INTERMEDIATE] if count == 1 else [f"{INTERMEDIATE}.{place}" for place in range(count)]


def trained_part(store: Store, key: str, name: str) -> Part:
    """Return what a finished train node trained, as a frozen part called `name`."""
    module = module_of(store.done(key)["identity"])
    return Part(name, module, load_file(store.path(key) / weights_of(TARGET)), trainable=False)


def pieces_to_train(store: Store, identity: Mapping[str, Any], shape: Shape) -> list[Piece]:
    """Return what a training starts from, in the order of application.

    Args:
        store: Where the intermediates lie.
        identity: Of the node.
        shape: Sizes of the encoder.
    """
    composition, keys = composition_of(identity), intermediates_of(identity)
    if composition is None:
        return [Part(TARGET, module_of(identity), None, trainable=True)]
    names = roles(len(keys))
    parts = [trained_part(store, key, name) for key, name in zip(keys, names, strict=True)]
    if "gates" in identity:
        gates = [load_file(store.path(key) / GATES) for key in identity["gates"]]
        parts = [replace(part, gates=one) for part, one in zip(parts, gates, strict=True)]
    return composition.parts(module_of(identity), parts, shape=shape, seed=identity["seed"])


def trained_pieces(store: Store, key: str, shape: Shape) -> list[Piece]:
    """Return the pieces of a finished node, all frozen."""
    folder = store.path(key)
    pieces = pieces_to_train(store, store.done(key)["identity"], shape)
    return [finished(piece, lambda name: load_file(folder / weights_of(name))) for piece in pieces]


def speak(encoder: Encoder, store: Store, key: str | None) -> None:
    """Let a finished language adapter act below all that is attached, instead of another one; None takes it away."""
    encoder.set_language(None if key is None else trained_part(store, key, LANGUAGE))


@contextmanager
def spoken(encoder: Encoder, store: Store, languages: Below) -> Iterator[None]:
    """Let the adapter of the development data act for a while, and that of the training data again."""
    swapped = languages.select != languages.train
    if swapped:
        speak(encoder, store, languages.select)
    try:
        yield
    finally:
        if swapped:
            speak(encoder, store, languages.train)


def restore(store: Store, key: str, source: str, revision: str | None, from_layer: int = 0) -> tuple[Encoder, Head]:
    """Return encoder and head of a finished training, ready to predict.

    Args:
        store: Where the node lies.
        key: The train node.
        source: Directory or hub id of the pretrained encoder.
        revision: Its commit.
        from_layer: The hidden states that enter this layer are kept; 0 when they are not.
    """
    encoder = restore_encoder(store, key, source, revision, from_layer)
    return encoder, load_head(store, key, encoder, 0.0)


def load_head(store: Store, key: str, encoder: Encoder, dropout: float) -> Head:
    """Return the head of a finished training, tied to an encoder."""
    identity = store.done(key)["identity"]
    return _loaded(identity, store.path(key) / HEAD, encoder, dropout, identity["seed"])


def load_heads(store: Store, key: str, encoder: Encoder, dropout: float) -> list[Head]:
    """Return the heads of a finished training by their numbers: one, or those of a mixture."""
    identity = store.done(key)["identity"]
    if "tasks" not in identity:
        return [load_head(store, key, encoder, dropout)]
    first = {one["head"]: one for one in reversed(identity["tasks"])}
    return [
        _loaded(one, store.path(key) / head_of(place), encoder, dropout, identity["seed"])
        for place, one in sorted(first.items())
    ]


def _loaded(of: Mapping[str, Any], file: Path, encoder: Encoder, dropout: float, seed: int) -> Head:
    """Return the head for a kind and labels, with the weights of a file."""
    head = build_head(of["kind"], of["labels"], encoder, encoder.clock, dropout, seed)
    head.load_weights(load_file(file), str(file))
    return head


def restore_encoder(store: Store, key: str, source: str, revision: str | None, from_layer: int = 0) -> Encoder:
    """Return the encoder of a finished training, with all it had attached, frozen; see `restore`."""
    identity = store.done(key)["identity"]
    encoder = load(
        source,
        revision,
        clock=DropoutClock(identity["seed"]),
        precision=identity["precision"],
        whole=module_of(identity).whole,
        from_layer=from_layer,
        all_words=any(reads_table(one["kind"], one["labels"]) for one in identity.get("tasks", [identity])),
    )
    encoder.attach(trained_pieces(store, key, encoder.shape), seed=identity["seed"])
    return encoder


def reads_table(kind: str | None, labels: Sequence[str]) -> bool:
    """Return whether the head of a kind shares the whole table of word embeddings; there is none without a kind."""
    return kind is not None and kinds.get(kind).head_size(tuple(labels)) is None


def head_file(store: Store, key: str, task: Task) -> Path:
    """Return the file of a finished training's head for the outputs of a task; a mixture has several.

    Raises:
        NodeError: no head has such outputs.
    """
    folder, tasks = store.path(key), store.done(key)["identity"].get("tasks")
    if tasks is None:
        return folder / HEAD
    for one in tasks:
        if one["kind"] == task.kind and kinds.get(task.kind).same_outputs(tuple(one["labels"]), task.labels):
            return folder / head_of(one["head"])
    raise NodeError(f"{task.name}: no head of {folder} has its outputs")


def build_head(kind: str, labels: list[str], encoder: Encoder, clock: DropoutClock, dropout: float, seed: int) -> Head:
    """Return a fresh head for a kind, tied to the encoder where it shares weights with it."""
    size = kinds.get(kind).head_size(tuple(labels))
    if size is None:
        size = encoder.word_embeddings.num_embeddings
    head = heads.build(kind, encoder.hidden_size, size, clock=clock, dropout=dropout, seed=seed)
    head.tie(encoder)
    return head
