"""Restores a trained task from the store: the encoder, its attachments, and the head."""

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
        NodeError: the node is of another kind.
        StoreError: the node is absent, or an older version of Layover made it.
    """
    spec = specs.parse(store.done(key)["identity"])
    if not isinstance(spec, kind):
        raise NodeError(f"node {key[:12]} has the step {spec.step}, and not a {kind.__name__}")
    return spec


def roles(count: int) -> list[str]:
    """Return the names of a number of intermediates on the encoder."""
    return [INTERMEDIATE] if count == 1 else [f"{INTERMEDIATE}.{place}" for place in range(count)]


def trained_module(store: Store, key: str, name: str) -> AttachedModule:
    """Return the module of a finished training or import, frozen, with the name `name`."""
    module = spec_of(store, key, ModuleStep).module
    return AttachedModule(name, module, load_file(store.path(key) / weights_of(TARGET)), trainable=False)


def attachments_to_train(store: Store, spec: ModuleStep, shape: Shape) -> list[Attachment]:
    """Return the attachments at the start of a training, in the order of application.

    Args:
        store: The store of the intermediates.
        spec: The specification of the training or composition.
        shape: Sizes of the encoder.
    """
    start = spec.start
    if start.composition is None:
        return [AttachedModule(TARGET, spec.module, None, trainable=True)]
    modules = []
    for name, learned in zip(roles(len(start.learned)), start.learned, strict=True):
        gates = None if learned.gates is None else load_file(store.path(learned.gates) / GATES)
        modules.append(replace(trained_module(store, learned.key, name), gates=gates))
    return start.composition.attachments(spec.module, modules, shape=shape, seed=spec.drawn_by)


def trained_attachments(store: Store, key: str, shape: Shape) -> list[Attachment]:
    """Return the attachments of a finished node, all frozen."""
    folder = store.path(key)
    attachments = attachments_to_train(store, spec_of(store, key, ModuleStep), shape)
    return [finished(attachment, lambda name: load_file(folder / weights_of(name))) for attachment in attachments]


def set_language_adapter(encoder: Encoder, store: Store, key: str | None) -> None:
    """Set the language adapter below all attachments to that of a finished node; None removes the current adapter."""
    encoder.set_language(None if key is None else trained_module(store, key, LANGUAGE))


@contextmanager
def adapter_of_selection(encoder: Encoder, store: Store, languages: Below) -> Iterator[None]:
    """Use the language adapter of the development data inside the block, and that of the training data after it."""
    swapped = languages.select != languages.train
    if swapped:
        set_language_adapter(encoder, store, languages.select)
    try:
        yield
    finally:
        if swapped:
            set_language_adapter(encoder, store, languages.train)


def restore(store: Store, key: str, source: str, revision: str | None, from_layer: int = 0) -> tuple[Encoder, Head]:
    """Return encoder and head of a finished training, ready to predict.

    Args:
        store: The store of the node.
        key: The key of the node.
        source: Directory or hub id of the pretrained encoder.
        revision: Its commit.
        from_layer: The lowest layer that is needed, if the hidden states below it are cached; else 0.
    """
    encoder = restore_encoder(store, key, source, revision, from_layer)
    return encoder, load_head(store, key, encoder, 0.0)


def load_head(store: Store, key: str, encoder: Encoder, dropout: float) -> Head:
    """Return the head of a finished training, tied to an encoder."""
    return load_heads(store, key, encoder, dropout)[0]


def load_heads(store: Store, key: str, encoder: Encoder, dropout: float) -> list[Head]:
    """Return the heads of a finished training by their numbers; only a mixture may have several."""
    spec, folder, heads = spec_of(store, key, ModuleStep), store.path(key), []
    for place, (kind, labels) in enumerate(spec.outputs()):
        file = folder / file_of_head(spec, place)
        head = build_head(kind, labels, encoder, dropout)
        head.load_weights(load_file(file), str(file))
        heads.append(head)
    return heads


def restore_encoder(store: Store, key: str, source: str, revision: str | None, from_layer: int = 0) -> Encoder:
    """Return the encoder of a finished training with all its attachments, frozen; the arguments are as in `restore`."""
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
    encoder.attach(trained_attachments(store, key, encoder.shape))
    return encoder


def reads_table(kind: str, labels: tuple[str, ...]) -> bool:
    """Return whether the head of a kind shares the whole table of word embeddings."""
    return kinds.get(kind).head_size(labels) is None


def file_of_head(spec: ModuleStep, place: int) -> str:
    """Return the file name of a head, given its number."""
    return head_of(place) if spec.numbered else HEAD


def head_file(store: Store, key: str, outputs: HeadOutputs) -> Path:
    """Return the file of a finished training's head with the given outputs.

    Raises:
        NodeError: no head has these outputs.
    """
    spec, folder, (kind, labels) = spec_of(store, key, ModuleStep), store.path(key), outputs
    for place, (own_kind, own_labels) in enumerate(spec.outputs()):
        if not spec.numbered or (own_kind == kind and kinds.get(kind).same_outputs(own_labels, labels)):
            return folder / file_of_head(spec, place)
    raise NodeError(f"{kind}: no head in {folder} has these outputs")
