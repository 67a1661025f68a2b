"""Heads: a task's output layer outside the encoder. One file per kind of task, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from layover.encoder import DropoutClock
from layover.errors import ModelError, nearest
from layover.heads.base import Head

_SHARED = {"base"}


@cache
def names() -> tuple[str, ...]:
    """Return the kinds that have a head, sorted; a head's kind is its file's name."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name not in _SHARED))


@cache
def get(kind: str) -> type[Head]:
    """Return the head of a kind.

    Raises:
        ModelError: the kind has none.
    """
    if kind not in names():
        raise ModelError(f"no head for the kind {kind!r}; {nearest(kind, names())}")
    file = importlib.import_module(f"{__name__}.{kind}")
    found: type[Head] = next(
        value
        for value in vars(file).values()
        if isinstance(value, type) and issubclass(value, Head) and value.__module__ == file.__name__
    )
    return found


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


__all__ = ["Head", "build", "get", "names"]
