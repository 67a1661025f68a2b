"""The interface of a kind of task: its examples, their encoding, and the meaning of the model's outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy.typing as npt

from layover import metrics as registry
from layover.data.augment import Substitution
from layover.data.features import NO_COLUMNS, Column, Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tally import Reason
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, ModelError, nearest
from layover.identity import Json
from layover.kinds._keys import KeyCheck, Keys, Path
from layover.kinds._row_score import RIGHT, RowScore, right_or_wrong, same
from layover.kinds._submission import Submission
from layover.layouts.heads import HeadForm
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._scheme import Scheme
from layover.perturbations import Perturber

E = TypeVar("E")


@dataclass(frozen=True)
class Paths:
    """The number of files that a recipe names for one split and language."""

    fewest: int
    most: int
    needed: str
    """A description of these files, for messages."""


ONE_FILE = Paths(1, 1, "one file")


class Kind(ABC, Generic[E]):
    """One kind of task; stateless.

    Examples are frozen dataclasses of the kind; a prediction is JSON.
    """

    name: ClassVar[str]
    trained: ClassVar[bool] = True
    """Whether tasks of this kind are trained. An untrained task can only be a target and has no head."""
    first_only: ClassVar[bool] = False
    """Whether its head reads only the first token of each row. Then the last layer computes only this token."""
    changes_tokens: ClassVar[bool] = False
    """Whether random changes of the encoded tokens are drawn again for every batch."""
    asks_of_context: ClassVar[bool] = False
    """Whether several examples may ask different questions about the same text (`group_of`)."""
    classes: ClassVar[bool] = False
    """Whether `answer` is one label, or one label for each word. Then labels can have weights and separate counts."""
    typical_tokens: ClassVar[int]
    """Number of tokens in all rows of an average example: an estimate for data that are not available."""
    windowed: ClassVar[bool] = False
    """Whether a long text is split into windows that share `stride` tokens."""
    in_parts: ClassVar[bool] = False
    """Whether an input that is too long becomes several rows instead of being cut."""
    sides: ClassVar[bool] = False
    """Whether its data have two sides that translate each other. Then only all rows together have a meaning."""
    teaches_language: ClassVar[bool] = False
    """Whether its tasks train language adapters."""
    open_labels: ClassVar[bool] = False
    """Whether the labels may be taken from the training data."""
    same_in_translation: ClassVar[bool] = False
    """Whether an example and its translation have the same gold."""
    substitutes: ClassVar[bool] = False
    """Whether training examples can be copied with words replaced by synonyms (`substituted`)."""
    tags: ClassVar[bool] = False
    """Whether its labels are tags of words, which a scheme may combine into spans."""

    required: ClassVar[frozenset[str]]
    """Fields that a task of this kind must map to columns."""
    optional: ClassVar[frozenset[str]] = frozenset()
    gold_field: ClassVar[str | None] = None
    """The field of the gold, which files without gold lack; also its name in `to_json`. None if the text is its own
    gold."""
    keys: ClassVar[tuple[type[Keys], ...]]
    """Keys of a task that a recipe declares, in addition to the keys that every kind has."""
    checks: ClassVar[tuple[KeyCheck, ...]] = ()
    """Checks that find mistakes in a task that a recipe declares."""
    metrics: ClassVar[tuple[str, ...]]
    """The metrics of a task that names none. The first one selects the checkpoint."""
    columns: ClassVar[Mapping[str, Column]] = NO_COLUMNS
    """The arrays of its features, in addition to those of every kind; they include the training targets."""

    head: ClassVar[HeadForm | None] = None
    """The names of its head in transformers and adapters; None if packages contain no head of this kind."""
    pipeline: ClassVar[str] = ""
    """The hub's name for the task of a model of this kind."""
    submission: ClassVar[Submission | None] = None
    """The format in which XTREME takes the predictions; None if the benchmark has no task of this kind."""
    score_is_share_of_examples: ClassVar[bool] = True
    """Whether a score is a percentage of the number of examples."""
    averaged: ClassVar[bool] = False
    """Whether XTREME averages all metrics of such a task. Otherwise it uses the first metric."""

    @property
    def declared_by(self) -> frozenset[str]:
        """The names of `keys`."""
        return frozenset(name for keys in self.keys for name in keys.model_fields)

    def declared(self, own: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields of a task (`columns` is one of them) for the keys that a recipe declares.

        Args:
            own: The declaration; it has the attributes of `keys`.
        """
        raise DataError(
            f"a recipe cannot declare a task of the kind {self.name}, because the kind does not define `declared`"
        )

    def idle(self, own: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the keys that a recipe sets without any effect, each with the reason."""
        return {}

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:  # noqa: ARG002
        """Yield the columns, or templates of columns, that the encoder reads as text, each with its path."""
        yield from ()

    def unfit_labels(self, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:  # noqa: ARG002
        """Yield the reasons why a task cannot have these labels."""
        yield from ()

    def rules(self, labels: Sequence[str], tags: Scheme | None, options: Mapping[str, Json]) -> Rules:  # noqa: ARG002
        """Return the facts of a task that decide how its predictions are scored."""
        return NO_RULES

    def paths(self, columns: Collection[str]) -> Paths:  # noqa: ARG002
        """Return the number of files that a recipe names for one split and language."""
        return ONE_FILE

    def lines_are_sentences(self, paths: int) -> bool:  # noqa: ARG002
        """Return whether plain text files have one sentence per line, and equal lines of two files are translations."""
        return False

    def scores_with(self, metric: str) -> bool:
        """Return whether a metric can score this kind."""
        return metric in self.metrics or self.name in registry.get(metric).kinds

    @abstractmethod
    def parse(self, row: Row, reading: Reading) -> E:
        """Return the example of a row.

        Raises:
            DataError: a column is missing, a value has the wrong type, or a label is unknown; with file:line.
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
        """Return the rows of the examples, in their order. No row is longer than `max_length` tokens.

        `stride` is the number of tokens that two windows of a long context share. Only spans have windows.
        """

    def substituted(self, example: E, draw: Substitution) -> E:  # noqa: ARG002
        """Return an example with words of its texts replaced and the same gold, if the kind `substitutes`."""
        raise DataError(f"examples of the kind {self.name} cannot be copied with other words")

    def kept_tags(self, labels: Sequence[str], rules: Rules) -> tuple[str, ...]:  # noqa: ARG002
        """Return the tags of words that no synonym replaces."""
        return ()

    def encoded_with(self, example: E) -> Hashable:  # noqa: ARG002
        """Return a value that examples must share to be encoded together; None if all examples fit together."""
        return None

    def unlike(self, example: E, first: E) -> str:  # noqa: ARG002
        """Return the reason why an example does not fit the first example of its data set, or an empty text."""
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
        """Return the example that `to_json` wrote."""

    @abstractmethod
    def gold(self, example: E) -> Any:
        """Return the gold in the form that metrics take; None if there is none."""

    label_threshold: ClassVar[float | None] = None
    """The probability above which a label is predicted, unless a recipe sets or tunes another threshold. None if the
    kind uses no threshold."""

    def cut(self, predictions: Sequence[Any], threshold: float) -> list[Json]:  # noqa: ARG002
        """Return the predictions after applying a threshold, for a kind that uses one."""
        raise DataError(f"predictions of the kind {self.name} use no threshold")

    def tune(
        self,
        predictions: Sequence[Any],  # noqa: ARG002
        examples: Sequence[E],  # noqa: ARG002
        *,
        metric: str,  # noqa: ARG002
        language: str,  # noqa: ARG002
        rules: Rules = NO_RULES,  # noqa: ARG002
    ) -> float:
        """Return the threshold with the best value of a metric, for a kind that uses one.

        Raises:
            DataError: an example has no gold.
        """
        raise DataError(f"predictions of the kind {self.name} use no threshold")

    def labels_of(self, gold: Any) -> list[str]:
        """Return the labels to count for a gold value; none if gold is free text."""
        return [str(gold)]

    def answer(self, prediction: Any) -> Any:
        """Return the part of a prediction that metrics compare with the gold."""
        return prediction

    @abstractmethod
    def group_of(self, example: E) -> str:
        """Return the text that must not appear in both parts of a hold-out split."""

    def texts_of(self, example: E) -> tuple[str, ...]:
        """Return all texts of an example that the encoder reads; together they are its input."""
        return (self.group_of(example),)

    perturbed: ClassVar[str] = ""
    """What a perturbation of the test texts changes, for messages; empty if tests of this kind are not perturbed."""

    def perturb(self, example: E, by: Perturber) -> E:  # noqa: ARG002
        """Return an example whose texts are changed, with the same gold, for a kind with `perturbed`.

        Args:
            example: The example.
            by: Changes its texts; `by.outside` has the labels of words that may change, or is empty.
        """
        raise DataError(f"tests of the kind {self.name} are not perturbed")

    def changeable(self, labels: tuple[str, ...], rules: Rules) -> tuple[str, ...]:  # noqa: ARG002
        """Return the labels of words that a perturbation may change; empty if words of every label may change."""
        return ()

    @abstractmethod
    def head_size(self, labels: tuple[str, ...]) -> int | None:
        """Return the number of outputs of the head, per row or per token; None for the vocabulary of the encoder."""

    def same_outputs(self, labels: tuple[str, ...], others: tuple[str, ...]) -> bool:
        """Return whether the heads of two tasks have the same outputs, so that one task can train the other's head."""
        return labels == others

    def logits_per_token(self, vocabulary: int, hidden_percent: int) -> float:  # noqa: ARG002
        """Return the number of logits per input token, for cost estimates; 0 if their cost is negligible.

        Args:
            vocabulary: Number of tokens in the vocabulary of the encoder.
            hidden_percent: mlm: percentage of the tokens that are masked.
        """
        return 0.0

    # answers of a package, and texts of its model card

    row_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of a row to predict, in the order in which messages and cards list them."""
    reads_plain_text: ClassVar[bool] = False
    """Whether a row to predict may be a single text without field names."""

    def of_text(self, text: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields of a row to predict that is a single text, if `reads_plain_text`."""
        return {}

    result: ClassVar[type[Any] | None] = None
    """The class of the answer to a row: a frozen dataclass of plain values."""

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],  # noqa: ARG002
        features: Features,  # noqa: ARG002
        examples: Sequence[E],  # noqa: ARG002
        *,
        labels: tuple[str, ...],  # noqa: ARG002
    ) -> list[Any]:
        """Return one `result` per example.

        Args:
            outputs: Outputs of the model, including probabilities.
            features: Features of the examples.
            examples: Examples in the order of the features.
            labels: Labels of the task.

        Raises:
            ModelError: an output has the wrong shape, or is not finite.
        """
        raise ModelError(
            f"a package of the kind {self.name} cannot predict, because the kind does not define `results`"
        )

    def shown_row(self, columns: Mapping[str, str | tuple[str, ...]]) -> str:  # noqa: ARG002
        """Return an invented row as Python code for the model card.

        Args:
            columns: Columns of the task.
        """
        return ""

    def shown_program(
        self,
        columns: Mapping[str, str | tuple[str, ...]],  # noqa: ARG002
        cut: str,  # noqa: ARG002
    ) -> list[str]:
        """Return the lines of a program for the model card: it runs `tokenizer` and `model`, and prints the answer.

        The variable `labels` exists if `head.labelled`.

        Args:
            columns: Columns of the task.
            cut: Arguments of the tokenizer that cut a long text.
        """
        return []

    def has_gold(self, example: E) -> bool:
        """Return whether the example has gold, so that it can be trained on and scored."""
        return self.gold(example) is not None

    def unlearnable(self, features: Features, examples: Sequence[E]) -> dict[Reason, list[int]]:  # noqa: ARG002
        """Return the indices of examples that cannot be learned, by reason. These examples are still scored."""
        return {}

    def answer_windows(self, features: Features, examples: Sequence[E]) -> list[int | None]:  # noqa: ARG002
        """Return the number of the first window that contains the answer, from 0; None without windows or answer."""
        return [None] * len(examples)

    def scored(self, examples: Sequence[E]) -> int:
        """Return the number of scored items: the examples, unless the kind counts other items."""
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
        """Return the value of each metric, in its own unit and unrounded; `rules` are the rules of the task.

        Raises:
            DataError: an example has no gold, predictions are missing, or a metric does not score this kind.
        """
        if len(predictions) != len(examples) or not examples:
            raise DataError(
                f"there are {len(predictions)} predictions for {len(examples)} examples; each example needs one"
            )
        golds = [self.gold(example) for example in examples]
        if None in golds:
            raise DataError(
                f"example {golds.index(None) + 1} of {len(golds)} has no gold: a score must cover all examples"
            )
        answers = [self.answer(prediction) for prediction in predictions]
        return {name: self._metric(name).for_task(rules)(answers, golds, language) for name in metrics}

    def row_score_fields(self, metrics: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the fields of the values of `row_score`.

        Args:
            metrics: The metrics of the task.
        """
        return (RIGHT,)

    def row_score(
        self,
        answer: Any,
        example: E,
        *,
        metrics: Sequence[str],  # noqa: ARG002
        language: str,  # noqa: ARG002
        rules: Rules = NO_RULES,  # noqa: ARG002
    ) -> RowScore | None:
        """Return the score of one answer on its own; None if nothing in the example is scored.

        By default an answer is right if it equals the gold; a kind with another meaning of right defines this method.

        Args:
            answer: The answer, in the form that metrics take.
            example: An example with gold.
            metrics: The metrics of the task.
            language: The language of the example.
            rules: The rules of the task.
        """
        return right_or_wrong(same(answer, self.gold(example)))

    def _metric(self, name: str) -> registry.Metric:
        metric = registry.get(name)
        if not self.scores_with(name):
            fitting = [other for other in registry.usable() if self.scores_with(other)]
            raise DataError(f"{name} does not score {self.name}; {nearest(name, fitting)}")
        return metric
