"""The part of a plan that judges a trained target: predictions in every language, and their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from layover.plan.data import DataRules, Portion
from layover.plan.encoders import EncoderRef
from layover.plan.inputs import ComposeInputs, PredictInputs, ScoreInputs, Threshold, rests_on
from layover.plan.languages import AdapterOf, used
from layover.plan.nodes import Node
from layover.plan.retrieval import Maker, skipping
from layover.tasks import Task


@dataclass(frozen=True)
class Evaluated:
    """What of one target is judged, the same for every cell."""

    split: str
    portions: Mapping[str, Portion]
    absent: Mapping[str, str]
    metric: str
    source_language: str
    no_answer: Threshold | None
    """How the threshold for no answer is found; the predictions on `tuning` belong to it."""
    tuning: Portion | None

    def languages(self) -> tuple[str, ...]:
        """Return the languages of all text that is read."""
        return tuple(dict.fromkeys((*self.portions, *((self.tuning.language,) if self.tuning else ()))))

    def notes(self) -> list[str]:
        """Return what was tuned on the very gold that it is scored with."""
        tuned = self.no_answer is not None and self.no_answer.tuned_on == "scored"
        return [f"the threshold is tuned on the {self.split} gold that it is scored with"] if tuned else []


def evaluated(rules: DataRules, task: Task) -> Evaluated:
    """Return what of a target is judged.

    Raises:
        DataError: there is nothing, or a threshold would be tuned on what is scored without being asked to.
    """
    split, portions, absent = rules.evaluated(task)
    wanted, tuning = rules.no_answer(task, portions.values())
    threshold = None
    if isinstance(wanted, float):
        threshold = Threshold(None, value=wanted)
    elif wanted is not None:
        threshold = Threshold(wanted, language=tuning.language if tuning else None)
    metric, language = rules.metric(task), rules.train_language(task)
    return Evaluated(split, portions, absent, metric, language, threshold, tuning)


@dataclass(frozen=True)
class Reader:
    """What reads the texts of one cell."""

    encoder: EncoderRef
    train: Node
    """The training, or what was composed without one."""
    where: str
    """Names the cell."""
    adapter_of: AdapterOf
    skipped: int
    """Lowest layers that go without modules; methods that differ in it may share the training."""

    def source_language(self, otherwise: str) -> str | None:
        """Return the language of the head's training: the target's own, or that of the intermediate it comes from."""
        return self.train.inputs.source_language if isinstance(self.train.inputs, ComposeInputs) else otherwise

    @property
    def job(self) -> str:
        """All predictions of a training run in one process."""
        return f"evaluate {self.train.key}"

    def predicted(self, maker: Maker, task: Task, portion: Portion) -> tuple[str, str]:
        """Return the keys of the predictions and of the data of one language."""
        data, adapter = maker.tokenize(portion, self.encoder, task), self.adapter_of(portion.language)
        below = {"language": adapter.key} if adapter is not None else {}
        inputs = PredictInputs(
            self.encoder, self.train.key, data.key, task, portion.language, self.skipped, below.get("language")
        )
        label = f"predict {self.where} {portion.split} {portion.language}"
        identity = {"train": self.train.key, "data": data.key, **skipping(self.skipped), **below}
        needs = (*rests_on(self.train.key, self.train.inputs), data.key, *below.values())
        return maker.node("predict", identity, needs, label, inputs, self.job).key, data.key


def score_node(maker: Maker, task: Task, found: Evaluated, reader: Reader) -> Node:
    """Return the scores of a target's training."""

    def predicted(portion: Portion) -> tuple[str, str]:
        return reader.predicted(maker, task, portion)

    predictions = {language: predicted(portion) for language, portion in found.portions.items()}
    identity: dict[str, Any] = {
        "predictions": {language: list(keys) for language, keys in predictions.items()},
        "metrics": list(task.metrics),
        "absent": dict(sorted(found.absent.items())),
        "source_language": reader.source_language(found.source_language),
    }
    adapters = used(reader.adapter_of, found.languages())
    if adapters is not None:
        identity["language_adapters"] = adapters
    scoring = task.scoring()
    if scoring is not None:
        identity["tags"] = scoring
    asked = list(predictions.values())
    threshold = found.no_answer
    if threshold is not None:
        tuned = dict(predictions) if threshold.tuned_on == "scored" else {}
        if found.tuning is not None:
            tuned = dict.fromkeys(predictions, predicted(found.tuning))
            asked += tuned.values()
        threshold = Threshold(threshold.tuned_on, tuned, threshold.language, threshold.value)
        tuned_on = {language: list(keys) for language, keys in tuned.items()}
        how = {"metric": found.metric, "value": threshold.value, "language": threshold.language}
        identity["no_answer"] = {**how, "tuned_on": tuned_on}
    needs = tuple(key for keys in asked for key in keys)
    training = maker.trained_on(reader.train.key)
    inputs = ScoreInputs(
        task,
        found.split,
        found.metric,
        predictions,
        found.absent,
        reader.source_language(found.source_language),
        threshold=threshold,
        language_adapters=adapters,
        training=training,
    )
    return maker.node("score", identity, (*needs, *training), f"score {reader.where}", inputs, reader.job)
