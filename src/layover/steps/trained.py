"""Putting a trained task together again: encoder, what is attached to it, and the head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from safetensors.torch import load_file

from layover import kinds, specs
from layover.compositions import INTERMEDIATE, LANGUAGE, TARGET, AttachedModule, Attachment, finished
from layover.encoder import DropoutClock, Encoder
from layover.errors import NodeError
from layover.heads import Head, build_head
from layover.shape import Shape
from layover.specs import HeadOutputs, ModuleStep, OnEncoder, StepSpec
from layover.specs.train import Below
from layover.steps.artifacts import GATES, HEAD, head_of, weights_of
from layover.steps.loaded import load
from layover.store import Store

S = TypeVar("S", bound=StepSpec)


def spec_of(store: Store, key: str, kind: type[S]) -> S:
    """Return the specification of a finished node.

    Raises:
        NodeError: it is of another kind.
        StoreError: it is not there, or an older version of Layover made it.
    """
    spec = specs.parse(store.done(key)["identity"])
    if not isinstance(spec, kind):
        raise NodeError(f"node {key[:12]} is a {spec.step}, no {kind.__name__}")
    return spec


def roles(count: int) -> list[str]:
    """Return what so many intermediates are called on the encoder."""
    return [INTERMEDIATE] if count == 1 else [f"{INTERMEDIATE}.{place}" for place in range(count)]


def trained_part(store: Store, key: str, name: str) -> AttachedModule:
    """Return what a finished training or import left, as a frozen part called `name`."""
    module = spec_of(store, key, ModuleStep).module
    return AttachedModule(name, module, load_file(store.path(key) / weights_of(TARGET)), trainable=False)


def pieces_to_train(store: Store, spec: ModuleStep, shape: Shape) -> list[Attachment]:
    """Return what a training starts from, in the order of application.

    Args:
        store: Where the intermediates lie.
        spec: Of the training, or of what was composed.
        shape: Sizes of the encoder.
    """
    start = spec.start
    if start.composition is None:
        return [AttachedModule(TARGET, spec.module, None, trainable=True)]
    parts = []
    for name, one in zip(roles(len(start.learned)), start.learned, strict=True):
        gates = None if one.gates is None else load_file(store.path(one.gates) / GATES)
        parts.append(replace(trained_part(store, one.key, name), gates=gates))
    return start.composition.attachments(spec.module, parts, shape=shape, seed=spec.drawn_by)


def trained_pieces(store: Store, key: str, shape: Shape) -> list[Attachment]:
    """Return the pieces of a finished node, all frozen."""
    folder = store.path(key)
    pieces = pieces_to_train(store, spec_of(store, key, ModuleStep), shape)
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
    return load_heads(store, key, encoder, dropout)[0]


def load_heads(store: Store, key: str, encoder: Encoder, dropout: float) -> list[Head]:
    """Return the heads of a finished training by their numbers: one, or those of a mixture."""
    spec, folder, heads_there = spec_of(store, key, ModuleStep), store.path(key), []
    for place, (kind, labels) in enumerate(spec.outputs()):
        file = folder / file_of_head(spec, place)
        head = build_head(kind, labels, encoder, dropout)
        head.load_weights(load_file(file), str(file))
        heads_there.append(head)
    return heads_there


def restore_encoder(store: Store, key: str, source: str, revision: str | None, from_layer: int = 0) -> Encoder:
    """Return the encoder of a finished training, with all it had attached, frozen; see `restore`."""
    spec = spec_of(store, key, OnEncoder)
    encoder = load(
        source,
        revision,
        clock=DropoutClock(spec.drawn_by),
        precision=spec.computes_in,
        whole=spec.module.whole,
        from_layer=from_layer,
        all_words=any(reads_table(kind, labels) for kind, labels in spec.outputs()),
    )
    encoder.attach(trained_pieces(store, key, encoder.shape))
    return encoder


def reads_table(kind: str, labels: tuple[str, ...]) -> bool:
    """Return whether the head of a kind shares the whole table of word embeddings."""
    return kinds.get(kind).head_size(labels) is None


def file_of_head(spec: ModuleStep, place: int) -> str:
    """Return the name of the file of a head, given its number."""
    return head_of(place) if spec.numbered else HEAD


def head_file(store: Store, key: str, outputs: HeadOutputs) -> Path:
    """Return the file of a finished training's head for some outputs; a mixture has several.

    Raises:
        NodeError: no head has such outputs.
    """
    spec, folder, (kind, labels) = spec_of(store, key, ModuleStep), store.path(key), outputs
    for place, (own, answers) in enumerate(spec.outputs()):
        if not spec.numbered or (own == kind and kinds.get(kind).same_outputs(answers, labels)):
            return folder / file_of_head(spec, place)
    raise NodeError(f"{kind}: no head of {folder} has its outputs")
