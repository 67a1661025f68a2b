"""Records: the scored result of one cell. Nothing in them depends on names, times or machines."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from layover.data.languages import UNKNOWN
from layover.errors import StoreError
from layover.store import read_json, write_json

SCHEMA = 1


class Layer(BaseModel):
    """The scores of one layer among several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    languages: dict[str, dict[str, float]]
    """Language -> metric -> value, of the languages that have scores."""
    thresholds: dict[str, float]
    """Language -> the score from which on mined pairs are kept."""
    validation: dict[str, dict[str, float]]
    """The same on the validation split, where its gold chooses the layer."""


class Retrieved(BaseModel):
    """The settings of a retrieval that a score must not be read without."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: int
    """The hidden states after so many layers of the encoder; 0 are the embeddings."""
    layer_chosen_on: Literal["validation", "scored"] | None = None
    """`scored`: by the gold of the scored split itself, so the score is optimistic. None when the recipe names it."""
    special_tokens: bool
    scoring: str
    threshold_tuned_on: Literal["validation", "scored"] | None
    """`scored`: on the gold of the scored split itself, so the score is optimistic. None when no pairs are mined."""
    thresholds: dict[str, float]
    """Language -> the score from which on mined pairs are kept."""
    layers: dict[int, Layer] = {}
    """Every layer that was scored in the same pass, this one among them; empty when it was alone."""


class NoAnswer(BaseModel):
    """When a question counts as unanswered: its null score is above the answer's by more than a threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tuned_on: Literal["validation", "scored"] | None
    """`scored`: on the gold of the scored split itself, so the score is optimistic. None for a number of the recipe."""
    thresholds: dict[str, float]
    """Language -> threshold, in logits."""


class Record(BaseModel):
    """The scores of one cell, in the unit of each metric (mostly percent), unrounded; null where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    metrics: tuple[str, ...]
    """The task's metrics, the first is its primary one."""
    source_language: str | None
    """The language it was trained on; all others are zero-shot. None when the task is not trained, and `und` when
    nothing says the language: then none is called zero-shot."""
    languages: dict[str, dict[str, float] | None]
    """Language -> metric -> value."""
    examples: dict[str, int]
    """Language -> number of scored examples; for retrieval the pairs that could be found."""
    missing: dict[str, str]
    """Language -> why it has no score."""
    retrieval: Retrieved | None = None
    """How sentences were embedded and compared; None for other kinds."""
    no_answer: NoAnswer | None = None
    """None where every question has an answer, and for other kinds."""
    language_adapters: dict[str, str] | None = None
    """Language -> the language whose adapter acted on its text; None in a method without adapters."""

    def value(self, language: str, metric: str) -> float | None:
        """Return one score, or None where it is missing."""
        scores = self.languages.get(language)
        return None if scores is None else scores[metric]

    def scored(self) -> tuple[str, ...]:
        """Return the languages that have scores."""
        return tuple(language for language, scores in self.languages.items() if scores is not None)

    def mean(self, metric: str, *, zero_shot: bool = False) -> float | None:
        """Return the mean over the scored languages, English included (as XTREME does) unless `zero_shot`.

        None when no language is left, and for `zero_shot` when the language of the training is not known. How many
        languages stand behind it is `scored()`; a table says so.
        """
        left = self.averaged(zero_shot=zero_shot)
        values = [value for name in left if (value := self.value(name, metric)) is not None]
        return sum(values) / len(values) if values else None

    def averaged(self, *, zero_shot: bool = False) -> tuple[str, ...]:
        """Return the languages that a mean is over; see `mean`."""
        if not zero_shot:
            return self.scored()
        if self.source_language == UNKNOWN:
            return ()
        return tuple(name for name in self.scored() if name != self.source_language)


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON."""
    write_json(path, record.model_dump(mode="json"))


def read_record(path: Path) -> Record:
    """Read a record of this or an older schema.

    Raises:
        StoreError: it is of a newer schema or damaged.
    """
    values = read_json(path)
    if values.get("schema_version") != SCHEMA:
        raise StoreError(f"{path}: record of schema {values.get('schema_version')!r}; this version reads {SCHEMA}")
    return Record.model_validate(values)
