"""The part of a plan for targets that are not trained: an encoder, with an intermediate or without, is only asked.

The nodes hang on the training of a single intermediate directly, or on what several are composed to; without an
intermediate on nothing but encoder, data, precision and language adapters, whatever else the method and the seed are.
So equal cells are one node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from layover.errors import DataError, ModelError
from layover.kinds.retrieval import Search, Settled, mined, settle
from layover.plan.data import DataRules, Portion
from layover.plan.encoders import EncoderRef
from layover.plan.inputs import RetrieveInputs, ScoreInputs, Threshold, rests_on
from layover.plan.languages import AdapterOf, used
from layover.plan.nodes import Node
from layover.precision import Precision
from layover.tasks import Task

ENGLISH_SIDE = "en"
"""The language of the sentences on the other side."""


@dataclass(frozen=True)
class Searched:
    """What of one target is searched, the same for every cell."""

    split: str
    search: Search
    """What the layers are depends on the encoder."""
    portions: Mapping[str, Portion]
    tuning: Mapping[str, Portion]
    """Language -> the data whose gold sets the threshold; empty when pairs are not mined."""
    choosing: Mapping[str, Portion]
    """Language -> the validation data whose gold chooses the layer; empty when they do not."""
    absent: Mapping[str, str]

    def languages(self) -> tuple[str, ...]:
        """Return the languages of all text that is read."""
        return tuple(dict.fromkeys((*self.portions, *self.tuning, *self.choosing, ENGLISH_SIDE)))

    def notes(self) -> list[str]:
        """Return what was tuned on the very gold that it is scored with."""
        scored = f"{self.split} gold that it is scored with"
        notes = [f"the threshold is tuned on the {scored}"] if self.search.threshold == "scored" else []
        return notes + ([f"the layer is chosen by the {scored}"] if self.search.layer == "scored" else [])


class Maker(Protocol):
    """What the planner offers."""

    def node(
        self, kind: str, identity: dict[str, Any], needs: tuple[str, ...], label: str, inputs: Any, job: str = ""
    ) -> Node:
        """Return the node of an identity."""
        ...

    def tokenize(self, portion: Portion, encoder: EncoderRef, settings_of: Task) -> Node:
        """Return the node of encoded data."""
        ...

    def trained_on(self, key: str) -> tuple[str, ...]:
        """Return the tokenized sets that a node, and all it rests on, is trained on."""
        ...


def searched(rules: DataRules, task: Task) -> Searched:
    """Return what of a target is searched.

    Raises:
        DataError: there is nothing, or the threshold would be tuned, or the layer chosen, on what is scored without
            being asked to.
    """
    split, portions, absent = rules.evaluated(task)
    search = rules.search(task)
    if not mined(task.columns):
        if rules.asks_threshold(task):
            raise DataError(f"{task.name}: no pairs are mined, so there is no threshold; leave retrieval.threshold out")
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
    return Searched(split, search, portions, tuning, choosing, absent)


def _validation(
    rules: DataRules, task: Task, scored: Mapping[str, Portion], what: str, setting: str
) -> dict[str, Portion]:
    """Return the validation data of the languages that have any, when something else is scored.

    Args:
        rules: The recipe's.
        task: The target.
        scored: Language -> the data that are scored.
        what: What is not possible without such data.
        setting: The key of `retrieval` by which one can do without them.
    """
    found = rules.tuning(task, scored)
    if any(rules.overlapping(portion, [scored[language]]) for language, portion in found.items()):
        raise DataError(
            f"{task.name}: the validation data are scored, so {what} on them unnoticed; score the test split, or ask "
            f"for it with retrieval.{setting}: scored, and the record will say so"
        )
    if not found:
        raise DataError(
            f"{task.name}: {what}, for there is no validation file in any of {', '.join(scored)}; name one with "
            f"tasks.{task.name}.files.validation, or use the scored split with retrieval.{setting}: scored"
        )
    return found


def settled(search: Search, encoder: EncoderRef, task: Task) -> Settled:
    """Return the settings for an encoder.

    Raises:
        ModelError: the encoder has no such layer, or its number of layers decides and is not known.
    """
    try:
        return settle(search, encoder.shape.layers if encoder.shape is not None else None)
    except ModelError as error:
        where = f"tasks.{task.name}.retrieval"
        hint = f"name layers of {encoder.source} with {where}" if encoder.shape is None else where
        raise ModelError(f"{task.name}: {error} ({hint})") from None


@dataclass(frozen=True)
class Asked:
    """The encoder that sentences are embedded by."""

    encoder: EncoderRef
    train: Node | None
    """What is on it: the training of an intermediate, or what several are composed to."""
    precision: Precision
    adapter_of: AdapterOf
    skipped: int = 0
    """Lowest layers that go without modules."""

    def where(self, task: Task) -> str:
        """Return what names the predictions of a task, for people."""
        after = f" after {self.train.label.removeprefix('train ')}" if self.train is not None else ""
        return f"{task.name} {self.encoder.label}{after}"

    def predicted(self, maker: Maker, task: Task, portion: Portion, search: Settled) -> tuple[str, str]:
        """Return the keys of the predictions and of the data of one language."""
        data, train, adapters = (
            maker.tokenize(portion, self.encoder, task),
            self.train,
            self._adapters(portion.language),
        )
        settings: dict[str, Any] = {
            "special_tokens": search.special_tokens,
            "scoring": search.scoring,
            "mining": mined(portion.task.columns),
            "precision": self.precision,
        }
        read = search.layers
        identity: dict[str, Any] = {
            "encoder": dict(self.encoder.identity),
            "train": train.key if train else None,
            "data": data.key,
            "retrieval": {"layer": read[0] if len(read) == 1 else list(read), **settings},
            **skipping(self.skipped),
            **({"languages": list(adapters)} if adapters is not None else {}),
        }
        inputs = RetrieveInputs(
            encoder=self.encoder,
            train=train.key if train else None,
            data=data.key,
            task=task,
            language=portion.language,
            layers=read,
            skipped=self.skipped,
            adapters=adapters,
            **settings,
        )
        needs = (data.key, *(rests_on(train.key, train.inputs) if train else ()), *(adapters or ()))
        where = self.where(task)
        label = f"predict {where} {portion.split} {portion.language}"
        return maker.node("predict", identity, needs, label, inputs, f"retrieve {where}").key, data.key

    def _adapters(self, language: str) -> tuple[str, str] | None:
        """Return the keys of the language adapters of both sides, the English one last."""
        one, english = self.adapter_of(language), self.adapter_of(ENGLISH_SIDE)
        return None if one is None or english is None else (one.key, english.key)


def score_node(maker: Maker, task: Task, found: Searched, asked: Asked, metric: str) -> Node:
    """Return the scores of a target that is not trained."""
    search, where = settled(found.search, asked.encoder, task), asked.where(task)
    predictions, tuning, choosing = (
        {language: asked.predicted(maker, task, portion, search) for language, portion in portions.items()}
        for portions in (found.portions, found.tuning, found.choosing)
    )
    identity: dict[str, Any] = {
        "predictions": _listed(predictions),
        "metrics": list(task.metrics),
        "absent": dict(sorted(found.absent.items())),
        "search": search.identity(),
    }
    adapters = used(asked.adapter_of, found.languages())
    if adapters is not None:
        identity["language_adapters"] = adapters
    threshold = None
    if search.threshold is not None:
        threshold = Threshold(search.threshold, tuning)
        identity["threshold"] = _listed(tuning)
    if isinstance(search.layer, str):
        identity["chosen"] = {"by": metric, "predictions": _listed(choosing)}
    needs = tuple(key for some in (predictions, tuning, choosing) for keys in some.values() for key in keys)
    training = () if asked.train is None else maker.trained_on(asked.train.key)
    inputs = ScoreInputs(
        task,
        found.split,
        metric,
        predictions,
        found.absent,
        None,
        search,
        threshold,
        choosing or None,
        adapters,
        training=training,
    )
    return maker.node("score", identity, (*needs, *training), f"score {where}", inputs, f"retrieve {where}")


def skipping(layers: int) -> dict[str, int]:
    """Return what of an identity says that the lowest layers go without modules; nothing where none does."""
    return {"skipped": layers} if layers else {}


def _listed(predictions: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    return {language: list(keys) for language, keys in predictions.items()}
