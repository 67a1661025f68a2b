"""One tag per word: named entities, parts of speech, supertags."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator

from layover import metrics
from layover.data.augment import Substitution
from layover.data.features import Column, Features
from layover.data.formats import FileLayout, Row, read
from layover.data.labels import as_text
from layover.data.reading import Columns, Reading
from layover.data.tally import NO_TOKEN, Reason
from layover.data.tokenizer import Ids, Tokenizer
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._answers import INFERENCE, shown_list
from layover.kinds._arrays import boundaries, columns, finite, flat
from layover.kinds._keys import CODES, FROM_TRAINING, CodesKeys, KeyCheck, Keys, Mistakes
from layover.kinds._kind import Kind
from layover.kinds._row_score import RIGHT, RowScore
from layover.kinds._submission import Submission, as_many
from layover.layouts.heads import HeadForm
from layover.metrics._detect import OUTSIDE, detect, detect_or_none
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._scheme import Scheme, SchemeName
from layover.perturbations import Perturber
from layover.settings import ColumnNumber

IGNORED = -100
METRICS = ("seqeval_f1", "token_accuracy")
WORDS = ("Adam", "Weber", "danced", "in", "London", ".")
"""Invented, for a model card."""


@dataclass(frozen=True, slots=True)
class Example:
    """The words of a sentence and their tags; None is no gold."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class TaggingResult:
    """The predicted tags of a sentence; all three tuples have the same length."""

    tokens: tuple[str, ...]
    """The words of the row, or the words of its text, split at white space."""
    tags: tuple[str, ...]
    scores: tuple[float, ...]
    """The probability of each tag."""


def _several(value: object) -> object:
    """Return a list of tags; a single tag becomes a list, and YAML numbers and booleans become text, as in `labels`."""
    return as_text(value if isinstance(value, (list, tuple)) else [value])


class TagKeys(Keys):
    """The columns of words and tags, and the scheme of the tags."""

    tokens: ColumnNumber | str = 0
    tags: ColumnNumber | str = 1
    scheme: SchemeName | None = None
    """tagging: the scheme by which tags mark spans; by default detected from the labels."""
    outside: Annotated[tuple[str, ...], BeforeValidator(_several)] | None = None
    """tagging: the tag, or the tags, of words outside all spans; by default detected from the labels."""


class _Columns(Submission):
    """One tag per line, and an empty line between sentences."""

    def text(self, answers: Sequence[Any], examples: Sequence[Any], columns: Columns) -> str:  # noqa: ARG002
        return "\n".join("".join(f"{tag}\n" for tag in tags) for tags in answers)

    def read(
        self,
        path: pathlib.Path,
        examples: Sequence[Any],
        columns: Columns,  # noqa: ARG002
        labels: Sequence[str],  # noqa: ARG002
    ) -> list[Any]:
        rows = list(read(path, FileLayout(format="conll", header=("tags",))))
        answers = as_many([tuple(row.values["tags"]) for row in rows], path, len(examples))
        for row, tags, example in zip(rows, answers, examples, strict=True):
            if len(tags) != len(example.tokens):
                raise DataError(
                    f"{row.where()}: there are {len(tags)} tags for a sentence of {len(example.tokens)} words"
                )
        return answers


def _gold_read(own: Any) -> Mistakes:
    if str(own.tokens) == str(own.tags):
        yield (
            ("tokens",),
            f"the column {str(own.tags)!r} is the gold, but the encoder would read it as text; use another column",
        )


def _two_schemes(own: Any) -> Mistakes:
    """Yield an error if the tags fit several schemes, or do not fit the declared one."""
    labels = own.declared_labels()
    named = own.metrics or METRICS
    scored = any(name in metrics.names() and metrics.get(name).reads_spans for name in named)
    if not scored or len(labels) < 2 or len(set(labels)) < len(labels):
        return
    try:
        detect(labels, scheme=own.scheme, outside=own.outside)
    except DataError as error:
        declared = {"scheme": own.scheme, "outside": own.outside}
        given = [field for field, value in declared.items() if value is not None]
        yield (*given, "labels")[:1], str(error)


