"""The search of a retrieval task: sentences of two sides, embedded by the outputs of some layers, and matched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
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
from layover.inference.order import Index
from layover.inference.outputs import Outputs
from layover.inference.predict import embed
from layover.kinds._arrays import finite
from layover.kinds.retrieval import distinct, match
from layover.metrics._retrieval import ENGLISH, LANGUAGE
from layover.specs.predict import PredictSpec
from layover.steps.artifacts import predictions_of
from layover.steps.english_side import EnglishSide, tokens_key
from layover.steps.trained import set_language_adapter
from layover.store import Store

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MatchingInput:
    """The sentences of both sides, and how they are matched."""

    spec: PredictSpec
    features: Features
    examples: list[Any]
    folder: Path
    """The folder for the temporary file of embeddings that do not fit into memory."""


def matched(
    sentences: MatchingInput, encoder: Encoder, store: Store, mixing: MixingWeights, execution: Execution
) -> Iterator[tuple[str, Outputs]]:
    """Yield for each layer the name of its predictions file, and the outputs that the kind decodes.

    Args:
        sentences: The sentences of a language and of English.
        encoder: The encoder with its modules.
        store: The store of language adapters.
        mixing: Filled with the mixing weights.
        execution: Device and tokens per batch.

    Raises:
        DataError: a sentence has no token of its own.
        NodeError: the disk has no room for the embeddings.
    """
    spec, features, examples = sentences.spec, sentences.features, sentences.examples
    matching = spec.known_matching()
    if not matching.special_tokens:
        check_tokens(features, examples, spec.language)
    pooling = MeanPooling(matching.layers, matching.special_tokens)
    sides = [distinct(examples, side)[0] for side in (LANGUAGE, ENGLISH)]
    with embedding_array(sentences.folder, (len(matching.layers), features.rows, encoder.hidden_size)) as embeddings:
        embed_rows = partial(
            embed,
            encoder,
            pooling,
            features,
            embeddings,
            execution=execution,
            precision=spec.precision,
            shares=mixing,
        )
        of_language, of_english = spec.adapters or (None, None)
        set_language_adapter(encoder, store, of_language)
        if encoder.mixes and not spec.adapters:  # mixing weights are reported for all rows
            embed_rows()
        else:
            embed_rows(only=sides[0])
            if of_english != of_language:
                set_language_adapter(encoder, store, of_english)
            embed_english = partial(embed_rows, only=sides[1])
            if encoder.mixes:
                embed_english()
            else:
                key = _english_key(sentences, sides[1], of_english, execution)
                EnglishSide.last().fill(embeddings, sides[1], key, embed_english)
        for layer, rows in zip(matching.layers, embeddings, strict=True):
            left, right = (finite({"embedding": rows[side]}, "embedding", (len(side), rows.shape[1])) for side in sides)
            forward, backward = both_ways(left, right, execution=execution)
            pairs = match(examples, forward, backward, scoring=matching.scoring, mining=matching.mining)
            yield predictions_of(layer, matching.layers), pairs


def _english_key(sentences: MatchingInput, rows: Index, adapter: str | None, execution: Execution) -> object:
    """Return what decides the embeddings of the English side."""
    spec = sentences.spec
    encoder = spec.train, spec.encoder.source, spec.encoder.revision, spec.precision, spec.skipped, adapter
    matching = spec.known_matching()
    return encoder, matching.layers, matching.special_tokens, execution, tokens_key(sentences.features, rows)


@contextmanager
def embedding_array(folder: Path, shape: tuple[int, int, int]) -> Iterator[Embeddings]:
    """Yield an array for embeddings, (layers, rows, H): for one layer in memory, for several in a temporary file.

    Both are float32, so that the score of a layer does not depend on the other searched layers.

    Raises:
        NodeError: the disk has no room for the embeddings.
    """
    if shape[0] == 1:
        yield np.empty(shape, np.float32)
        return
    needed, free = 4 * prod(shape), shutil.disk_usage(folder).free
    if needed > free:
        raise NodeError(
            f"{folder}: the embeddings of {shape[0]} layers take {needed / 2**30:.1f} GiB of temporary disk space, but "
            f"{free / 2**30:.1f} GiB are free; name fewer layers with retrieval.layers, or another folder with --store"
        )
    with TemporaryFile(dir=folder) as file:
        # reserve the space first: a disk that becomes full later would kill the process
        take_room(file.fileno(), needed)
        yield np.memmap(file, np.float32, "r+", shape=shape)


def check_tokens(features: Features, examples: list[Any], language: str) -> None:
    """Refuse sentences that have only special tokens.

    Raises:
        DataError: a sentence has no token of its own; the message names the first.
    """
    empty = (features.lengths <= 2).nonzero()[0]
    if len(empty):
        example = examples[int(empty[0])]
        raise DataError(
            f"{language}: sentence {example.id} of the {example.side} side has no token of its own, so it has no mean "
            "without the special tokens; correct it, or set retrieval.special_tokens: true"
        )
