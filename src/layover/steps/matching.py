"""Sentences of two sides, embedded after each of some layers and matched; the search of a retrieval task."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from layover.data.features import Features
from layover.encoder import Encoder, MixingWeights
from layover.errors import DataError, NodeError
from layover.execution import Execution
from layover.files.disk import take_room
from layover.heads import MeanPooling
from layover.inference.neighbours import both_ways
from layover.inference.predict import Outputs, embed
from layover.kinds._arrays import finite
from layover.kinds.retrieval import distinct, match
from layover.metrics._retrieval import ENGLISH, LANGUAGE
from layover.specs.predict import PredictSpec
from layover.steps.artifacts import predictions_of
from layover.steps.trained import speak
from layover.store import Store

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MatchingInput:
    """The sentences of both sides, and how they are matched."""

    spec: PredictSpec
    features: Features
    examples: list[Any]
    folder: Path
    """Where embeddings that do not stay in memory have room for a while."""


def matched(
    sentences: MatchingInput, encoder: Encoder, store: Store, shares: MixingWeights, execution: Execution
) -> Iterator[tuple[str, Outputs]]:
    """Yield, layer by layer, the name of the file of its predictions and what the kind decodes.

    Args:
        sentences: Of one language, with the English ones.
        encoder: With what is on it.
        store: Where language adapters lie.
        shares: Filled with what a mix takes of its members.
        execution: Device and tokens at a time.

    Raises:
        DataError: nothing is left of a sentence.
        NodeError: the disk has no room for the embeddings.
    """
    spec, features, examples = sentences.spec, sentences.features, sentences.examples
    how = spec.known_matching()
    if not how.special_tokens:
        check_tokens(features, examples, spec.language)
    pooling = MeanPooling(how.layers, how.special_tokens)
    sides = [distinct(examples, side)[0] for side in (LANGUAGE, ENGLISH)]
    # each side by the adapter of its language; without adapters all of it in one pass
    passes = zip(spec.adapters, sides, strict=True) if spec.adapters else [(None, None)]
    with room(sentences.folder, (len(how.layers), features.rows, encoder.hidden_size)) as embeddings:
        for adapter, only in passes:
            speak(encoder, store, adapter)
            embed(
                encoder,
                pooling,
                features,
                embeddings,
                execution=execution,
                precision=spec.precision,
                shares=shares,
                only=only,
            )
        for layer, rows in zip(how.layers, embeddings, strict=True):
            left, right = (finite({"embedding": rows[side]}, "embedding", (len(side), rows.shape[1])) for side in sides)
            forward, backward = both_ways(left, right, execution=execution)
            pairs = match(examples, forward, backward, scoring=how.scoring, mining=how.mining)
            yield predictions_of(layer, how.layers), pairs


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
