"""score: the predictions of a cell against gold: one record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layover import kinds
from layover.plan import Node
from layover.plan.inputs import ScoreInputs
from layover.records import Record, write_record
from layover.steps.context import Context, read_lines
from layover.steps.files import PREDICTIONS, RECORD
from layover.steps.tokenize import load_examples
from layover.store import Store


def run(node: Node, folder: Path, context: Context) -> None:
    """Score every language; one without gold is null, with the reason."""
    inputs: ScoreInputs = node.inputs
    scores: dict[str, dict[str, float] | None] = dict.fromkeys(inputs.absent)
    reasons, counts = dict(inputs.absent), {}
    for language, (predicted, data) in inputs.predictions.items():
        found, reason, count = _language(inputs, language, predicted, data, context.store)
        scores[language], counts[language] = found, count
        if reason:
            reasons[language] = reason
    record = Record(
        metrics=tuple(inputs.task.metrics),
        source_language=inputs.source_language,
        languages=dict(sorted(scores.items())),
        examples=dict(sorted(counts.items())),
        missing=dict(sorted(reasons.items())),
    )
    write_record(folder / RECORD, record)
    context.progress({"done": len(scores), "total": len(scores), "unit": "languages"})


def _language(
    inputs: ScoreInputs, language: str, predicted: str, data: str, store: Store
) -> tuple[dict[str, float] | None, str, int]:
    kind = kinds.get(inputs.task.kind)
    examples = load_examples(store, data, inputs.task.kind)
    predictions: list[Any] = read_lines(store.path(predicted) / PREDICTIONS)
    gold = sum(kind.has_gold(example) for example in examples)
    if gold < len(examples):  # a score over some of the examples would not be the task's
        return None, f"{gold} of {len(examples)} examples have gold" if gold else "no gold labels", len(examples)
    scores = kind.score(predictions, examples, metrics=tuple(inputs.task.metrics), language=language)
    return scores, "", len(examples)
