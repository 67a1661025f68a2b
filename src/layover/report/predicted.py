"""The predictions of a finished cell, with the id of each example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from layover import kinds
from layover.errors import LayoverError
from layover.kinds.retrieval import above
from layover.plan import Cell
from layover.records import Record, read_record
from layover.specs.score import ScoreSpec
from layover.steps.artifacts import PREDICTIONS, RECORD, ROWS, load_examples, load_rows, predictions_of, read_lines
from layover.store import Store

FIELDS = ("model", "method", "intermediate", "target", "seed", "split", "language", "id", "where", "prediction", "gold")
"""The fields of every prediction; `id` is the id in the data, or file and line. In retrieval it is the id of a sentence
on its side; `side` is one of the fields of the kind."""


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

    def lines(self, language: str) -> Iterator[dict[str, Any]]:
        """Yield the predictions of a language: `FIELDS`, then the fields of the kind.

        Raises:
            LayoverError: see `answers`; or the data were tokenized before ids were kept.
        """
        data, kind = self.scored.predictions[language][1], kinds.get(self.scored.kind)
        if not (self.store.path(data) / ROWS).is_file():
            raise LayoverError(f"{self.cell.label}: {language}: its data have no ids; run the recipe again")
        answers, examples = self.answers(language)
        axes = (self.cell.model, self.cell.method, self.cell.intermediate, self.cell.target, self.cell.seed)
        for row, answer, example in zip(load_rows(self.store, data), answers, examples, strict=True):
            fields = kind.to_json(example)
            own = row["id"] if row["id"] is not None else row["where"]
            gold = None if kind.gold_field is None else fields.pop(kind.gold_field, None)
            own = fields.pop("id", own)
            values = (*axes, self.scored.split, language, own, row["where"], answer, gold)
            yield {**dict(zip(FIELDS, values, strict=True)), **fields}
