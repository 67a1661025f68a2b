"""score: scores of a cell's predictions against gold: a record, and the counts of gold and predicted labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from layover import kinds
from layover.breakdown import Breakdown, write_breakdown
from layover.errors import DataError, UndefinedError
from layover.kinds import Kind
from layover.kinds.retrieval import KIND, Example, SettledSearch, above, tune
from layover.label_counts import Counts, LabelCounts, count, write_counts
from layover.plan import Node
from layover.records import LabelThreshold, Layer, NoAnswerThresholds, Record, Retrieved, TagScheme, write_record
from layover.specs.score import Keys, ScoreSpec
from layover.steps.accounting import accounts_of, text_changes_of, without_gold
from layover.steps.artifacts import (
    BREAKDOWN,
    CLASSES,
    ITEMS,
    PREDICTIONS,
    RECORD,
    load_examples,
    load_rows,
    predictions_of,
    read_lines,
)
from layover.steps.breakdown import BreakdownCollector, ScoredLanguage
from layover.steps.context import Context
from layover.steps.items import Array, ItemNames, contributions_of, write_items
from layover.store import Store

Scores = dict[str, float]
"""Metric -> value."""

LayerScores = dict[int, tuple[Scores | None, float | None]]
"""Layer -> scores of a language (None without gold), and the threshold (None if no pairs are mined)."""


@dataclass
class CellScores:
    """The scores of one cell, language by language."""

    languages: dict[str, Scores | None]
    """Language -> scores; None without scores."""
    missing: dict[str, str]
    """Language -> the reason why it has no scores."""
    examples: dict[str, int] = field(default_factory=dict)
    no_answer: NoAnswerThresholds | None = None
    threshold: LabelThreshold | None = None
    retrieval: Retrieved | None = None
    counts: dict[str, Counts] = field(default_factory=dict)
    """Language -> counts of the labels; empty if answers are not labels."""
    items: dict[str, Array] = field(default_factory=dict)
    """Language -> what groups of items contribute to each score."""
    breakdown: Breakdown = field(default_factory=Breakdown)
    """The parts of the scores; empty for a search."""


def run(node: Node[ScoreSpec], folder: Path, context: Context) -> None:
    """Write the scores of every language; a language without gold is null, with the reason."""
    spec, store = node.spec, context.store
    outcome = head_scores(spec, store) if spec.search is None else search_scores(spec, spec.search, store)
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
        rows=accounts_of(spec, store),
        perturbed=text_changes_of(spec, store),
    )
    write_record(folder / RECORD, record)
    write_items(folder / ITEMS, outcome.items)
    write_breakdown(folder / BREAKDOWN, outcome.breakdown)
    if kinds.get(spec.kind).classes:
        write_counts(folder / CLASSES, LabelCounts(languages=dict(sorted(outcome.counts.items()))))
    context.progress({"done": len(record.languages), "total": len(record.languages), "unit": "languages"})


def head_scores(spec: ScoreSpec, store: Store) -> CellScores:
    """Return the scores of a head's predictions in every language."""
    outcome = CellScores(dict.fromkeys(spec.absent), dict(spec.absent))
    thresholds = _thresholds(spec, store)
    if spec.no_answer is not None and kinds.get(spec.kind).label_threshold is not None:
        outcome.threshold = LabelThreshold(tuned_on=spec.no_answer.tuned_on, thresholds=thresholds)
    elif spec.no_answer is not None:
        outcome.no_answer = NoAnswerThresholds(tuned_on=spec.no_answer.tuned_on, thresholds=thresholds)
    names = _names(spec, store)
    collector = BreakdownCollector(kinds.get(spec.kind), spec.metrics, spec.rules, spec.source_language)
    for language in spec.predictions:
        _score(spec, language, thresholds, names, store, outcome, collector)
    outcome.breakdown = collector.breakdown()
    return outcome


def _names(spec: ScoreSpec, store: Store) -> ItemNames:
    return ItemNames({language: load_rows(store, data) for language, (_, data) in spec.predictions.items()})


