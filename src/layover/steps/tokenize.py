"""tokenize: read one (task, split, language), cut it to its subset, encode it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from layover import kinds
from layover.data.features import Features
from layover.data.subset import hold_out, leave_out, limit, texts_of
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.identity import file_sha256
from layover.plan import Node, tokenizers
from layover.plan.inputs import Subset, TokenizeInputs
from layover.steps.context import Context, read_lines, write_lines
from layover.steps.files import EXAMPLES, FEATURES, META
from layover.store import Store, write_json
from layover.store.state import state_of


def run(node: Node, folder: Path, context: Context) -> None:
    """Write the encoded examples of a node."""
    inputs: TokenizeInputs = node.inputs
    task, kind = inputs.task, kinds.get(inputs.task.kind)
    places = (inputs.location, *inputs.without)
    before = [state_of(file) for place in places for file in place.files()]
    read = task.read(inputs.location)
    clean = _without(read, inputs)
    examples = _subset(clean, inputs.subset, task.kind)
    identities = (node.identity["data"], *node.identity.get("without", ()))
    for place, identity in zip(places, identities, strict=True):
        if place.identity(file_sha256) != identity:
            context.store.forget(place.files())
            raise DataError(f"{place.describe()}: it has changed since the plan was made; run again")
    if before != [state_of(file) for place in places for file in place.files()]:
        raise DataError(f"{inputs.location.describe()}: it changes while it is read; run again when it is complete")
    if not examples:
        raise DataError(f"{inputs.location.describe()}: no example is left ({inputs.subset})")
    encoder = inputs.encoder
    tokenizer = tokenizers.load_planned(encoder.source, encoder.revision, encoder.tokenizer)
    features = kind.encode(examples, tokenizer, labels=task.labels, max_length=inputs.max_length, stride=inputs.stride)
    features = replace(features, hidden_percent=inputs.hidden_percent)
    features.save(folder / FEATURES)
    write_lines(folder / EXAMPLES, (kind.to_json(example) for example in examples))
    gold = sum(kind.has_gold(example) for example in examples)
    tokens = int(features.lengths.sum())
    longest = int(features.lengths.max())
    meta = {
        "examples": len(examples),
        "left_out": len(read) - len(clean),
        "gold": gold,
        "rows": features.rows,
        "tokens": tokens,
        "longest": longest,
    }
    write_json(folder / META, meta)
    context.progress({"done": len(examples), "total": len(examples), "unit": "examples"})


def _without(examples: list[Any], inputs: TokenizeInputs) -> list[Any]:
    """Return the examples whose text (premise, context) is in none of the data that are to be left out."""
    texts: set[bytes] = set()
    for place in inputs.without:
        texts |= texts_of(inputs.task.read(place), kinds.get(place.kind))
    return leave_out(examples, texts, kinds.get(inputs.task.kind)) if texts else examples


def _subset(examples: list[Any], subset: Subset, kind: str) -> list[Any]:
    if subset.holdout is not None:
        rest, held = hold_out(examples, subset.holdout, kinds.get(kind))
        examples = list(held if subset.part == "held" else rest)
    return list(limit(examples, subset.limit)) if subset.limit is not None else examples


def load_tokenizer(source: str, revision: str | None) -> Tokenizer:
    """Return the tokenizer of a directory or of a hub model."""
    return tokenizers.load(source, revision)


def load_features(store: Store, key: str) -> Features:
    """Return the features of a finished tokenize node."""
    return Features.load(store.path(key) / FEATURES)


def load_examples(store: Store, key: str, kind: str) -> list[Any]:
    """Return the examples of a finished tokenize node."""
    parse = kinds.get(kind).from_json
    return [parse(line) for line in read_lines(store.path(key) / EXAMPLES)]


def load_meta(store: Store, key: str) -> dict[str, Any]:
    """Return the counts of a finished tokenize node: examples, left_out, gold, rows, tokens, longest."""
    return store.read(key, META)
