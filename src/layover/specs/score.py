"""score: the predictions of one cell against gold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from layover import plugins
from layover.canonical import Canonical, Opaque, aside, called, later
from layover.identity import Json
from layover.kinds.retrieval import SettledSearch
from layover.metrics._metric import NO_RULES, Rules
from layover.records import Sources
from layover.specs._plugins import PluginName
from layover.specs._spec import StepSpec

Keys = tuple[str, str]
"""Key of the predictions, and key of the tokenized data with the gold."""

TunedOn = Literal["validation", "scored"]


@dataclass(frozen=True)
class NoAnswerRule(Canonical):
    """How a threshold is set: of no answer to a question, or of a label."""

    metric: str
    """The metric that it is tuned for."""
    value: float | None
    """The number of the recipe; None if it is tuned."""
    language: str | None
    """The language of the gold that sets it for all languages; None sets it separately for each language."""
    tuned: Mapping[str, Keys] = called("tuned_on")
    """Language -> the predictions whose gold sets it."""
    tuned_on: TunedOn | None = aside(None)


@dataclass(frozen=True)
class Chosen(Canonical):
    """retrieval: how gold chooses the layer."""

    by: str
    """A metric."""
    predictions: Mapping[str, Keys]
    """Language -> the predictions on the validation split; empty if the scored gold chooses."""


@dataclass(frozen=True, kw_only=True)
class ScoreSpec(StepSpec):
    """The scores of one cell in every language."""

    step: ClassVar[str] = "score"
    order: ClassVar[int] = 80
    version: ClassVar[int] = 4

    predictions: Mapping[str, Keys]
    """Language -> the predictions to score."""
    metrics: tuple[str, ...]
    absent: Mapping[str, str]
    """Language -> the reason why there are no predictions."""
    source_language: str | None = later(None)
    """The language that the head was trained on; None if unknown, and in a search, which has no head. Only a search
    leaves it out of the canonical form."""
    language_adapters: Mapping[str, str] | None = later(None)
    """Language -> the language whose adapter acted on its text; None in a method without adapters."""
    tags: Mapping[str, Opaque] | None = later(None)
    """tagging: the fields of the declared scheme that change scores; None if the data show the same scheme."""
    no_answer: NoAnswerRule | None = later(None)
    """None without a threshold, and for the default threshold of labels."""
    search: SettledSearch | None = later(None)
    """retrieval: the settings of the predictions."""
    threshold: Mapping[str, Keys] | None = later(None)
    """retrieval: language -> the predictions whose gold sets the threshold of mined pairs; None without a threshold."""
    chosen: Chosen | None = later(None)
    kind: str = aside("")
    name: str = aside("")
    """Name of the task."""
    split: str = aside("")
    metric: str = aside("")
    """The metric of the table."""
    rules: Rules = aside(NO_RULES)
    """How predictions are scored."""
    sources: Sources | None = aside(None)
    """The model and the data behind the scores; the keys of the predictions determine them."""
    training: tuple[str, ...] = aside(())
    """Keys of the tokenized data of all trainings, the target's first."""

    def plugin_names(self) -> Iterator[PluginName]:
        """Yield the names of kind and metrics, which may be plug-ins."""
        yield from super().plugin_names()
        yield plugins.KINDS, self.kind
        tuned = [self.no_answer.metric] if self.no_answer is not None else []
        chosen = [self.chosen.by] if self.chosen is not None else []
        yield from ((plugins.METRICS, name) for name in (*self.metrics, *tuned, *chosen))

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.name

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form; with a head it has a language, known or null."""
        values = super().canonical()
        return {**values, "source_language": self.source_language} if self.search is None else values

    @classmethod
    def own_fields(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields; one of `source_language` and `search` is required."""
        if not values.keys() & {"source_language", "search"}:
            raise ValueError("ScoreSpec: 'source_language' and 'search' are missing; one of them is required")
        return values

    def choosing(self) -> Mapping[str, Keys]:
        """Return the predictions on the validation split whose gold chooses the layer; empty without such a choice."""
        return self.chosen.predictions if self.chosen is not None else {}

    def tuning(self) -> Mapping[str, Keys]:
        """Return the predictions whose gold sets a threshold, by language; empty without tuning."""
        return self.no_answer.tuned if self.no_answer is not None else self.threshold or {}


SPEC = ScoreSpec