class Tagging(Kind[Example]):
    """One row per sentence, or several for a long one; a prediction is the list of its tags, one per word.

    The first subword of a word carries its tag. A gold tag may be unknown if the labels come from the training data.
    It is not trained on and cannot be predicted, so the word is scored as wrong. A sentence that is too long is split
    between words and never cut, as in XTREME. A word without subwords becomes the unknown token. A single word that is
    too long keeps its first subwords.
    """

    name: ClassVar[str] = "tagging"
    in_parts: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 35
    open_labels: ClassVar[bool] = True
    tags: ClassVar[bool] = True
    substitutes: ClassVar[bool] = True
    classes: ClassVar[bool] = True
    required: ClassVar[frozenset[str]] = frozenset({"tokens", "tags"})
    gold_field: ClassVar[str | None] = "tags"
    keys: ClassVar[tuple[type[Keys], ...]] = (CodesKeys, TagKeys)
    checks: ClassVar[tuple[KeyCheck, ...]] = (
        KeyCheck(_gold_read, ("kind", "tokens", "tags")),
        KeyCheck(_two_schemes, ("kind", "labels", "metrics", "scheme", "outside")),
        CODES,
    )
    metrics: ClassVar[tuple[str, ...]] = METRICS
    columns: ClassVar[Mapping[str, Column]] = {
        "labels": Column(np.int64, "token", padding=IGNORED),  # not a first subword, or no gold
        "word": Column(np.int32, "token"),  # the index of the word in its example at first subwords, else -1
    }
    head: ClassVar[HeadForm | None] = HeadForm(
        transformers="ForTokenClassification", adapters="tagging", reads="every token: out", labelled=True
    )
    pipeline: ClassVar[str] = "token-classification"
    submission: ClassVar[Submission | None] = _Columns()
    result: ClassVar[type[Any] | None] = TaggingResult
    row_fields: ClassVar[tuple[str, ...]] = ("tokens",)
    reads_plain_text: ClassVar[bool] = True

    def of_text(self, text: str) -> dict[str, Any]:
        return {"tokens": text.split()}

    def declared(self, own: Any) -> dict[str, Any]:
        return {
            # without a header, the names of the columns of a conll file are their numbers
            "columns": {"tokens": str(own.tokens), "tags": str(own.tags)},
            "labels": own.declared_labels(),
            "meanings": own.meanings,
            "labels_from_training": own.labels == FROM_TRAINING,
            "codes": own.written_codes(),
            "scheme": own.scheme,
            "outside": own.outside,
        }

    def unfit_labels(self, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:
        if not from_training and len(set(labels)) < 2:
            yield "tagging needs two or more labels, or `labels: from training`"

    def rules(self, labels: Sequence[str], tags: Scheme | None, options: Mapping[str, Json]) -> Rules:  # noqa: ARG002
        return Rules(tags=tags)

    def parse(self, row: Row, reading: Reading) -> Example:
        tokens, raw = reading.texts(row, "tokens"), reading.gold(row, "tags")
        if raw is None or (tokens and raw in ("", [], ())):
            return Example(tokens, None)
        if not isinstance(raw, Sequence) or isinstance(raw, str) or len(raw) != len(tokens):
            raise DataError(f"{row.where()}: there are {len(tokens)} words, but their tags are {str(raw)[:60]}")
        tags = [reading.label(value, row, word) for word, value in enumerate(raw)]
        given = tuple(tag for tag in tags if tag is not None)
        if given and len(given) < len(tags):
            word = tags.index(None)
            raise DataError(
                f"{row.where(word)}: {raw[word]!r} is not a tag; write all tags of a sentence or none, "
                "or declare the tag in `labels`"
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
        return Features({**flat(rows, owner, segments), **arrays}, columns=self.columns)

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
        # rows are in the order of sentences, so first subwords are in the order of words
        names = [labels[tag] for tag in tags[first]]
        predictions: list[Json] = []
        done = 0
        for example in examples:
            predictions.append(names[done : done + len(example.tokens)])
            done += len(example.tokens)
        if done != len(names):
            raise DataError(
                f"there are {len(names)} tagged words, but the examples have {done} words: they are not the same data"
            )
        return predictions

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[TaggingResult]:
        decoded: list[Any] = self.decode(outputs, features, examples, labels=labels)
        sure = finite(outputs, "probability", features.arrays["ids"].shape)
        # as in `decode`: first subwords are in the order of words
        words = iter(sure[np.greater_equal(features.arrays["word"], 0)].tolist())
        return [
            TaggingResult(item.tokens, tuple(tags), tuple(next(words) for _ in tags))
            for item, tags in zip(examples, decoded, strict=True)
        ]

    def shown_row(self, columns: Columns) -> str:  # noqa: ARG002
        return f'{{"tokens": {shown_list(WORDS)}}}'

    def shown_program(self, columns: Columns, cut: str) -> list[str]:  # noqa: ARG002
        return [
            f"words = {shown_list(WORDS)}",
            'inputs = tokenizer(words, is_split_into_words=True, return_tensors="pt")',
            INFERENCE,
            "    logits = model(**inputs).logits[0]",
            "first = [inputs.word_ids().index(number) for number in range(len(words))]  # first subword of each word",
            "print([labels[best] for best in logits[first].argmax(-1)])",
        ]

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

    def row_score_fields(self, metrics: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002 - words are counted
        return (RIGHT, "words_right", "words_wrong")

    def row_score(
        self,
        answer: Any,
        example: Example,
        *,
        metrics: Sequence[str],  # noqa: ARG002 - words are counted
        language: str,  # noqa: ARG002
        rules: Rules = NO_RULES,  # noqa: ARG002
    ) -> RowScore:
        """Return the number of words whose tag is right, and of words whose tag is wrong."""
        words = list(zip(example.tokens, example.tags or (), answer, strict=True))
        wrong = [f"{word}: {gold}, predicted {tag}" for word, gold, tag in words if tag != gold]
        values = {RIGHT: not wrong, "words_right": len(words) - len(wrong), "words_wrong": len(wrong)}
        return RowScore(float(len(wrong)), values, "; ".join(wrong))

    def group_of(self, example: Example) -> str:
        return " ".join(example.tokens)

    def kept_tags(self, labels: Sequence[str], rules: Rules) -> tuple[str, ...]:
        """Return the tags of words in spans, which may be names; none if every word has a class."""
        scheme = rules.tags or detect_or_none(labels)
        if scheme is None or scheme.name in {"bare", "xtreme"} or not scheme.outside:
            return ()
        return tuple(label for label in labels if label not in scheme.outside)

    def substituted(self, example: Example, draw: Substitution) -> Example:
        tags = example.tags or ("",) * len(example.tokens)
        pairs = enumerate(zip(example.tokens, tags, strict=True))
        words = (word if tag in draw.kept else draw.word("tokens", number, word) for number, (word, tag) in pairs)
        return replace(example, tokens=tuple(words))

    perturbed: ClassVar[str] = "the words outside of gold entities, each with its tag"

    def perturb(self, example: Example, by: Perturber) -> Example:
        tags = example.tags
        kept = [bool(by.outside) and tag not in by.outside for tag in tags or ()]
        words = by.tokens(example.tokens, kept if tags is not None else [False] * len(example.tokens))
        own = None if tags is None else tuple(tags[source] for source, _ in words)
        return Example(tuple(word for _, word in words), own)

    def changeable(self, labels: tuple[str, ...], rules: Rules) -> tuple[str, ...]:
        """Return the tags outside of entities; none if all tags are classes of words, such as parts of speech."""
        return rules.tags.outside if rules.tags is not None else tuple(label for label in labels if label in OUTSIDE)

    def unlearnable(self, features: Features, examples: Sequence[Example]) -> dict[Reason, list[int]]:  # noqa: ARG002
        """Return the sentences without words."""
        return {NO_TOKEN: [number for number, item in enumerate(examples) if item.tags == ()]}

    def head_size(self, labels: tuple[str, ...]) -> int:
        return len(labels)


def _subwords(examples: Sequence[Example], tokenizer: Tokenizer, room: int) -> dict[str, Ids]:
    """Return word -> subword ids of every distinct word, at least one id and at most `room`."""
    pieces = tokenizer.pieces([token for example in examples for token in example.tokens])
    unknown = np.array([tokenizer.unk], np.int32)
    return {word: piece.ids[:room] if len(piece.ids) else unknown for word, piece in pieces.items()}


def _split(lengths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Return the borders of the parts of a sentence, each as long as possible; one empty part if there are no words."""
    parts, first, used = [], 0, 0
    for index, length in enumerate(lengths):
        if used + length > room:
            parts.append((first, index))
            first, used = index, 0
        used += length
    return [*parts, (first, len(lengths))]


KIND = Tagging()
