"""score: the predictions of a cell against gold: one record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layover import kinds
from layover.kinds import span
from layover.plan import Node
from layover.plan.inputs import ScoreInputs, Threshold
from layover.records import NoAnswer, Record, TagScheme, write_record
from layover.steps import searched
from layover.steps.accounting import accounts_of, without_gold
from layover.steps.context import Context, read_lines
from layover.steps.files import PREDICTIONS, RECORD
from layover.steps.tokenize import load_examples
from layover.store import Store
from layover.tasks import Task


def run(node: Node, folder: Path, context: Context) -> None:
    """Score every language; one without gold is null, with the reason."""
    inputs: ScoreInputs = node.inputs
    if inputs.search is not None:
        found = searched.record_of(inputs, inputs.search, context.store)
        write_record(folder / RECORD, found)
        context.progress({"done": len(found.languages), "total": len(found.languages), "unit": "languages"})
        return
    scores: dict[str, dict[str, float] | None] = dict.fromkeys(inputs.absent)
    reasons, counts = dict(inputs.absent), {}
    thresholds = _thresholds(inputs, inputs.threshold, context.store)
    for language in inputs.predictions:
        values, reason, count = _language(inputs, language, thresholds, context.store)
        scores[language], counts[language] = values, count
        if reason:
            reasons[language] = reason
    record = Record(
        metrics=tuple(inputs.task.metrics),
        source_language=inputs.source_language,
        languages=dict(sorted(scores.items())),
        examples=dict(sorted(counts.items())),
        missing=dict(sorted(reasons.items())),
        no_answer=None
        if inputs.threshold is None
        else NoAnswer(tuned_on=inputs.threshold.tuned_on, thresholds=thresholds),
        language_adapters=inputs.language_adapters,
        tags=_tags(inputs.task),
        sources=inputs.sources,
        rows=accounts_of(inputs, context.store),
    )
    write_record(folder / RECORD, record)
    context.progress({"done": len(scores), "total": len(scores), "unit": "languages"})


def _tags(task: Task) -> TagScheme | None:
    tags = task.tags()
    return None if tags is None else TagScheme(scheme=tags.name, written=tags.sample, outside=tags.outside)


def _thresholds(inputs: ScoreInputs, how: Threshold | None, store: Store) -> dict[str, float]:
    """Return the threshold for no answer by language; nothing for a language without gold to tune it on."""
    if how is None:
        return {}
    if how.value is not None:
        return dict.fromkeys(sorted(inputs.predictions), how.value)
    found: dict[tuple[str, str], float] = {}
    for language, keys in how.predictions.items():
        if keys in found:  # the same predictions for all languages
            continue
        predictions, examples = _load(keys, inputs.task.kind, store)
        if all(span.KIND.has_gold(example) for example in examples):
            tuned_in = how.language or language
            found[keys] = span.KIND.tune(predictions, examples, metric=inputs.metric, language=tuned_in)
    return {language: found[keys] for language, keys in sorted(how.predictions.items()) if keys in found}


def _language(
    inputs: ScoreInputs, language: str, thresholds: dict[str, float], store: Store
) -> tuple[dict[str, float] | None, str, int]:
    """Return scores, the reason why there are none, and the number of examples."""
    kind = kinds.get(inputs.task.kind)
    predictions, examples = _load(inputs.predictions[language], inputs.task.kind, store)
    gold = sum(kind.has_gold(example) for example in examples)
    if gold < len(examples):  # a score over some of the examples would not be the task's
        return None, without_gold(inputs, language, gold, len(examples), store), len(examples)
    if inputs.threshold is not None:
        if language not in thresholds:
            return None, "no gold to tune the threshold on", len(examples)
        predictions = span.KIND.cut(predictions, thresholds[language])
    task = inputs.task
    scores = kind.score(predictions, examples, metrics=task.metrics, language=language, rules=task.rules())
    return scores, "", kind.scored(examples)


def _load(keys: tuple[str, str], kind: str, store: Store) -> tuple[list[Any], list[Any]]:
    """Return predictions and examples."""
    predicted, data = keys
    return read_lines(store.path(predicted) / PREDICTIONS), load_examples(store, data, kind)
