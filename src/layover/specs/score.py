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
from layover.specs._plugins import Thing
from layover.specs._spec import StepSpec

Keys = tuple[str, str]
"""Key of the predictions, and key of the tokenized data with the gold."""

TunedOn = Literal["validation", "scored"]


@dataclass(frozen=True)
class NoAnswerRule(Canonical):
    """How a threshold is found: from which on a question has no answer, or a label is there."""

    metric: str
    """What it is tuned for."""
    value: float | None
    """The number of the recipe, where it is not tuned."""
    language: str | None
    """The language of the gold that sets it where it is the same for all; each its own when None."""
    tuned: Mapping[str, Keys] = called("tuned_on")
    """Language -> the predictions whose gold sets it."""
    tuned_on: TunedOn | None = aside(None)


@dataclass(frozen=True)
class Chosen(Canonical):
    """retrieval: how the layer is chosen, where gold chooses it."""

    by: str
    """A metric."""
    predictions: Mapping[str, Keys]
    """Language -> the predictions on the validation split; empty where the scored gold chooses."""


@dataclass(frozen=True, kw_only=True)
class ScoreSpec(StepSpec):
    """The scores of one cell in every language."""

    step: ClassVar[str] = "score"
    order: ClassVar[int] = 80
    version: ClassVar[int] = 3

    predictions: Mapping[str, Keys]
    """Language -> what is scored."""
    metrics: tuple[str, ...]
    absent: Mapping[str, str]
    """Language -> why there is nothing to score."""
    source_language: str | None = later(None)
    """The language that the head was trained on; None where it is not known, and where no head is asked: only in a
    search it is left out of the canonical form."""
    language_adapters: Mapping[str, str] | None = later(None)
    """Language -> the language whose adapter acted on its text; None in a method without adapters."""
    tags: Mapping[str, Opaque] | None = later(None)
    """tagging: what of the declared scheme changes the scores; None where it is the one that is found anyway."""
    no_answer: NoAnswerRule | None = later(None)
    """None where no threshold decides, or that of labels is the usual one."""
    search: SettledSearch | None = later(None)
    """retrieval: the settings of the predictions."""
    threshold: Mapping[str, Keys] | None = later(None)
    """retrieval: language -> the predictions whose gold sets the threshold of mined pairs; None where there is none."""
    chosen: Chosen | None = later(None)
    kind: str = aside("")
    name: str = aside("")
    """Of the task."""
    split: str = aside("")
    metric: str = aside("")
    """The one that stands in the table."""
    rules: Rules = aside(NO_RULES)
    """How predictions are scored."""
    sources: Sources | None = aside(None)
    """The model and the data that the scores rest on; it follows from the keys of the predictions."""
    training: tuple[str, ...] = aside(())
    """Keys of the tokenized data that everything was trained on, the target's first."""

    def things(self) -> Iterator[Thing]:
        """Yield whatever computes the step and may be a plug-in: the metrics, and the kind that asks them."""
        yield from super().things()
        yield plugins.KINDS, self.kind
        tuned = [self.no_answer.metric] if self.no_answer is not None else []
        chosen = [self.chosen.by] if self.chosen is not None else []
        yield from ((plugins.METRICS, name) for name in (*self.metrics, *tuned, *chosen))

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.name

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form; where a head is asked it has a language, known or not."""
        values = super().canonical()
        return {**values, "source_language": self.source_language} if self.search is None else values

    @classmethod
    def own_fields(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields under their own names; see `canonical`."""
        if not values.keys() & {"source_language", "search"}:
            raise ValueError("ScoreSpec: there is neither 'source_language' nor 'search'")
        return values

    def choosing(self) -> Mapping[str, Keys]:
        """Return the predictions on the validation split whose gold chooses the layer; none where it does not."""
        return self.chosen.predictions if self.chosen is not None else {}

    def tuning(self) -> Mapping[str, Keys]:
        """Return the predictions whose gold sets a threshold, by language; none where nothing is tuned."""
        return self.no_answer.tuned if self.no_answer is not None else self.threshold or {}


SPEC = ScoreSpec
