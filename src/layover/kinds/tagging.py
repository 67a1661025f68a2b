"""One tag per word: named entities, parts of speech, supertags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.features import Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tally import NO_TOKEN, Reason
from layover.data.tokenizer import Ids, Tokenizer
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._kind import Kind, boundaries, columns, finite, flat

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Example:
    """The words of a sentence and their tags; None is no gold."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None


class Tagging(Kind[Example]):
    """One row per sentence, or several for a long one; a prediction is the list of its tags, one per word.

    The first subword of a word carries its tag; a gold tag that is none of the labels, as an open set of labels may
    have outside the training data, is not learned from and can never be predicted, so it is scored as wrong.
    A sentence that does not fit is split between words, never cut,
    as XTREME does; a word without subwords becomes the unknown token, and a word that alone is too long keeps
    its first subwords.
    """

    name: ClassVar[str] = "tagging"
    classes: ClassVar[bool] = True
    required: ClassVar[frozenset[str]] = frozenset({"tokens", "tags"})
    optional: ClassVar[frozenset[str]] = frozenset()
    declared_by: ClassVar[frozenset[str]] = frozenset({"labels", "codes", "tokens", "tags", "scheme", "outside"})
    metrics: ClassVar[tuple[str, ...]] = ("seqeval_f1", "token_accuracy")

    def parse(self, row: Row, reading: Reading) -> Example:
        tokens, raw = reading.texts(row, "tokens"), reading.gold(row, "tags")
        if raw is None or (tokens and raw in ("", [], ())):
            return Example(tokens, None)
        if not isinstance(raw, Sequence) or isinstance(raw, str) or len(raw) != len(tokens):
            raise DataError(f"{row.where()}: {len(tokens)} words, but their tags are {str(raw)[:60]}")
        tags = [reading.label(value, row, word) for word, value in enumerate(raw)]
        given = tuple(tag for tag in tags if tag is not None)
        if given and len(given) < len(tags):
            word = tags.index(None)
            raise DataError(
                f"{row.where(word)}: {raw[word]!r} is no tag; a sentence has all of its tags or none (a tag that is "
                "written so has to be declared in `labels`)"
            )
        return Example(tokens, given if given or not tokens else None)

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],
        max_length: int,
        stride: int,  # noqa: ARG002 - parts of a sentence do not overlap
    ) -> Features:
        room = max_length - tokenizer.overhead(pair=False)
        if room < 1:
            raise DataError(f"max_length {max_length} has no room for a word")
        subwords = _subwords(examples, tokenizer, room)
        codes = {label: code for code, label in enumerate(labels)}
        rows, owner, segments, words, targets = [], [], [], [], []
        for number, example in enumerate(examples):
            tags = None if example.tags is None else [codes.get(tag, IGNORED) for tag in example.tags]
            parts = [subwords[token] for token in example.tokens]
            for first, last in _split([len(part) for part in parts], room):
                ids = columns(parts[first:last], np.int32)
                starts = 1 + boundaries(parts[first:last])[:-1]
                word = np.full(len(ids) + 2, -1, np.int32)
                word[starts] = np.arange(first, last, dtype=np.int32)
                target = np.full(len(ids) + 2, IGNORED, np.int64)
                if tags is not None:
                    target[starts] = tags[first:last]
                row, types = tokenizer.row(ids)
                rows.append(row)
                segments.append(types)
                owner.append(number)
                words.append(word)
                targets.append(target)
        arrays = {"word": columns(words, np.int32), "labels": columns(targets, np.int64)}
        return Features({**flat(rows, owner, segments), **arrays})

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        tags = finite(outputs, "tags", features.arrays["ids"].shape)
        first = np.flatnonzero(np.greater_equal(features.arrays["word"], 0))
        # rows follow their sentences and words their rows, so first subwords stand in the order of the words
        names = [labels[tag] for tag in tags[first]]
        predictions: list[Json] = []
        done = 0
        for example in examples:
            predictions.append(names[done : done + len(example.tokens)])
            done += len(example.tokens)
        if done != len(names):
            raise DataError(f"{len(names)} tagged words for the {done} words of the examples: not the same data")
        return predictions

    def to_json(self, example: Example) -> dict[str, Json]:
        tags = None if example.tags is None else list(example.tags)
        return {"tokens": list(example.tokens), "tags": tags}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        tags = None if values["tags"] is None else tuple(values["tags"])
        return Example(tuple(values["tokens"]), tags)

    def gold(self, example: Example) -> tuple[str, ...] | None:
        return example.tags

    def labels_of(self, gold: tuple[str, ...]) -> list[str]:
        return list(gold)

    def group_of(self, example: Example) -> str:
        return " ".join(example.tokens)

    def unlearnable(self, features: Features, examples: Sequence[Example]) -> dict[Reason, list[int]]:  # noqa: ARG002
        """Return the sentences without words."""
        return {NO_TOKEN: [number for number, item in enumerate(examples) if item.tags == ()]}

    def head_size(self, labels: tuple[str, ...]) -> int:
        return len(labels)


def _subwords(examples: Sequence[Example], tokenizer: Tokenizer, room: int) -> dict[str, Ids]:
    """Return the ids of every distinct word, at least one and at most `room`."""
    pieces = tokenizer.pieces([token for example in examples for token in example.tokens])
    unknown = np.array([tokenizer.unk], np.int32)
    return {word: piece.ids[:room] if len(piece.ids) else unknown for word, piece in pieces.items()}


def _split(lengths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Return the borders of the parts of a sentence, each as long as fits; one empty part for no words."""
    parts, first, used = [], 0, 0
    for index, length in enumerate(lengths):
        if used + length > room:
            parts.append((first, index))
            first, used = index, 0
        used += length
    return [*parts, (first, len(lengths))]


KIND = Tagging()