def _thresholds(spec: ScoreSpec, store: Store) -> dict[str, float]:
    """Return language -> threshold for no answer, or for labels; without languages that lack gold to tune it on."""
    rule, kind = spec.no_answer, kinds.get(spec.kind)
    if rule is None:
        return {}
    if rule.value is not None:
        return dict.fromkeys(sorted(spec.predictions), rule.value)
    tuned: dict[Keys, float] = {}
    for language, keys in rule.tuned.items():
        if keys in tuned:  # the same predictions for all languages
            continue
        predictions, examples = _load(keys, spec.kind, store)
        if all(kind.has_gold(example) for example in examples):
            tuned_in = rule.language or language
            tuned[keys] = kind.tune(predictions, examples, metric=rule.metric, language=tuned_in, rules=spec.rules)
    return {language: tuned[keys] for language, keys in sorted(rule.tuned.items()) if keys in tuned}


def _score(
    spec: ScoreSpec,
    language: str,
    thresholds: dict[str, float],
    names: ItemNames,
    store: Store,
    outcome: CellScores,
    collector: BreakdownCollector,
) -> None:
    """Add the scores of a language to the outcome, or the reason why there are none."""
    kind = kinds.get(spec.kind)
    predictions, examples = _load(spec.predictions[language], spec.kind, store)
    gold = sum(kind.has_gold(example) for example in examples)
    outcome.languages[language], outcome.examples[language] = None, len(examples)
    if gold < len(examples):  # a score of some examples is not a score of the task
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
    items = names.of(language, kind, examples)
    outcome.items[language] = contributions_of(
        kind, predictions, examples, items, metrics=spec.metrics, language=language, rules=spec.rules
    )
    collector.add(language, ScoredLanguage(predictions, examples, names.rows[language], names.own(language)))
    if kind.classes:
        outcome.counts[language] = count(_labels(kind, predictions, examples))


