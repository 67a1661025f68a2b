"""The pretrained encoder that a worker keeps in memory between nodes, and the objects built on it.

Loading a large model takes seconds, and a node often takes no longer. A worker keeps one model at a time, with one
encoder on it: the last that was loaded. The result of a node does not depend on earlier nodes: the next node gets the
model as it was loaded, and a model whose own weights have changed is loaded again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from layover.encoder import DropoutClock, Encoder, dtype_of
from layover.numerics import Precision, Quantisation, quantisation_of
from layover.store.state import FileStates, states_in

if TYPE_CHECKING:
    from layover.encoder.bert import PretrainedModel

T = TypeVar("T")


@dataclass(frozen=True)
class Pretrained:
    """The identity of a loaded model."""

    source: str
    """Directory or hub id."""
    revision: str | None
    dtype: torch.dtype
    quantisation: Quantisation | None
    from_layer: int
    all_words: bool
    files: FileStates
    """States of the files of a directory; a directory with changed files is another model."""


_LAST: dict[Pretrained, Encoder] = {}
"""The last encoder; no other encoder uses its model."""
_MADE: dict[Hashable, Any] = {}
"""The objects that were built on the last encoder."""


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
    """Return an encoder without attachments; the encoder of the last call cannot be used any more.

    Args:
        source: Directory or hub id.
        revision: Commit of a hub model.
        clock: The step of the training, for dropout.
        dropout: Probability on hidden states.
        precision: Number format of weights and arithmetic.
        whole: Whether all weights are trained, or replaced by trained weights.
        from_layer: The lowest layer that is needed; the hidden states below it are cached.
        all_words: Whether all word embeddings are needed, instead of only the words of the data.

    Raises:
        ModelError: the model is absent, not supported, incomplete or not in safetensors; or the precision stores its
            weights too coarsely for training, or needs a library that is not installed.
    """
    dtype, quantisation = dtype_of(precision, whole=whole), quantisation_of(precision)
    wanted = Pretrained(source, revision, dtype, quantisation, from_layer, all_words or whole, states_in(Path(source)))
    model = forget().get(wanted)  # frees any other model first, because memory may not hold two
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


def forget() -> dict[Pretrained, PretrainedModel | None]:
    """Drop the encoder and all objects on it; return its model, or None if its weights have changed."""
    models = {pretrained: encoder.release() for pretrained, encoder in _LAST.items()}
    _LAST.clear()
    _MADE.clear()
    return models


def once(key: Hashable, make: Callable[[], T]) -> T:
    """Return the result of `make`, or its cached result if no encoder was loaded since.

    Args:
        key: Identity of the result.
        make: Loads an encoder, and builds an object on it.
    """
    if key not in _MADE:
        made = make()  # drops all earlier results
        _MADE[key] = made
    result: T = _MADE[key]
    return result
