"""Heads: a task's output layer outside the encoder. One file per kind of task, found by its name."""

from __future__ import annotations

from layover import kinds, plugins
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.heads._base import CLASS_WEIGHTS, NOTHING, Head, Units, count_labelled, summed_divergence
from layover.heads._pooling import MeanPooling
from layover.registry import Registry, subclass_of

_HEADS: Registry[type[Head]] = Registry(
    __name__, __path__, "HEAD", ModelError, group=plugins.HEADS, fits=subclass_of(Head)
)
names, get = _HEADS.names, _HEADS.get


def build(kind: str, hidden_size: int, size: int, *, clock: DropoutClock, dropout: float) -> Head:
    """Return a fresh head.

    Args:
        kind: The kind of the task.
        hidden_size: The size of the encoder's hidden states.
        size: The number of outputs: the labels (classification, tagging), 2 (span), 1 (choice).
        clock: The encoder's clock; fresh weights depend only on its seed and on their names.
        dropout: The dropout probability on the input of each linear map.

    Raises:
        ModelError: the kind has no head, or its head cannot have this size.
    """
    return get(kind)(hidden_size, size, clock=clock, dropout=dropout)


def build_head(kind: str, labels: tuple[str, ...], encoder: Encoder, dropout: float) -> Head:
    """Return a fresh head for a kind, drawn with the seed of the encoder's clock, and tied if it shares weights."""
    size = kinds.get(kind).head_size(labels)
    if size is None:
        size = encoder.word_embeddings.num_embeddings
    head = build(kind, encoder.hidden_size, size, clock=encoder.clock, dropout=dropout)
    head.tie(encoder)
    return head


__all__ = [
    "CLASS_WEIGHTS",
    "NOTHING",
    "Head",
    "MeanPooling",
    "Units",
    "build",
    "build_head",
    "count_labelled",
    "get",
    "names",
    "summed_divergence",
]
