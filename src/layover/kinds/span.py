"""Extractive question answering: the answer is a stretch of the context; SQuAD, XQuAD, MLQA, TyDi QA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.features import Column, Features
from layover.data.formats import Row
from layover.data.reading import Columns, Reading
from layover.data.right_choice import whole
from layover.data.tally import NO_WINDOW, Reason
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._answers import INFERENCE
from layover.kinds._keys import IdKeys, Keys, LabelsKeys, Path
from layover.kinds._kind import Kind, finite
from layover.kinds._span_file import Answers
from layover.kinds._submission import Submission
from layover.kinds._windows import encode_windows
from layover.layouts.heads import HeadForm
from layover.metrics._metric import Rules
from layover.metrics._scheme import Scheme

ANSWER_TOKENS = 30
"""Longest answer in tokens, as in the SQuAD scripts of BERT and XTREME."""
QUESTION = "Where did Adam Weber dance?"
CONTEXT = "Eva slept in Nairobi. Adam Weber danced in London."
"""Invented, for a model card."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A stretch of the context, from the character `start` on."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Example:
    """A question about a context. No answers in the tuple: it has none; None instead of a tuple: no gold."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None


@dataclass(frozen=True, slots=True)
class SpanResult:
    """The answer to a question."""

    text: str
    """Empty where no answer is more likely than the best one: where `null_score` is above `score`."""
    start: int
    """Where the best stretch begins in the context, in characters; also when `text` is empty."""
    end: int
    """The character after its last one: `context[start:end]`."""
    score: float
    """Of the best stretch: the sum of two logits, no probability."""
    null_score: float | None
    """That of no answer, to be compared with `score`; None for a task whose questions all have one."""


class SpanKeys(Keys):
    """Columns of questions."""

    question: str = "question"
    context: str = "context"
    answers: str = "answers"


class Span(Kind[Example]):
    """One row `question, window of the context` per window; a prediction is the best stretch of all windows.

    A task whose questions may have no answer says so with one label (`("no answer",)`, say): then a prediction also
    has a null score, start and end at `<s>`, and the answer is empty where that is higher than the best stretch by
    more than a threshold: 0 unless `cut` was given another.
    """

    name: ClassVar[str] = "span"
    asks_of_context: ClassVar[bool] = True
    in_parts: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 230
    windowed: ClassVar[bool] = True
    required: ClassVar[frozenset[str]] = frozenset({"id", "question", "context", "answers"})
    gold_field: ClassVar[str | None] = "answers"
    keys: ClassVar[tuple[type[Keys], ...]] = (LabelsKeys, IdKeys, SpanKeys)
    metrics: ClassVar[tuple[str, ...]] = ("squad_f1", "squad_em")
    columns: ClassVar[Mapping[str, Column]] = {
        # inclusive positions of tokens in the row, 0 = no answer in this window, -1 = no gold
        "start": Column(np.int64, "row", padding=-1),
        "end": Column(np.int64, "row", padding=-1),
        # characters of the context, -1 outside it
        "char_start": Column(np.int32, "token"),
        "char_end": Column(np.int32, "token"),
    }
    head: ClassVar[HeadForm | None] = HeadForm(
        transformers="ForQuestionAnswering",
        adapters="question_answering",
        reads="every token: out, a start and an end",
        out="qa_outputs",
        outputs=2,
    )
    pipeline: ClassVar[str] = "question-answering"
    submission: ClassVar[Submission | None] = Answers()
    averaged: ClassVar[bool] = True
    result: ClassVar[type[Any] | None] = SpanResult
    row_fields: ClassVar[tuple[str, ...]] = ("question", "context")

    def declared(self, own: Any) -> dict[str, Any]:
        columns = {"id": own.id, "question": own.question, "context": own.context, "answers": own.answers}
        return {"columns": columns, "labels": own.declared_labels()}

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:
        yield from [(("question",), own.question), (("context",), own.context)]

    def unfit_labels(self, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:  # noqa: ARG002
        if len(labels) > 1:
            yield f"span has one label where questions may have no answer, else none; not {len(labels)}"

    def rules(self, labels: Sequence[str], tags: Scheme | None, options: Mapping[str, Json]) -> Rules:  # noqa: ARG002
        return Rules(answerable=not labels)

    def parse(self, row: Row, reading: Reading) -> Example:
        context = reading.text(row, "context")
        name, question = str(reading.value(row, "id")), reading.text(row, "question")
        raw = reading.gold(row, "answers")
        if raw is None:
            return Example(name, question, context, None)
        answers = _answers(raw, row)
        for answer in answers:
            if not answer.text or context[answer.start : answer.start + len(answer.text)] != answer.text:
                found = context[max(answer.start, 0) : max(answer.start, 0) + len(answer.text)]
                raise DataError(
                    f"{row.where()}: question {name}: the answer {answer.text[:40]!r} is not at character "
                    f"{answer.start} of the context, {found[:40]!r} is; mend its answer_start"
                )
        if not answers and not reading.labels:
            raise DataError(
                f"{row.where()}: question {name} has no answer, but every question of this task needs one; "
                "a task with unanswerable questions says so with one label"
            )
        return Example(name, question, context, answers)

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],  # noqa: ARG002 - a span has positions, not labels
        max_length: int,
        stride: int,
    ) -> Features:
        contexts = tokenizer.pieces([item.context for item in examples], offsets=True)
        questions = tokenizer.pieces([item.question for item in examples])
        texts = [(questions[item.question], contexts[item.context]) for item in examples]
        borders = [_border(item) for item in examples]
        return Features(encode_windows(texts, borders, tokenizer, max_length, stride), columns=self.columns)

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        found = self.placed(outputs, features, examples, labels=labels)
        return [prediction for prediction, _ in found]

    def placed(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[tuple[dict[str, Json], tuple[int, int]]]:
        """Return one prediction per example, see `decode`, and which characters of the context it is."""
        shape = features.arrays["ids"].shape
        start, end = finite(outputs, "start", shape), finite(outputs, "end", shape)
        offsets, owner = features.arrays["offsets"], features.arrays["example"]
        best = [_Best() for _ in examples]
        for row in range(features.rows):
            window = slice(int(offsets[row]), int(offsets[row + 1]))
            borders = features.arrays["char_start"][window], features.arrays["char_end"][window]
            best[owner[row]].see(start[window], end[window], *borders)
        found = zip(best, examples, strict=True)
        return [(stretch.prediction(item, bool(labels)), stretch.borders) for stretch, item in found]

    def tune(self, predictions: Sequence[Any], examples: Sequence[Example], *, metric: str, language: str) -> float:
        """Return the threshold for no answer that gives a metric its best; of equally good ones that of fewest answers.

        Raises:
            DataError: the answers of an example are not known.

        Source: `find_best_thresh` of the official SQuAD v2.0 script, which takes the last kept value itself.
        """
        if any(item.answers is None for item in examples):
            raise DataError("the threshold for no answer cannot be tuned: some answers are not known")
        compare = self._metric(metric).for_task(Rules())  # v2.0's: only such a task has a threshold
        golds = [self.gold(item) or [] for item in examples]
        texts = [str(found["text"]) for found in predictions]
        said = [compare([text], [gold], language) for text, gold in zip(texts, golds, strict=True)]
        silent = [0.0 if gold else 100.0 for gold in golds]
        margins = [found["null_score"] - found["score"] for found in predictions]
        return _best_threshold(np.array(margins, np.float64), np.array(said) - np.array(silent))

    def cut(self, predictions: Sequence[Any], threshold: float) -> list[Json]:
        """Return the predictions with an empty text where the null score is above the answer's by more than that."""
        kept = [found["null_score"] - found["score"] <= threshold for found in predictions]
        return [
            {**found, "text": found["text"] if keep else "", "null_score": None}
            for found, keep in zip(predictions, kept, strict=True)
        ]

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[SpanResult]:
        found: list[Any] = self.placed(outputs, features, examples, labels=labels)
        return [
            SpanResult(self.answer(prediction), start, end, prediction["score"], prediction["null_score"])
            for prediction, (start, end) in found
        ]

    def shown_row(self, columns: Columns) -> str:  # noqa: ARG002
        return f'{{"question": "{QUESTION}", "context": "{CONTEXT}"}}'

    def shown_program(self, columns: Columns, cut: str) -> list[str]:  # noqa: ARG002
        return [
            f'question, context = "{QUESTION}", "{CONTEXT}"',
            'inputs = tokenizer(question, context, return_tensors="pt")',
            INFERENCE,
            "    found = model(**inputs)",
            "start = int(found.start_logits.argmax())",
            "end = start + int(found.end_logits[0, start:].argmax())",
            'print(tokenizer.decode(inputs["input_ids"][0, start : end + 1]))',
        ]

    def to_json(self, example: Example) -> dict[str, Json]:
        answers = example.answers
        return {
            "id": example.id,
            "question": example.question,
            "context": example.context,
            "answers": None if answers is None else [[answer.text, answer.start] for answer in answers],
        }

    def from_json(self, values: Mapping[str, Any]) -> Example:
        raw = values["answers"]
        answers = None if raw is None else tuple(Answer(text, start) for text, start in raw)
        return Example(values["id"], values["question"], values["context"], answers)

    def gold(self, example: Example) -> list[str] | None:
        return None if example.answers is None else [answer.text for answer in example.answers]

    def labels_of(self, gold: list[str]) -> list[str]:
        return ["answer" if gold else "no answer"]

    def answer(self, prediction: Any) -> str:
        null = prediction["null_score"]
        return "" if null is not None and null > prediction["score"] else str(prediction["text"])

    def group_of(self, example: Example) -> str:
        return example.context

    def texts_of(self, example: Example) -> tuple[str, ...]:
        return (example.context, example.question)

    def unlearnable(self, features: Features, examples: Sequence[Example]) -> dict[Reason, list[int]]:
        """Return the questions whose answer no window holds: all their windows are trained on as if there were none."""
        held = np.bincount(
            features.arrays["example"], weights=np.greater(features.arrays["start"], 0), minlength=len(examples)
        )
        lost = (number for number, item in enumerate(examples) if item.answers and not held[number])
        return {NO_WINDOW: list(lost)}

    def head_size(self, labels: tuple[str, ...]) -> int:  # noqa: ARG002 - always a start and an end
        return 2

    def same_outputs(self, labels: tuple[str, ...], others: tuple[str, ...]) -> bool:  # noqa: ARG002 - see head_size
        return True


