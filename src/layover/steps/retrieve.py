"""predict, for retrieval: sentences of both sides are embedded and matched."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.errors import DataError
from layover.heads import MeanPooling
from layover.kinds._kind import finite
from layover.kinds.retrieval import KIND, distinct, match
from layover.metrics._retrieval import ENGLISH, LANGUAGE
from layover.neighbours import both_ways
from layover.plan.inputs import RetrieveInputs
from layover.predict import predict
from layover.steps.context import Context, write_lines
from layover.steps.files import PREDICTIONS
from layover.steps.machine import execution_of
from layover.steps.tokenize import load_examples, load_features
from layover.steps.trained import restore_encoder
from layover.store import Store


def run(inputs: RetrieveInputs, folder: Path, context: Context) -> None:
    """Match the sentences of one language with the English ones; one prediction per sentence."""
    store, execution = context.store, execution_of(context.execution)
    features = load_features(store, inputs.data)
    examples = load_examples(store, inputs.data, inputs.task.kind)
    if not inputs.special_tokens:
        check_tokens(features, examples, inputs.language)
    encoder = _encoder(store, inputs.train, inputs.encoder.source, inputs.encoder.revision)
    pooling = MeanPooling(inputs.layer, special_tokens=inputs.special_tokens)
    outputs = predict(encoder, pooling, features, execution=execution, precision=inputs.precision)
    embeddings = finite(outputs, "embedding", (features.rows, encoder.hidden_size))
    sides = [embeddings[distinct(examples, side)[0]] for side in (LANGUAGE, ENGLISH)]
    forward, backward = both_ways(*sides, execution=execution)
    found = match(examples, forward, backward, scoring=inputs.scoring, mining=inputs.mining)
    write_lines(folder / PREDICTIONS, KIND.decode(found, features, examples, labels=()))
    context.progress({"done": len(examples), "total": len(examples), "unit": "examples"})


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


@lru_cache(maxsize=1)
def _encoder(store: Store, train: str | None, source: str, revision: str | None) -> Encoder:
    """Load an encoder once for all the languages of a job, with what an intermediate trained on it."""
    if train is None:
        return Encoder.load(source, revision, clock=DropoutClock(0))
    return restore_encoder(store, train, source, revision)
