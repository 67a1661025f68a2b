"""The pretrained encoder that a worker keeps from node to node, and what was put together on it last.

Loading takes seconds for a large model, and a node often takes no longer. There is one model at a time, and one encoder
acts on it: the last that was asked for. What a node computes does not depend on the nodes before it, because the model
is handed on as it was loaded, and loaded anew where a node has changed its own weights.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import PreTrainedModel

from layover.encoder import DropoutClock, Encoder, dtype_of
from layover.numerics import Precision, Quantisation, quantisation_of
from layover.store.state import FileStates, states_in

T = TypeVar("T")


@dataclass(frozen=True)
class Pretrained:
    """What tells one loaded model from another."""

    source: str
    """Directory or hub id."""
    revision: str | None
    dtype: torch.dtype
    quantisation: Quantisation | None
    from_layer: int
    all_words: bool
    files: FileStates
    """Of a directory: one whose files have changed is another model."""


_LAST: dict[Pretrained, Encoder] = {}
"""The last encoder; no other acts on its model."""
_MADE: dict[Hashable, Any] = {}
"""What was put together on the last encoder."""


def load(
    source: str,
    revision: str | None,
    *,
    clock: DropoutClock,
    dropout: float = 0.0,
    precision: Precision = "fp32",
    whole: bool = False,
    from_layer: int = 0,
    all_words: bool = False,
) -> Encoder:
    """Return an encoder that nothing is attached to; the one returned before is of no use from now on.

    Args:
        source: See `Encoder.load`, as the rest.
        revision: Commit of a hub model.
        clock: Where the training stands.
        dropout: On hidden states.
        precision: In which numbers it computes.
        whole: All its weights train, or are replaced by such that were trained.
        from_layer: What is below is not needed, for its hidden states are kept.
        all_words: All word embeddings are needed, not only those of the data.

    Raises:
        ModelError: not there, not supported, no safetensors, or incomplete; or the precision leaves too little of its
            weights to train them, or needs a library that is not installed.
    """
    dtype, quantisation = dtype_of(precision, whole=whole), quantisation_of(precision)
    wanted = Pretrained(source, revision, dtype, quantisation, from_layer, all_words or whole, states_in(Path(source)))
    model = forget().get(wanted)  # any other is gone before the next is loaded: the memory may not hold two
    if model is None:
        encoder = Encoder.load(
            source,
            revision,
            clock=clock,
            dropout=dropout,
            dtype=wanted.dtype,
            quantisation=wanted.quantisation,
            from_layer=from_layer,
            all_words=wanted.all_words,
        )
    else:
        encoder = Encoder.from_model(model, clock=clock, dropout=dropout)
    _LAST[wanted] = encoder
    return encoder


def forget() -> dict[Pretrained, PreTrainedModel | None]:
    """Keep nothing from now on; return the model that was kept, see `Encoder.release`."""
    models = {pretrained: encoder.release() for pretrained, encoder in _LAST.items()}
    _LAST.clear()
    _MADE.clear()
    return models


def once(key: Hashable, make: Callable[[], T]) -> T:
    """Return what `make` gives, or gave last time when no encoder was loaded since.

    Args:
        key: Tells what is made from all else that is made so.
        make: Loads an encoder, and puts something together on it.
    """
    if key not in _MADE:
        made = make()  # which forgets what was made before
        _MADE[key] = made
    found: T = _MADE[key]
    return found
