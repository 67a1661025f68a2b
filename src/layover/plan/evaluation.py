"""The part of a plan that scores a target: predictions in every language, and their scores.

The predictions of a trained target depend on its training, or on a composition. A target that is not trained
(retrieval) depends on the training of one intermediate, or on a composition of several. Without an intermediate, its
predictions depend only on encoder, data, precision and language adapters, so cells of all methods and seeds share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from layover import kinds
from layover.errors import DataError, ModelError
from layover.kinds._submission import mined
from layover.kinds.retrieval import Search, SettledSearch, settle
from layover.numerics import Precision
from layover.objectives import Attack
from layover.plan.data import DataRules, Portion
from layover.plan.languages import AdapterOf, used
from layover.plan.maker import Maker
from layover.plan.nodes import Node
from layover.specs import EncoderSpec, OnEncoder
from layover.specs.predict import Matching, PredictSpec
from layover.specs.score import Chosen, Keys, NoAnswerRule, ScoreSpec
from layover.tasks import Task

ENGLISH_SIDE = "en"
"""The language of the sentences on the other side of a retrieval."""


@dataclass(frozen=True)
class Evaluated:
    """The data of a target that are scored, and how; the same for every cell."""

    split: str
    metric: str
    portions: Mapping[str, Portion]
    absent: Mapping[str, str]
    tuning: Mapping[str, Portion] = field(default_factory=dict)
    """Language -> the data whose gold sets a threshold; empty if no threshold is tuned."""
    source_language: str | None = None
    """The language of the training data; None if the target is not trained."""
    no_answer: NoAnswerRule | None = None
    """How the threshold for no answer or for labels is set, without its predictions; None without a threshold."""
    search: Search | None = None
    """retrieval: the settings of the search; the encoder decides which layers they mean."""
    choosing: Mapping[str, Portion] = field(default_factory=dict)
    """retrieval: language -> the validation data whose gold chooses the layer; empty if the layer is not chosen."""

    perturbed: Mapping[str, Mapping[str, Portion]] = field(default_factory=dict)
    """Label of a perturbation -> language -> the scored data with changed texts."""
    attacks: Mapping[str, Attack] = field(default_factory=dict)
    """Label of an attack -> the attack on the scored data."""

    def beside(self) -> tuple[str, ...]:
        """Return the labels of all perturbations and attacks."""
        return (*self.perturbed, *self.attacks)

    def languages(self) -> tuple[str, ...]:
        """Return the languages of all text that is read."""
        read = (*self.portions.values(), *self.tuning.values(), *self.choosing.values())
        english = () if self.search is None else (ENGLISH_SIDE,)
        return tuple(dict.fromkeys((*(portion.language for portion in read), *english)))

    def notes(self) -> list[str]:
        """Return a note for each setting that the gold of the scored examples decides."""
        gold = f"the same {self.split} gold"
        tuned = self.no_answer.tuned_on if self.no_answer is not None else self.search and self.search.threshold
        notes = [f"{gold} tunes the threshold and gives the scores"] if tuned == "scored" else []
        chosen = self.search is not None and self.search.layer == "scored"
        return notes + ([f"{gold} chooses the layer and gives the scores"] if chosen else [])


def settled(search: Search, encoder: EncoderSpec, task: Task) -> SettledSearch:
    """Return the search settings with the layers of an encoder.

    Raises:
        ModelError: the encoder lacks a layer, or its number of layers is needed and unknown.
    """
    try:
        return settle(search, encoder.shape.layers if encoder.shape is not None else None)
    except ModelError as error:
        where = f"tasks.{task.name}.retrieval"
        hint = f"name layers of {encoder.source} with {where}" if encoder.shape is None else where
        raise ModelError(f"{task.name}: {error} ({hint})") from None


@dataclass(frozen=True)
class CellReader:
    """The encoder and the modules that read the texts of one cell."""

    encoder: EncoderSpec
    on: Node[OnEncoder] | None
    """A training or a composition on the encoder; None for the pretrained encoder."""
    precision: Precision
    adapter_of: AdapterOf
    skipped: int
    """Number of lowest layers without modules; methods that differ only in it share the training."""
    where: str
    """Name of the cell, or of the predictions that several cells share."""
    job: str
    """All its predictions run in one process."""

    def predicted(
        self, maker: Maker, task: Task, portion: Portion, search: SettledSearch | None, attack: Attack | None = None
    ) -> Keys:
        """Return the keys of the predictions and of the data of one language."""
        data, adapters = maker.tokenize(portion, self.encoder, task), self._adapters(portion.language, search)
        spec = PredictSpec(
            encoder=self.encoder,
            train=None if self.on is None else self.on.key,
            data=data.key,
            matching=None if search is None else self._matching(search, portion.task),
            skipped=self.skipped,
            adapters=adapters,
            attack=attack,
            kind=task.kind,
            labels=task.scored_labels(),
            name=task.name,
            language=portion.language,
            precision=self.precision,
        )
        needs = (*(() if self.on is None else self.on.spec.rests_on()), data.key, *adapters)
        changed = "" if portion.perturbed is None else f" {portion.perturbed.perturbation.label}"
        changed += "" if attack is None else f" {attack.label}"
        label = f"predict {self.where} {portion.split} {portion.language}{changed}"
        return maker.node(spec, needs, label, self.job).key, data.key

    def _matching(self, search: SettledSearch, task: Task) -> Matching:
        return Matching(search.layers, search.special_tokens, search.scoring, mined(task.columns), self.precision)

    def _adapters(self, language: str, search: SettledSearch | None) -> tuple[str, ...]:
        """Return the keys of the active language adapters; retrieval has one for each side, English last."""
        languages = (language,) if search is None else (language, ENGLISH_SIDE)
        keys = [adapter.key for spoken in languages if (adapter := self.adapter_of(spoken)) is not None]
        return tuple(keys) if len(keys) == len(languages) else ()


def score_node(
    maker: Maker, task: Task, scored: Evaluated, reader: CellReader, perturbed: str | None = None
) -> Node[ScoreSpec]:
    """Return the scores of a target in all its languages.

    Args:
        maker: Makes the nodes.
        task: The target.
        scored: The scored data.
        reader: The encoder with the modules of a cell.
        perturbed: The label of a perturbation of the texts, or of an attack; thresholds and layers stay those of the
            unchanged texts. None scores the unchanged texts.
    """
    search = None if scored.search is None else settled(scored.search, reader.encoder, task)

    def keys_of(portions: Mapping[str, Portion], attack: Attack | None = None) -> dict[str, Keys]:
        predicted = partial(reader.predicted, maker, task, search=search, attack=attack)
        return {language: predicted(portion) for language, portion in portions.items()}

    attack = None if perturbed is None else scored.attacks.get(perturbed)
    portions = scored.portions if perturbed is None or attack is not None else scored.perturbed[perturbed]
    predictions, tuning, choosing = keys_of(portions, attack), keys_of(scored.tuning), keys_of(scored.choosing)
    training = () if reader.on is None else maker.trained_on(reader.on.key)
    spec = ScoreSpec(
        predictions=predictions,
        metrics=tuple(task.metrics),
        absent=scored.absent,
        source_language=_source_language(scored, reader),
        language_adapters=used(reader.adapter_of, scored.languages()),
        tags=task.scoring(),
        no_answer=None if scored.no_answer is None else replace(scored.no_answer, tuned=tuning),
        search=search,
        threshold=tuning if search is not None and search.threshold is not None else None,
        chosen=Chosen(scored.metric, choosing) if search is not None and isinstance(search.layer, str) else None,
        kind=task.kind,
        name=task.name,
        split=scored.split,
        metric=scored.metric,
        rules=task.rules(),
        training=training,
    )
    needs = [key for some in (predictions, tuning, choosing) for keys in some.values() for key in keys]
    label = f"score {reader.where}" if perturbed is None else f"score {reader.where} {perturbed}"
    return maker.node(spec, (*needs, *training), label, reader.job)


def _source_language(scored: Evaluated, reader: CellReader) -> str | None:
    """Return the language of the head's training: of the target, or of the intermediate that the head comes from."""
    return (
        scored.source_language
        if reader.on is None or scored.search is not None
        else reader.on.spec.head_language(scored.source_language)
    )


