"""Heads: a task's output layer outside the encoder. One file per kind of task, found by its name."""

from __future__ import annotations

from layover.encoder import DropoutClock
from layover.errors import ModelError
from layover.heads._base import Head
from layover.heads._pooling import MeanPooling
from layover.registry import Registry

_HEADS: Registry[type[Head]] = Registry(__name__, __path__, "HEAD", ModelError)
names, get = _HEADS.names, _HEADS.get


def build(kind: str, hidden_size: int, size: int, *, clock: DropoutClock, dropout: float, seed: int) -> Head:
    """Return a fresh head.

    Args:
        kind: Kind of the task.
        hidden_size: Size of the encoder's hidden states.
        size: Outputs: labels (classification, tagging), 2 (span), 1 (choice).
        clock: The encoder's.
        dropout: Probability on what enters each linear map.
        seed: Fresh weights depend on it and on their names only.

    Raises:
        ModelError: the kind has no head, or not one of that size.
    """
    return get(kind)(hidden_size, size, clock=clock, dropout=dropout, seed=seed)


__all__ = ["Head", "MeanPooling", "build", "get", "names"]
