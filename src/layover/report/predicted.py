"""The predictions of a finished cell, row by row: with the id, the gold and the score of each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from layover import kinds
from layover.errors import LayoverError
from layover.identity import Json
from layover.kinds import RowScore
from layover.kinds.retrieval import above
from layover.plan import Cell
from layover.records import Record, read_record
from layover.specs.score import ScoreSpec
from layover.steps.artifacts import PREDICTIONS, RECORD, load_examples, load_rows, predictions_of, read_lines
from layover.store import Store

AXES = ("model", "method", "intermediate", "target", "seed")
FIELDS = (*AXES, "split", "language", "id", "where", "prediction", "gold")
"""The fields of every prediction; `id` is the id in the data, or file and line. In retrieval it is the id of a sentence
on its side; `side` is one of the fields of the kind."""


@dataclass(frozen=True)
class PredictedRow:
    """The prediction of one row."""

    id: Json
    """The id in the data, or file and line."""
    where: str
    """File and line."""
    answer: Any
    gold: Json
    """None if there is no gold, or if the text is its own gold."""
    has_gold: bool
    score: RowScore | None
    """None without gold, or if nothing in the row is scored."""
    scores: Mapping[str, Json]
    """Field -> value of the score; every value is None without a score."""
    fields: Mapping[str, Json]
    """The other fields of the row, its texts among them."""


@dataclass(frozen=True)
class Predicted:
    """The answers of a finished cell."""

    cell: Cell
    scored: ScoreSpec
    store: Store
    record: Record

    @classmethod
    def of(cls, cell: Cell, scored: ScoreSpec, store: Store) -> Self:
        """Return the predictions of a cell.

        Raises:
            LayoverError: the cell is not finished.
        """
        if not store.has(cell.score):
            raise LayoverError(f"{cell.label} is not finished; run the recipe first")
        return cls(cell, scored, store, read_record(store.path(cell.score) / RECORD))

    def answers(self, language: str) -> tuple[list[Any], Sequence[Any]]:
        """Return the answers of a language, in the form for metrics, and its examples.

        Raises:
            LayoverError: the answers depend on a threshold, and the language has none.
        """
        scored, record, kind = self.scored, self.record, kinds.get(self.scored.kind)
        predicted, data = scored.predictions[language]
        file = PREDICTIONS
        if record.retrieval is not None and scored.search is not None:
            file = predictions_of(record.retrieval.layer, scored.search.layers)
        predictions = read_lines(self.store.path(predicted) / file)
        if record.retrieval is not None and language in record.retrieval.thresholds:
            predictions = above(predictions, record.retrieval.thresholds[language])
        elif (threshold := record.cut_at(language)) is not None:
            predictions = kind.cut(predictions, threshold)
        elif scored.no_answer is not None or scored.threshold is not None:
            raise LayoverError(f"{self.cell.label}: {language}: {record.missing.get(language, 'no threshold')}")
        return [kind.answer(prediction) for prediction in predictions], load_examples(self.store, data, kind.name)

    def rows(self, language: str) -> Iterator[PredictedRow]:
        """Yield the predictions of a language, in the order of the data.

        Raises:
            LayoverError: the answers depend on a threshold that the language lacks.
        """
        scored, kind = self.scored, kinds.get(self.scored.kind)
        data = scored.predictions[language][1]
        answers, examples = self.answers(language)
        blank = dict.fromkeys(kind.row_score_fields(scored.metrics))
        for row, answer, example in zip(load_rows(self.store, data), answers, examples, strict=True):
            fields = kind.to_json(example)
            gold = None if kind.gold_field is None else fields.pop(kind.gold_field, None)
            own = fields.pop("id", row["where"] if row["id"] is None else row["id"])
            has_gold, score = kind.has_gold(example), None
            if has_gold:
                metrics, rules = scored.metrics, scored.rules
                score = kind.row_score(answer, example, metrics=metrics, language=language, rules=rules)
            values = {**blank, **(score.values if score is not None else {})}
            yield PredictedRow(own, row["where"], answer, gold, has_gold, score, values, fields)

    def line(self, language: str, row: PredictedRow) -> dict[str, Any]:
        """Return a row as an object: `FIELDS`, then the fields of its score and of its kind."""
        axes = (getattr(self.cell, name) for name in AXES)
        values = (*axes, self.scored.split, language, row.id, row.where, row.answer, row.gold)
        return {**dict(zip(FIELDS, values, strict=True)), **row.scores, **row.fields}

    def lines(self, language: str) -> Iterator[dict[str, Any]]:
        """Yield the predictions of a language as objects, see `line`.

        Raises:
            LayoverError: the language has no predictions with ids, see `rows`.
        """
        return (self.line(language, row) for row in self.rows(language))