class _Best:
    """The best stretch and the lowest null score of the windows of one question."""

    def __init__(self) -> None:
        self.score: float | None = None
        self.null = float("inf")
        self.borders = (0, 0)

    def see(
        self,
        start: npt.NDArray[Any],
        end: npt.NDArray[Any],
        char_start: npt.NDArray[Any],
        char_end: npt.NDArray[Any],
    ) -> None:
        """Look at one window: logits (T,), character borders (T,), -1 outside the context.

        Every pair start <= end of at most `ANSWER_TOKENS` tokens is compared, not only those of the n best
        starts and ends.
        """
        self.null = min(self.null, float(start[0]) + float(end[0]))
        tokens = np.flatnonzero(char_end > char_start)  # the context's, without bare spaces
        if not len(tokens):
            return
        first, last = int(tokens[0]), int(tokens[-1]) + 1
        usable = (char_end > char_start)[first:last]
        starts = np.where(usable, start[first:last], -np.inf).astype(np.float64)
        ends = np.where(usable, end[first:last], -np.inf).astype(np.float64)
        padded = np.concatenate([ends, np.full(ANSWER_TOKENS - 1, -np.inf)])
        reach = np.lib.stride_tricks.sliding_window_view(padded, ANSWER_TOKENS)  # (T, ANSWER_TOKENS)
        totals = starts + reach.max(axis=1)
        at = int(totals.argmax())
        if self.score is None or totals[at] > self.score:
            self.score = float(totals[at])
            self.borders = int(char_start[first + at]), int(char_end[first + at + int(reach[at].argmax())])

    def prediction(self, example: Example, may_be_none: bool) -> dict[str, Json]:
        score = self.null if self.score is None else self.score
        text = example.context[slice(*self.borders)]
        return {"text": text, "score": score, "null_score": self.null if may_be_none else None}


