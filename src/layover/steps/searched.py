"""score, for retrieval: thresholds, every layer that was searched, and the one that stands in the record."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from layover.errors import DataError
from layover.kinds.retrieval import KIND, Example, SettledSearch, above, tune
from layover.records import Layer, Retrieved
from layover.specs.score import Keys, ScoreSpec
from layover.steps.accounting import without_gold
from layover.steps.context import read_lines
from layover.steps.files import predictions_of
from layover.steps.outcome import Outcome, Scores
from layover.steps.tokenize import load_examples
from layover.store import Store

Found = dict[int, tuple[Scores | None, float | None]]
"""Layer -> scores of a language, None without gold, and the threshold where pairs are mined."""


def searched(spec: ScoreSpec, search: SettledSearch, store: Store) -> Outcome:
    """Return what the matches are worth in every language after the layer that is declared, or chosen.

    Raises:
        DataError: the layer is to be chosen, and there is no gold to choose it by.
    """
    found: dict[str, Found] = {}
    counts: dict[str, int] = {}
    reasons = dict(spec.absent)
    for language in spec.predictions:
        found[language], reason, counts[language] = _language(spec, search, language, store)
        if reason:
            reasons[language] = reason
    validation = {language: _validated(spec, search, language, store) for language in spec.choosing()}
    layers = {layer: _layer(layer, found, validation) for layer in search.layers}
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
    return Outcome(languages, reasons, counts, retrieval=retrieved)


def _language(spec: ScoreSpec, search: SettledSearch, language: str, store: Store) -> tuple[Found, str, int]:
    """Return what was found, the reason why there are no scores, and the number of pairs that could be found.

    A threshold is tuned without gold of the scored split, too: a submission of blind data needs it.
    """
    split, tuning = _Split(store, search, spec.predictions[language]), None
    reason, count = "", len(split.examples)
    if split.gold < count:
        reason = without_gold(spec, language, split.gold, count, store)
    if spec.threshold is not None:
        tuning = _Split(store, search, spec.threshold[language])
        if tuning.gold < len(tuning.examples):
            return {}, reason or "no gold to tune the threshold on", count
    found = _found(spec, search, language, split, tuning)
    return found, reason, count if reason else KIND.scored(split.examples)


def _validated(spec: ScoreSpec, search: SettledSearch, language: str, store: Store) -> Found:
    """Return what is found on the validation split, by its own threshold; nothing where it lacks gold."""
    split = _Split(store, search, spec.choosing()[language])
    if split.gold < len(split.examples):
        return {}
    return _found(spec, search, language, split, split if search.threshold is not None else None)


class _Split:
    """The examples of one split and language, and what each layer finds for them."""

    def __init__(self, store: Store, search: SettledSearch, keys: Keys) -> None:
        predicted, data = keys
        self._folder, self._layers = store.path(predicted), search.layers
        self.examples: list[Example] = load_examples(store, data, KIND.name)
        self.gold = sum(KIND.has_gold(example) for example in self.examples)

    def predictions(self, layer: int) -> list[Any]:
        return read_lines(self._folder / predictions_of(layer, self._layers))


def _found(spec: ScoreSpec, search: SettledSearch, language: str, split: _Split, tuning: _Split | None) -> Found:
    found: Found = {}
    for layer in search.layers:
        predictions, threshold = split.predictions(layer), None
        if tuning is not None:
            threshold = tune(tuning.predictions(layer), tuning.examples, search.scoring)
            predictions = above(predictions, threshold)
        scores = None
        if split.gold == len(split.examples):
            metrics = spec.metrics
            scores = KIND.score(predictions, split.examples, metrics=metrics, language=language)
        found[layer] = scores, threshold
    return found


def _layer(layer: int, found: Mapping[str, Found], validation: Mapping[str, Found]) -> Layer:
    here = {language: values[layer] for language, values in sorted(found.items()) if values}
    known = {language: values[layer][0] for language, values in sorted(validation.items()) if values}
    return Layer(
        languages={language: scores for language, (scores, _) in here.items() if scores is not None},
        thresholds={language: threshold for language, (_, threshold) in here.items() if threshold is not None},
        validation={language: scores for language, scores in known.items() if scores is not None},
    )


def _chosen(wanted: int | str, layers: Mapping[int, Layer], spec: ScoreSpec) -> int:
    """Return the layer that is declared, else the one with the best mean over languages, the lowest of equal ones."""
    if isinstance(wanted, int):
        return wanted
    means = {}
    for number, layer in layers.items():
        by_language = layer.validation if wanted == "validation" else layer.languages
        if not by_language:
            raise DataError(f"{spec.name}: no language has gold to choose the layer by; name one")
        means[number] = fmean(scores[spec.metric] for scores in by_language.values())
    return max(means, key=lambda number: (means[number], -number))
