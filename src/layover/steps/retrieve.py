"""predict, for retrieval: sentences of both sides are embedded, and matched layer by layer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from layover.data.features import Features
from layover.disk import take_room
from layover.encoder import DropoutClock, Encoder, Shares
from layover.errors import DataError, NodeError
from layover.heads import MeanPooling
from layover.kinds._kind import finite
from layover.kinds.retrieval import KIND, distinct, match
from layover.metrics._retrieval import ENGLISH, LANGUAGE
from layover.modules import AdapterDrop
from layover.neighbours import both_ways
from layover.plan.inputs import RetrieveInputs
from layover.precision import Precision
from layover.predict import embed
from layover.steps.context import Context, write_lines
from layover.steps.files import predictions_of
from layover.steps.loaded import load, once
from layover.steps.machine import execution_of
from layover.steps.shares import write_shares
from layover.steps.tokenize import load_examples, load_features
from layover.steps.trained import restore_encoder, speak
from layover.store import Store

Embeddings = npt.NDArray[np.float32]


def run(inputs: RetrieveInputs, folder: Path, context: Context) -> None:
    """Match the sentences of one language with the English ones; for each layer, one prediction per sentence."""
    store, execution = context.store, execution_of(context.execution)
    features = load_features(store, inputs.data)
    examples = load_examples(store, inputs.data, inputs.task.kind)
    if not inputs.special_tokens:
        check_tokens(features, examples, inputs.language)
    of = (store, inputs.train, inputs.encoder.source, inputs.encoder.revision, inputs.precision)
    encoder = once(("retrieve", *of), lambda: _encoder(*of))
    encoder.drop(AdapterDrop(predict=inputs.skipped))
    pooling = MeanPooling(inputs.layers, inputs.special_tokens)
    sides = [distinct(examples, side)[0] for side in (LANGUAGE, ENGLISH)]
    # each side by the adapter of its language; without adapters all of it in one pass
    passes = [(None, None)] if inputs.adapters is None else zip(inputs.adapters, sides, strict=True)
    with room(folder, (len(inputs.layers), features.rows, encoder.hidden_size)) as embeddings:
        shares = Shares()
        for adapter, only in passes:
            speak(encoder, store, adapter)
            embed(
                encoder,
                pooling,
                features,
                embeddings,
                execution=execution,
                precision=inputs.precision,
                shares=shares,
                only=only,
            )
        write_shares(folder, shares)
        for layer, rows in zip(inputs.layers, embeddings, strict=True):
            left, right = (finite({"embedding": rows[side]}, "embedding", (len(side), rows.shape[1])) for side in sides)
            forward, backward = both_ways(left, right, execution=execution)
            found = match(examples, forward, backward, scoring=inputs.scoring, mining=inputs.mining)
            lines = KIND.decode(found, features, examples, labels=())
            write_lines(folder / predictions_of(layer, inputs.layers), lines)
    context.progress({"done": len(examples), "total": len(examples), "unit": "examples"})


@contextmanager
def room(folder: Path, shape: tuple[int, int, int]) -> Iterator[Embeddings]:
    """Yield an array for embeddings, (layers, rows, H): of one layer in memory, of several in a file that goes with it.

    Float32 there, too, so that a layer has the same score whether or not others are searched beside it.

    Raises:
        NodeError: the disk has no room for them.
    """
    if shape[0] == 1:
        yield np.empty(shape, np.float32)
        return
    needed, free = 4 * prod(shape), shutil.disk_usage(folder).free
    if needed > free:
        raise NodeError(
            f"{folder}: the embeddings of {shape[0]} layers take {needed / 2**30:.1f} GiB for a while, and "
            f"{free / 2**30:.1f} GiB are free; name fewer layers with retrieval.layers, or another folder with --store"
        )
    with TemporaryFile(dir=folder) as file:
        # without its room taken beforehand, a disk that fills up meanwhile would kill the process
        take_room(file.fileno(), needed)
        yield np.memmap(file, np.float32, "r+", shape=shape)


def check_tokens(features: Features, examples: list[Any], language: str) -> None:
    """Refuse sentences of which nothing but the special tokens is left.

    Raises:
        DataError: names the first one.
    """
    empty = (features.lengths <= 2).nonzero()[0]
    if len(empty):
        example = examples[int(empty[0])]
        raise DataError(
            f"{language}: sentence {example.id} of the {example.side} side has no token of its own, so it has no mean "
            "without the special tokens; mend it, or set retrieval.special_tokens: true"
        )


def _encoder(store: Store, train: str | None, source: str, revision: str | None, precision: Precision) -> Encoder:
    """Load an encoder, with what an intermediate trained on it."""
    if train is None:
        return load(source, revision, clock=DropoutClock(0), precision=precision)
    return restore_encoder(store, train, source, revision)
