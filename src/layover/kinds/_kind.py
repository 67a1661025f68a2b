"""What a kind of task must know: its examples, their encoding, and what the model's outputs mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy.typing as npt

from layover import metrics as registry
from layover.data.features import NO_COLUMNS, Column, Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tally import Reason
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, ModelError, nearest
from layover.identity import Json
from layover.kinds._keys import KeyCheck, Keys, Path
from layover.kinds._submission import Submission
from layover.layouts.heads import HeadForm
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._scheme import Scheme

E = TypeVar("E")


@dataclass(frozen=True)
class Paths:
    """How many files a recipe names for one split and language."""

    fewest: int
    most: int
    needed: str
    """For people."""


ONE_FILE = Paths(1, 1, "one file")


class Kind(ABC, Generic[E]):
    """One kind of task; stateless.

    Examples are frozen dataclasses of the kind; a prediction is JSON.
    """

    name: ClassVar[str]
    trained: ClassVar[bool] = True
    """Whether a task of this kind is trained; one that is not is a target only, and has no head."""
    first_only: ClassVar[bool] = False
    """Whether its head reads each row's first token alone, so that the last layer need not do more."""
    changes_tokens: ClassVar[bool] = False
    """Whether the encoder reads other tokens than the encoded ones, drawn anew for every batch."""
    asks_of_context: ClassVar[bool] = False
    """Whether several examples may ask different questions of one text, `group_of`."""
    classes: ClassVar[bool] = False
    """Whether `answer` is one of the labels, or one for each word, so that labels can weigh and be counted apart."""
    typical_tokens: ClassVar[int]
    """Tokens of an average example, all its rows together: an estimate for data that are not here."""
    windowed: ClassVar[bool] = False
    """Whether a long text is read in windows that share `stride` tokens."""
    in_parts: ClassVar[bool] = False
    """Whether an input that is too long becomes several rows, and is not cut."""
    sides: ClassVar[bool] = False
    """Whether its data have two sides that translate each other, so that rows mean something only together."""
    teaches_language: ClassVar[bool] = False
    """Whether a language adapter learns from its tasks."""
    open_labels: ClassVar[bool] = False
    """Whether the labels may be those of the training data."""
    tags: ClassVar[bool] = False
    """Whether its labels are tags of words, of which a scheme makes spans."""

    required: ClassVar[frozenset[str]]
    """Fields that a task of this kind must map to columns."""
    optional: ClassVar[frozenset[str]] = frozenset()
    gold_field: ClassVar[str | None] = None
    """The field that holds the gold, which files without gold lack, and its name in `to_json`; None where the text is
    its own gold."""
    keys: ClassVar[tuple[type[Keys], ...]]
    """Keys of a recipe's own task that mean something for this kind, beside those that every kind has."""
    checks: ClassVar[tuple[KeyCheck, ...]] = ()
    """Find mistakes of a recipe's own task."""
    metrics: ClassVar[tuple[str, ...]]
    """Scores of a task that names none itself, the first one selects."""
    columns: ClassVar[Mapping[str, Column]] = NO_COLUMNS
    """The arrays that its features have beside those that all have, the targets of training among them."""

    head: ClassVar[HeadForm | None] = None
    """What transformers and adapters call its head; None where a package has no head of this kind."""
    pipeline: ClassVar[str] = ""
    """The hub's name for what a model of this kind does."""
    submission: ClassVar[Submission | None] = None
    """How XTREME wants the predictions; None where no task of the benchmark is of this kind."""
    score_is_share_of_examples: ClassVar[bool] = True
    """Whether the number of examples is that of which a score is the share."""
    averaged: ClassVar[bool] = False
    """Whether XTREME averages all metrics of a task of this kind, instead of taking its first one."""

    @property
    def declared_by(self) -> frozenset[str]:
        """The names of `keys`."""
        return frozenset(name for keys in self.keys for name in keys.model_fields)

    def declared(self, own: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields of a task, `columns` among them, that the keys of a recipe's own task stand for.

        Args:
            own: The declaration; it has the attributes of `keys`.
        """
        raise DataError(f"a task of {self.name} cannot be declared in a recipe: its kind does not say how (`declared`)")

    def idle(self, own: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the keys that are given in a recipe's own task and decide nothing, each with the reason."""
        return {}

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:  # noqa: ARG002
        """Yield the columns, or templates of columns, that the encoder reads as text, each with its place."""
        yield from ()

    def unfit_labels(self, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:  # noqa: ARG002
        """Yield why a task cannot have these labels."""
        yield from ()

    def rules(self, labels: Sequence[str], tags: Scheme | None, options: Mapping[str, Json]) -> Rules:  # noqa: ARG002
        """Return the facts of a task that decide how its predictions are scored."""
        return NO_RULES

    def paths(self, columns: Collection[str]) -> Paths:  # noqa: ARG002
        """Return how many files a recipe names for one split and language."""
        return ONE_FILE

    def lines_are_sentences(self, paths: int) -> bool:  # noqa: ARG002
        """Return whether a file of plain text has a sentence per line, line i of one translating line i of another."""
        return False

    def scores_with(self, metric: str) -> bool:
        """Return whether a metric scores it."""
        return metric in self.metrics or self.name in registry.get(metric).kinds

    @abstractmethod
    def parse(self, row: Row, reading: Reading) -> E:
        """Return the example of a row.

        Raises:
            DataError: with file:line, for a missing column, a value of the wrong type, an unknown label.
        """

    @abstractmethod
    def encode(
        self,
        examples: Sequence[E],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],
        max_length: int,
        stride: int,
    ) -> Features:
        """Return the rows of the examples, in order, none longer than `max_length` tokens.

        `stride` is the number of tokens that two windows of one long context share; only spans have windows.
        """

    def encoded_with(self, example: E) -> Hashable:  # noqa: ARG002
        """Return what examples that are encoded at once must have in common; None where any go together."""
        return None

    def unlike(self, example: E, first: E) -> str:  # noqa: ARG002
        """Return why an example cannot stand in one data set with its first one, empty text where it can."""
        return ""

    @abstractmethod
    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[E],
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        """Return one prediction per example.

        Raises:
            ModelError: an output has the wrong shape, or is not finite.
        """

    @abstractmethod
    def to_json(self, example: E) -> dict[str, Json]:
        """Return the example as JSON."""

    @abstractmethod
    def from_json(self, values: Mapping[str, Any]) -> E:
        """Return what `to_json` was given."""

    @abstractmethod
    def gold(self, example: E) -> Any:
        """Return the gold as metrics take it, None where there is none."""

    label_threshold: ClassVar[float | None] = None
    """The probability above which a label is there, where a recipe neither sets one nor has it tuned; None where none
    decides."""

    def cut(self, predictions: Sequence[Any], threshold: float) -> list[Json]:  # noqa: ARG002
        """Return the predictions as a threshold leaves them, where one decides about answers."""
        raise DataError(f"no threshold decides about predictions of {self.name}")

    def tune(
        self,
        predictions: Sequence[Any],  # noqa: ARG002
        examples: Sequence[E],  # noqa: ARG002
        *,
        metric: str,  # noqa: ARG002
        language: str,  # noqa: ARG002
        rules: Rules = NO_RULES,  # noqa: ARG002
    ) -> float:
        """Return the threshold with which a metric is highest, where one decides about answers.

        Raises:
            DataError: the gold of an example is not known.
        """
        raise DataError(f"no threshold decides about predictions of {self.name}")

    def labels_of(self, gold: Any) -> list[str]:
        """Return what is counted when one asks how often each label occurs; nothing where gold is free text."""
        return [str(gold)]

    def answer(self, prediction: Any) -> Any:
        """Return the part of a prediction that metrics compare with gold."""
        return prediction

    @abstractmethod
    def group_of(self, example: E) -> str:
        """Return the text that must not stand on both sides of a hold-out."""

    def texts_of(self, example: E) -> tuple[str, ...]:
        """Return every text that the encoder reads of an example; together they are its input."""
        return (self.group_of(example),)

    @abstractmethod
    def head_size(self, labels: tuple[str, ...]) -> int | None:
        """Return the number of outputs of this kind's head, per row or per token; None: the encoder's vocabulary."""

    def same_outputs(self, labels: tuple[str, ...], others: tuple[str, ...]) -> bool:
        """Return whether the outputs of heads for two tasks of this kind mean the same, so that one can continue."""
        return labels == others

    def logits_per_token(self, vocabulary: int, hidden_percent: int) -> float:  # noqa: ARG002
        """Return the logits per token of input, for costs; 0 where they are few beside the encoder's own work.

        Args:
            vocabulary: Tokens of the encoder.
            hidden_percent: mlm: share of the tokens that are to be guessed.
        """
        return 0.0

    # what a package of this kind answers, and says of itself

    row_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of a row to predict, in the order in which people are told them."""
    reads_plain_text: ClassVar[bool] = False
    """Whether a row to predict may be a text alone, whatever its fields are."""

    def of_text(self, text: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields of a row to predict that is a text alone, where `reads_plain_text`."""
        return {}

    result: ClassVar[type[Any] | None] = None
    """What a package answers to a row: a frozen dataclass of plain values."""

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],  # noqa: ARG002
        features: Features,  # noqa: ARG002
        examples: Sequence[E],  # noqa: ARG002
        *,
        labels: tuple[str, ...],  # noqa: ARG002
    ) -> list[Any]:
        """Return what a package answers to each example, a `result` each.

        Args:
            outputs: Of the model, with certainty.
            features: That they are of.
            examples: That the features were encoded from.
            labels: Of the task.

        Raises:
            ModelError: an output has the wrong shape, or is not finite.
        """
        raise ModelError(f"a package of {self.name} predicts nothing: its kind does not say what (`results`)")

    def shown_row(self, columns: Mapping[str, str | tuple[str, ...]]) -> str:  # noqa: ARG002
        """Return an invented row as a program for Layover writes it, for a model card.

        Args:
            columns: Of the task.
        """
        return ""

    def shown_program(
        self,
        columns: Mapping[str, str | tuple[str, ...]],  # noqa: ARG002
        cut: str,  # noqa: ARG002
    ) -> list[str]:
        """Return the lines that ask `model` through `tokenizer` and print the answer, for a model card.

        `labels` are there where `head.labelled`.

        Args:
            columns: Of the task.
            cut: Arguments of the tokenizer that cut a long text.
        """
        return []

    def has_gold(self, example: E) -> bool:
        """Return whether the example can be trained on and scored."""
        return self.gold(example) is not None

    def unlearnable(self, features: Features, examples: Sequence[E]) -> dict[Reason, list[int]]:  # noqa: ARG002
        """Return the numbers of encoded examples whose gold no training can learn, by reason. They are scored."""
        return {}

    def scored(self, examples: Sequence[E]) -> int:
        """Return how many things a score is the share of: the examples, unless a kind counts something else."""
        return len(examples)

    def score(
        self,
        predictions: Sequence[Json],
        examples: Sequence[E],
        *,
        metrics: tuple[str, ...],
        language: str,
        rules: Rules = NO_RULES,
    ) -> dict[str, float]:
        """Return each metric, in its own unit, unrounded; `rules` are those of the task.

        Raises:
            DataError: an example has no gold, predictions are missing, or a metric is not for this kind.
        """
        if len(predictions) != len(examples) or not examples:
            raise DataError(f"{len(predictions)} predictions for {len(examples)} examples: nothing to score")
        golds = [self.gold(example) for example in examples]
        if None in golds:
            raise DataError(
                f"example {golds.index(None) + 1} of {len(golds)} has no gold: "
                "a score over some of the examples would not be the task's score"
            )
        answers = [self.answer(prediction) for prediction in predictions]
        return {name: self._metric(name).for_task(rules)(answers, golds, language) for name in metrics}

    def _metric(self, name: str) -> registry.Metric:
        metric = registry.get(name)
        if not self.scores_with(name):
            fitting = [other for other in registry.usable() if self.scores_with(other)]
            raise DataError(f"{name} does not score {self.name}; {nearest(name, fitting)}")
        return metric