def _labels(kind: Kind[Any], predictions: Sequence[Any], examples: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Yield each gold label with the predicted label, for each example, or in tagging for each word."""
    for prediction, example in zip(predictions, examples, strict=True):
        gold, predicted = kind.labels_of(kind.gold(example)), kind.labels_of(kind.answer(prediction))
        yield from zip(gold, predicted, strict=True)


def _load(keys: Keys, kind: str, store: Store) -> tuple[list[Any], list[Any]]:
    """Return predictions and examples."""
    predicted, data = keys
    return read_lines(store.path(predicted) / PREDICTIONS), load_examples(store, data, kind)


def search_scores(spec: ScoreSpec, search: SettledSearch, store: Store) -> CellScores:
    """Return the scores of the matches in every language, for the declared or chosen layer.

    Raises:
        DataError: gold should choose the layer, and there is no gold.
    """
    by_language: dict[str, LayerScores] = {}
    counts: dict[str, int] = {}
    reasons = dict(spec.absent)
    for language in spec.predictions:
        by_language[language], reason, counts[language] = _language(spec, search, language, store)
        if reason:
            reasons[language] = reason
    validation = {language: _validated(spec, search, language, store) for language in spec.choosing()}
    layers = {layer: _layer(layer, by_language, validation) for layer in search.layers}
    layer = _chosen(search.layer, layers, spec)
    languages: dict[str, Scores | None] = {**dict.fromkeys(reasons), **layers[layer].languages}
    retrieved = Retrieved(
        layer=layer,
        layer_chosen_on=search.layer if isinstance(search.layer, str) else None,
        special_tokens=search.special_tokens,
        scoring=search.scoring,
        threshold_tuned_on=search.threshold,
        thresholds=layers[layer].thresholds,
        layers=layers if len(layers) > 1 else {},
    )
    items = _items(spec, search, layers[layer], layer, store)
    return CellScores(languages, reasons, counts, retrieval=retrieved, items=items)


def _items(spec: ScoreSpec, search: SettledSearch, scored: Layer, layer: int, store: Store) -> dict[str, Array]:
    """Return what groups of sentences contribute to the scores of a layer."""
    names, contributed = _names(spec, store), {}
    for language in scored.languages:
        split = _Split(store, search, spec.predictions[language])
        predictions = split.predictions(layer)
        if (threshold := scored.thresholds.get(language)) is not None:
            predictions = above(predictions, threshold)
        contributed[language] = contributions_of(
            KIND,
            predictions,
            split.examples,
            names.of(language, KIND, split.examples),
            metrics=spec.metrics,
            language=language,
            rules=spec.rules,
        )
    return contributed


def _language(spec: ScoreSpec, search: SettledSearch, language: str, store: Store) -> tuple[LayerScores, str, int]:
    """Return the scores of a language, the reason if it has none, and the number of gold pairs.

    A threshold is also tuned if the scored split has no gold, because a submission of blind data needs it.
    """
    split, tuning = _Split(store, search, spec.predictions[language]), None
    reason, count = "", len(split.examples)
    if split.gold < count:
        reason = without_gold(spec, language, split.gold, count, store)
    if spec.threshold is not None:
        tuning = _Split(store, search, spec.threshold[language])
        if tuning.gold < len(tuning.examples):
            return {}, reason or "no gold to tune the threshold on", count
    layers = _layer_scores(spec, search, language, split, tuning)
    return layers, reason, count if reason else KIND.scored(split.examples)


def _validated(spec: ScoreSpec, search: SettledSearch, language: str, store: Store) -> LayerScores:
    """Return the scores on the validation split, with its own threshold; empty without gold."""
    split = _Split(store, search, spec.choosing()[language])
    if split.gold < len(split.examples):
        return {}
    return _layer_scores(spec, search, language, split, split if search.threshold is not None else None)


class _Split:
    """The examples of a split and language, and their predictions by each layer."""

    def __init__(self, store: Store, search: SettledSearch, keys: Keys) -> None:
        predicted, data = keys
        self._folder, self._layers = store.path(predicted), search.layers
        self.examples: list[Example] = load_examples(store, data, KIND.name)
        self.gold = sum(KIND.has_gold(example) for example in self.examples)

    def predictions(self, layer: int) -> list[Any]:
        return read_lines(self._folder / predictions_of(layer, self._layers))


def _layer_scores(
    spec: ScoreSpec, search: SettledSearch, language: str, split: _Split, tuning: _Split | None
) -> LayerScores:
    layers: LayerScores = {}
    for layer in search.layers:
        predictions, threshold = split.predictions(layer), None
        if tuning is not None:
            threshold = tune(tuning.predictions(layer), tuning.examples, search.scoring)
            predictions = above(predictions, threshold)
        scores = None
        if split.gold == len(split.examples):
            metrics = spec.metrics
            scores = KIND.score(predictions, split.examples, metrics=metrics, language=language)
        layers[layer] = scores, threshold
    return layers


def _layer(layer: int, by_language: Mapping[str, LayerScores], validation: Mapping[str, LayerScores]) -> Layer:
    here = {language: values[layer] for language, values in sorted(by_language.items()) if values}
    known = {language: values[layer][0] for language, values in sorted(validation.items()) if values}
    return Layer(
        languages={language: scores for language, (scores, _) in here.items() if scores is not None},
        thresholds={language: threshold for language, (_, threshold) in here.items() if threshold is not None},
        validation={language: scores for language, scores in known.items() if scores is not None},
    )


def _chosen(wanted: int | str, layers: Mapping[int, Layer], spec: ScoreSpec) -> int:
    """Return the declared layer, else the layer with the best mean over languages (of equal layers the lowest)."""
    if isinstance(wanted, int):
        return wanted
    means = {}
    for number, layer in layers.items():
        by_language = layer.validation if wanted == "validation" else layer.languages
        if not by_language:
            raise DataError(f"{spec.name}: no language has gold to choose the layer; set retrieval.layer to a number")
        means[number] = fmean(scores[spec.metric] for scores in by_language.values())
    return max(means, key=lambda number: (means[number], -number))