def _best_threshold(margins: npt.NDArray[np.float64], gains: npt.NDArray[np.float64]) -> float:
    """Return the margin up to which answers are kept so that the sum of what they gain over silence is highest.

    It lies in the middle between the last answer kept and the first one dropped; equal margins cannot be parted.

    Args:
        margins: Null score minus the answer's score, (questions,).
        gains: Score of the answer minus that of the empty text, (questions,).
    """
    order = np.argsort(margins, kind="stable")
    ordered, totals = margins[order], np.concatenate([[0.0], np.cumsum(gains[order])])
    possible = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1], [True]]))  # answers kept
    kept = int(possible[totals[possible].argmax()])
    if kept == 0:
        return float(np.nextafter(ordered[0], -np.inf))
    return float(ordered[-1] if kept == len(ordered) else (ordered[kept - 1] + ordered[kept]) / 2)


def _answers(raw: object, row: Row) -> tuple[Answer, ...]:
    """Return the answers of a row: lists of texts and starts, as `datasets` has them, or a list of both, as SQuAD."""
    pairs = _pairs(raw)
    found = [
        Answer(text, start) for text, at in pairs or () if isinstance(text, str) and (start := whole(at)) is not None
    ]
    if pairs is None or len(found) < len(pairs):
        shown = repr(raw)
        raise DataError(
            f"{row.where()}: the answers are {shown if len(shown) <= 60 else f'{shown[:57]}...'}; write texts, and the "
            "characters of the context where they begin, equally many: "
            '{"text": ["Paris"], "answer_start": [0]}, or [{"text": "Paris", "answer_start": 0}]; no answer is []'
        )
    return tuple(found)


def _pairs(raw: object) -> list[tuple[object, object]] | None:
    """Return each answer and where it begins, None where this is written in neither way."""
    if isinstance(raw, list | tuple):
        whole_ones = [one for one in raw if isinstance(one, Mapping) and {"text", "answer_start"} <= {*one}]
        return [(one["text"], one["answer_start"]) for one in whole_ones] if len(whole_ones) == len(raw) else None
    texts, starts = (raw.get("text"), raw.get("answer_start")) if isinstance(raw, Mapping) else (None, None)
    if not isinstance(texts, list | tuple) or not isinstance(starts, list | tuple) or len(texts) != len(starts):
        return None
    return list(zip(texts, starts, strict=True))


def _border(example: Example) -> tuple[int, int] | None:
    """Return the characters of the answer to learn, the first one, without white space at its ends.

    White space is no token of its own: it may begin a token, or be a bare "▁" that a prediction never begins with.
    (-1, -1) for no answer, None for no gold.
    """
    if example.answers is None:
        return None
    if not example.answers:
        return -1, -1
    text = example.answers[0].text
    start = example.answers[0].start + len(text) - len(text.lstrip())
    return start, start + len(text.strip())


KIND = Span()
