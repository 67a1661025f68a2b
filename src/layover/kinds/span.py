"""Extractive question answering: the answer is a span of the context; SQuAD, XQuAD, MLQA, TyDi QA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover import metrics as registry
from layover.data.augment import Substitution
from layover.data.features import Column, Features
from layover.data.formats import Row
from layover.data.reading import Columns, Reading
from layover.data.tally import NO_WINDOW, Reason
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._answers import INFERENCE
from layover.kinds._arrays import finite
from layover.kinds._keys import IdKeys, Keys, LabelsKeys, Path
from layover.kinds._kind import Kind
from layover.kinds._row_score import RIGHT, RowScore, right_or_wrong
from layover.kinds._span_answers import Answer, BestSpan, Example, answers_of, best_threshold, border
from layover.kinds._submission import SpanSubmission, Submission
from layover.kinds._windows import encode_windows
from layover.layouts.heads import HeadForm
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._scheme import Scheme
from layover.perturbations import Perturber

QUESTION = "Where did Adam Weber dance?"
CONTEXT = "Eva slept in Nairobi. Adam Weber danced in London."
"""Invented, for a model card."""


@dataclass(frozen=True, slots=True)
class SpanResult:
    """The predicted answer to a question."""

    text: str
    """The answer; empty if `null_score` is above `score`: the question then more likely has no answer."""
    start: int
    """The first character of the best span in the context; also given if `text` is empty."""
    end: int
    """The character after the best span: `context[start:end]`."""
    score: float
    """The score of the best span: the sum of two logits, not a probability."""
    null_score: float | None
    """The score of no answer, comparable with `score`; None if all questions of the task have an answer."""


class SpanKeys(Keys):
    """The columns of questions, contexts and answers."""

    question: str = "question"
    context: str = "context"
    answers: str = "answers"


class Span(Kind[Example]):
    """One row `question, window of the context` per window; a prediction is the best span of all windows.

    A task whose questions may have no answer has one label, for example `("no answer",)`. Then a prediction also has a
    null score: the score of a start and an end at `<s>`. The answer is empty if the null score exceeds the score of the
    best span by more than a threshold. The threshold is 0, unless `cut` applies another one.
    """

    name: ClassVar[str] = "span"
    asks_of_context: ClassVar[bool] = True
    in_parts: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 230
    windowed: ClassVar[bool] = True
    substitutes: ClassVar[bool] = True
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
    submission: ClassVar[Submission | None] = SpanSubmission()
    averaged: ClassVar[bool] = True
    result: ClassVar[type[Any] | None] = SpanResult
    row_fields: ClassVar[tuple[str, ...]] = ("question", "context")

    def declared(self, own: Any) -> dict[str, Any]:
        columns = {"id": own.id, "question": own.question, "context": own.context, "answers": own.answers}
        return {"columns": columns, "labels": own.declared_labels(), "meanings": own.meanings}

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:
        yield from [(("question",), own.question), (("context",), own.context)]

    def unfit_labels(self, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:  # noqa: ARG002
        if len(labels) > 1:
            yield f"there are {len(labels)} labels, but span needs one if questions may have no answer, else none"

    def rules(self, labels: Sequence[str], tags: Scheme | None, options: Mapping[str, Json]) -> Rules:  # noqa: ARG002
        return Rules(answerable=not labels)

    def parse(self, row: Row, reading: Reading) -> Example:
        context = reading.text(row, "context")
        name, question = str(reading.value(row, "id")), reading.text(row, "question")
        raw = reading.gold(row, "answers")
        if raw is None:
            return Example(name, question, context, None)
        answers = answers_of(raw, row)
        for answer in answers:
            if not answer.text or context[answer.start : answer.start + len(answer.text)] != answer.text:
                actual = context[max(answer.start, 0) : max(answer.start, 0) + len(answer.text)]
                raise DataError(
                    f"{row.where()}: question {name}: the answer {answer.text[:40]!r} is not at character "
                    f"{answer.start} of the context, {actual[:40]!r} is; correct its answer_start"
                )
        if not answers and not reading.labels:
            raise DataError(
                f"{row.where()}: question {name} has no answer, but every question of this task needs an answer; "
                "give the task one label if questions may have no answer"
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
        borders = [border(item) for item in examples]
        return Features(encode_windows(texts, borders, tokenizer, max_length, stride), columns=self.columns)

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        placed = self.placed(outputs, features, examples, labels=labels)
        return [prediction for prediction, _ in placed]

    def placed(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[tuple[dict[str, Json], tuple[int, int]]]:
        """Return one prediction per example, as `decode` does, and its characters in the context."""
        shape = features.arrays["ids"].shape
        start, end = finite(outputs, "start", shape), finite(outputs, "end", shape)
        offsets, owner = features.arrays["offsets"], features.arrays["example"]
        best = [BestSpan() for _ in examples]
        for row in range(features.rows):
            window = slice(int(offsets[row]), int(offsets[row + 1]))
            borders = features.arrays["char_start"][window], features.arrays["char_end"][window]
            best[owner[row]].see(start[window], end[window], *borders)
        pairs = zip(best, examples, strict=True)
        return [(stretch.prediction(item, bool(labels)), stretch.borders) for stretch, item in pairs]

    def tune(
        self,
        predictions: Sequence[Any],
        examples: Sequence[Example],
        *,
        metric: str,
        language: str,
        rules: Rules = NO_RULES,  # noqa: ARG002 - the rules of SQuAD v2.0 apply, see below
    ) -> float:
        """Return the threshold for no answer with the best value of a metric; a tie keeps the fewest answers.

        Raises:
            DataError: the answers of an example are unknown.

        Source: `find_best_thresh` of the official SQuAD v2.0 script, which uses the margin of the last kept answer.
        """
        if any(item.answers is None for item in examples):
            raise DataError("the threshold for no answer cannot be tuned, because some answers are unknown")
        # SQuAD v2.0: only tasks with unanswerable questions have a threshold
        compare = self._metric(metric).for_task(Rules())
        golds = [self.gold(item) or [] for item in examples]
        texts = [str(prediction["text"]) for prediction in predictions]
        answered = [compare([text], [gold], language) for text, gold in zip(texts, golds, strict=True)]
        silent = [0.0 if gold else 100.0 for gold in golds]
        margins = [prediction["null_score"] - prediction["score"] for prediction in predictions]
        return best_threshold(np.array(margins, np.float64), np.array(answered) - np.array(silent))

    def cut(self, predictions: Sequence[Any], threshold: float) -> list[Json]:
        """Return the predictions, with an empty text if the null score exceeds the score by more than a threshold."""
        kept = [prediction["null_score"] - prediction["score"] <= threshold for prediction in predictions]
        return [
            {**prediction, "text": prediction["text"] if keep else "", "null_score": None}
            for prediction, keep in zip(predictions, kept, strict=True)
        ]

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[SpanResult]:
        placed: list[Any] = self.placed(outputs, features, examples, labels=labels)
        return [
            SpanResult(self.answer(prediction), start, end, prediction["score"], prediction["null_score"])
            for prediction, (start, end) in placed
        ]

    def shown_row(self, columns: Columns) -> str:  # noqa: ARG002
        return f'{{"question": "{QUESTION}", "context": "{CONTEXT}"}}'

    def shown_program(self, columns: Columns, cut: str) -> list[str]:  # noqa: ARG002
        return [
            f'question, context = "{QUESTION}", "{CONTEXT}"',
            'inputs = tokenizer(question, context, return_tensors="pt")',
            INFERENCE,
            "    outputs = model(**inputs)",
            "start = int(outputs.start_logits.argmax())",
            "end = start + int(outputs.end_logits[0, start:].argmax())",
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

    def row_score_fields(self, metrics: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in metrics if registry.get(name).per_row) or (RIGHT,)

    def row_score(
        self,
        answer: Any,
        example: Example,
        *,
        metrics: Sequence[str],
        language: str,
        rules: Rules = NO_RULES,
    ) -> RowScore:
        """Return the task's metrics of this answer alone, in percent; without a metric for rows, whether it is gold."""
        gold = self.gold(example) or []
        rated = [self._metric(name) for name in metrics if registry.get(name).per_row]
        if not rated:
            return right_or_wrong(answer in gold if gold else not answer)
        values = {metric.name: metric.for_task(rules)([answer], [gold], language) for metric in rated}
        return RowScore(100.0 - fmean(values.values()), dict(values))

    def group_of(self, example: Example) -> str:
        return example.context

    def texts_of(self, example: Example) -> tuple[str, ...]:
        return (example.context, example.question)

    def substituted(self, example: Example, draw: Substitution) -> Example:
        """Return an example with other words outside its answers, which move with the text before them."""
        answers = example.answers or ()
        spans = [(answer.start, answer.start + len(answer.text)) for answer in answers]
        context, starts = draw.around("context", example.context, spans)
        moved = tuple(replace(answer, start=start) for answer, start in zip(answers, starts, strict=True))
        question = draw.text("question", example.question)
        return replace(example, question=question, context=context, answers=None if example.answers is None else moved)

    perturbed: ClassVar[str] = "the question, and the context outside of all gold answers"

    def perturb(self, example: Example, by: Perturber) -> Example:
        answers = example.answers or ()
        spans = [(answer.start, answer.start + len(answer.text)) for answer in answers]
        context, starts = by.around("context", example.context, spans)
        moved = [replace(answer, start=start) for answer, start in zip(answers, starts, strict=True)]
        question = by.text("question", example.question)
        return Example(example.id, question, context, None if example.answers is None else tuple(moved))

    def answer_windows(self, features: Features, examples: Sequence[Example]) -> list[int | None]:
        windows: list[int | None] = [None] * len(examples)
        owner, starts = features.arrays["example"], features.arrays["start"]
        first = np.searchsorted(owner, np.arange(len(examples)))
        for row in np.flatnonzero(np.greater(starts, 0))[::-1].tolist():  # backwards, so that the first window stays
            windows[owner[row]] = row - int(first[owner[row]])
        return windows

    def unlearnable(self, features: Features, examples: Sequence[Example]) -> dict[Reason, list[int]]:
        """Return the questions whose answer fits in no window. They are trained on as questions without an answer."""
        held = np.bincount(
            features.arrays["example"], weights=np.greater(features.arrays["start"], 0), minlength=len(examples)
        )
        lost = (number for number, item in enumerate(examples) if item.answers and not held[number])
        return {NO_WINDOW: list(lost)}

    def head_size(self, labels: tuple[str, ...]) -> int:  # noqa: ARG002 - always a start and an end
        return 2

    def same_outputs(self, labels: tuple[str, ...], others: tuple[str, ...]) -> bool:  # noqa: ARG002 - see head_size
        return True


KIND = Span()
