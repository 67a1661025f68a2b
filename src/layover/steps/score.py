"""score: the predictions of a cell against gold: one record, and how often each label is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from layover import kinds
from layover.errors import UndefinedError
from layover.kinds import Kind
from layover.label_counts import LabelCounts, count, write_counts
from layover.plan import Node
from layover.records import LabelThreshold, NoAnswerThresholds, Record, TagScheme, write_record
from layover.specs.score import Keys, ScoreSpec
from layover.steps.accounting import accounts_of, without_gold
from layover.steps.context import Context, read_lines
from layover.steps.files import CLASSES, PREDICTIONS, RECORD
from layover.steps.outcome import Outcome
from layover.steps.searched import searched
from layover.steps.tokenize import load_examples
from layover.store import Store


def run(node: Node[ScoreSpec], folder: Path, context: Context) -> None:
    """Score every language; one without gold is null, with the reason."""
    spec = node.spec
    outcome = answered(spec, context.store) if spec.search is None else searched(spec, spec.search, context.store)
    tags = spec.rules.tags
    record = Record(
        metrics=spec.metrics,
        source_language=spec.source_language,
        languages=dict(sorted(outcome.languages.items())),
        examples=dict(sorted(outcome.examples.items())),
        missing=dict(sorted(outcome.missing.items())),
        no_answer=outcome.no_answer,
        threshold=outcome.threshold,
        retrieval=outcome.retrieval,
        language_adapters=spec.language_adapters,
        tags=None if tags is None else TagScheme(scheme=tags.name, written=tags.sample, outside=tags.outside),
        sources=spec.sources,
        rows=accounts_of(spec, context.store),
    )
    write_record(folder / RECORD, record)
    if kinds.get(spec.kind).classes:
        write_counts(folder / CLASSES, LabelCounts(languages=dict(sorted(outcome.counts.items()))))
    context.progress({"done": len(record.languages), "total": len(record.languages), "unit": "languages"})


def answered(spec: ScoreSpec, store: Store) -> Outcome:
    """Return what a head's answers are worth in every language."""
    outcome = Outcome(dict.fromkeys(spec.absent), dict(spec.absent))
    thresholds = _thresholds(spec, store)
    if spec.no_answer is not None and kinds.get(spec.kind).label_threshold is not None:
        outcome.threshold = LabelThreshold(tuned_on=spec.no_answer.tuned_on, thresholds=thresholds)
    elif spec.no_answer is not None:
        outcome.no_answer = NoAnswerThresholds(tuned_on=spec.no_answer.tuned_on, thresholds=thresholds)
    for language in spec.predictions:
        _score(spec, language, thresholds, store, outcome)
    return outcome


def _thresholds(spec: ScoreSpec, store: Store) -> dict[str, float]:
    """Return the threshold for no answer, or for labels, by language; nothing where there is no gold to tune it on."""
    how, kind = spec.no_answer, kinds.get(spec.kind)
    if how is None:
        return {}
    if how.value is not None:
        return dict.fromkeys(sorted(spec.predictions), how.value)
    tuned: dict[Keys, float] = {}
    for language, keys in how.tuned.items():
        if keys in tuned:  # the same predictions for all languages
            continue
        predictions, examples = _load(keys, spec.kind, store)
        if all(kind.has_gold(example) for example in examples):
            tuned_in = how.language or language
            tuned[keys] = kind.tune(predictions, examples, metric=how.metric, language=tuned_in, rules=spec.rules)
    return {language: tuned[keys] for language, keys in sorted(how.tuned.items()) if keys in tuned}


def _score(spec: ScoreSpec, language: str, thresholds: dict[str, float], store: Store, outcome: Outcome) -> None:
    """Put the scores of a language into the outcome, or the reason why there are none."""
    kind = kinds.get(spec.kind)
    predictions, examples = _load(spec.predictions[language], spec.kind, store)
    gold = sum(kind.has_gold(example) for example in examples)
    outcome.languages[language], outcome.examples[language] = None, len(examples)
    if gold < len(examples):  # a score over some of the examples would not be the task's
        outcome.missing[language] = without_gold(spec, language, gold, len(examples), store)
        return
    if spec.no_answer is not None:
        if language not in thresholds:
            outcome.missing[language] = "no gold to tune the threshold on"
            return
        predictions = kind.cut(predictions, thresholds[language])
    try:
        scores = kind.score(predictions, examples, metrics=spec.metrics, language=language, rules=spec.rules)
    except UndefinedError as error:
        outcome.missing[language] = str(error)
        return
    outcome.languages[language], outcome.examples[language] = scores, kind.scored(examples)
    if kind.classes:
        outcome.counts[language] = count(_labels(kind, predictions, examples))


def _labels(kind: Kind[Any], predictions: Sequence[Any], examples: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Yield each gold label with the predicted one: of the examples, for tagging of their words."""
    for prediction, example in zip(predictions, examples, strict=True):
        wanted, said = kind.labels_of(kind.gold(example)), kind.labels_of(kind.answer(prediction))
        yield from zip(wanted, said, strict=True)


def _load(keys: Keys, kind: str, store: Store) -> tuple[list[Any], list[Any]]:
    """Return predictions and examples."""
    predicted, data = keys
    return read_lines(store.path(predicted) / PREDICTIONS), load_examples(store, data, kind)