def judged(rules: DataRules, task: Task) -> Evaluated:
    """Return the scored data of a target.

    Raises:
        DataError: there are none, or a threshold or a layer would depend on the scored data and the recipe does not
            say `scored`.
    """
    return answered(rules, task) if kinds.get(task.kind).trained else searched(rules, task)


def answered(rules: DataRules, task: Task) -> Evaluated:
    """Return the scored data of a trained target; raises the errors of `judged`."""
    split, portions, absent = rules.evaluated(task)
    wanted, validation = rules.threshold(task, portions.values())
    metric, rule, tuning = rules.metric(task), None, dict[str, Portion]()
    if isinstance(wanted, float):
        rule = NoAnswerRule(metric, wanted, None, {})
    elif wanted is not None:
        rule = NoAnswerRule(metric, None, validation.language if validation else None, {}, wanted)
        tuning = dict(portions) if validation is None else dict.fromkeys(portions, validation)
    language = rules.train_language(task)
    return Evaluated(
        split,
        metric,
        portions,
        absent,
        tuning,
        source_language=language,
        no_answer=rule,
        perturbed=rules.perturbed(task, portions),
        attacks=rules.attacks(task),
    )


def searched(rules: DataRules, task: Task) -> Evaluated:
    """Return the scored data of a retrieval target; raises the errors of `judged`."""
    split, portions, absent = rules.evaluated(task)
    search = rules.search(task)
    if not mined(task.columns):
        if rules.asks_threshold(task):
            raise DataError(f"{task.name}: no pairs are mined, so there is no threshold; remove retrieval.threshold")
        search = search.model_copy(update={"threshold": None})
    tuning: Mapping[str, Portion] = {}
    if search.threshold == "scored":
        tuning = portions
    elif search.threshold == "validation":
        tuning = _validation(rules, task, portions, "the threshold cannot be tuned", "threshold")
        without = dict.fromkeys(portions.keys() - tuning.keys(), "no validation file to tune the threshold on")
        portions = {language: portion for language, portion in portions.items() if language in tuning}
        absent = {**absent, **without}
    choosing: Mapping[str, Portion] = {}
    if search.layer == "validation":
        choosing = _validation(rules, task, portions, "the layer cannot be chosen", "layer")
    return Evaluated(split, rules.metric(task), portions, absent, tuning, search=search, choosing=choosing)


def _validation(
    rules: DataRules, task: Task, scored: Mapping[str, Portion], failure: str, setting: str
) -> dict[str, Portion]:
    """Return the validation data of the languages that have any, after a check that they are not scored.

    Args:
        rules: The rules of the recipe.
        task: The target.
        scored: Language -> the data that are scored.
        failure: The step that needs validation data, as a message: `the layer cannot be chosen`.
        setting: The key of `retrieval` that makes validation data unnecessary.
    """
    there = rules.tuning(task, scored)
    if any(rules.overlapping(portion, [scored[language]]) for language, portion in there.items()):
        raise DataError(
            f"{task.name}: the validation data are scored, so {failure} on them by default; score the test split, or "
            f"set retrieval.{setting}: scored, and the record will say so"
        )
    if not there:
        raise DataError(
            f"{task.name}: {failure}, because there is no validation file in any of {', '.join(scored)}; name a file "
            f"with tasks.{task.name}.files.validation, or use the scored split with retrieval.{setting}: scored"
        )
    return there
