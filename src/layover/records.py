"""Records: the scored result of one cell. Nothing in them depends on names, times or machines."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from layover.data.languages import is_other
from layover.data.tally import LeftOut
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


class NoAnswerThresholds(BaseModel):
    """When a question counts as unanswered: its null score is above the answer's by more than a threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tuned_on: Literal["validation", "scored"] | None
    """`scored`: on the gold of the scored split itself, so the score is optimistic. None for a number of the recipe."""
    thresholds: dict[str, float]
    """Language -> threshold, in logits."""


class LabelThreshold(BaseModel):
    """When a label is there: its probability is above a threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tuned_on: Literal["validation", "scored"] | None
    """`scored`: on the gold of the scored split itself, so the score is optimistic. None for a number of the recipe."""
    thresholds: dict[str, float]
    """Language -> threshold, a probability."""


class TagScheme(BaseModel):
    """How the tags of a task were read as spans."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: str
    """`iob2`, `bioes`, `bilou` ...; `io`, `bare` and `xtreme` for classes without letters."""
    written: str
    """One of the tags with a letter and a type, such as `B-PER` or `PER_B`; empty for classes, and letters alone."""
    outside: tuple[str, ...]
    """The tags of words that are in no span."""


class DataSource(BaseModel):
    """What rows were read from: a split of a hub data set at a commit, or files by their content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: str | None = None
    """`org/name`; None for files."""
    config: str | None = None
    split: str | None = None
    commit: str | None = None
    files_sha256: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it in one line: `org/name config [split] @ commit`, or the hashes of the files."""
        if self.hub is None:
            return " ".join(f"sha256:{sha256}" for sha256 in self.files_sha256)
        config = f" {self.config}" if self.config else ""
        return f"{self.hub}{config} [{self.split}] @ {self.commit}"


class EncoderSource(BaseModel):
    """Where an encoder's weights are from: a hub model at a commit, or files by their content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: str | None = None
    """`org/name`; None for a directory."""
    commit: str | None = None
    config_sha256: str | None = None
    weights_sha256: tuple[str, ...] = ()
    tokenizer_sha256: str | None = None
    """Of its serialised form; None where the commit alone says which it is."""

    def text(self) -> str:
        """Return it in one line: `org/name @ commit`, or the hashes of weights, config and tokenizer."""
        if self.hub is not None:
            return f"{self.hub} @ {self.commit}"
        parts = [f"sha256:{sha256}" for sha256 in self.weights_sha256]
        parts += [f"config sha256:{self.config_sha256}"] if self.config_sha256 is not None else []
        parts += [f"tokenizer sha256:{self.tokenizer_sha256}"] if self.tokenizer_sha256 is not None else []
        return " ".join(parts)


class Sources(BaseModel):
    """The model and all data that scores rest on, by commit or content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: EncoderSource
    scored: dict[str, tuple[DataSource, ...]]
    """Language -> what is scored; several where tasks are joined."""
    trained_on: tuple[DataSource, ...] = ()
    """Of the target's own training; empty where nothing is trained for it."""
    selected_on: tuple[DataSource, ...] = ()
    """What the weights of that training are selected on."""
    tuned_on: tuple[DataSource, ...] = ()
    """What a threshold, or the layer of a retrieval, is chosen on."""
    learned_before: tuple[DataSource, ...] = ()
    """Of the trainings that it rests on: intermediates and language adapters."""
    imported: tuple[str, ...] = ()
    """SHA-256 of the weights of imported modules that it rests on."""


class Rows(BaseModel):
    """What became of the rows of one data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: int
    """Rows of its files."""
    used: int
    """Of those, learned from, or scored where the language has a score."""
    left_out: tuple[LeftOut, ...]


class Accounts(BaseModel):
    """What became of the rows that a score rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: tuple[Rows, ...]
    """Of everything that was trained for it, the target first where it was."""
    scored: dict[str, Rows]
    """By language."""


class Record(BaseModel):
    """The scores of one cell, in the unit of each metric (mostly percent), unrounded; null where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    metrics: tuple[str, ...]
    """The task's metrics, the first is its primary one."""
    source_language: str | None
    """The language it was trained on, under any of its names; languages that are known to be others are zero-shot. None
    when the task is not trained, and `und` if the language is unknown: then none is called zero-shot."""
    languages: dict[str, dict[str, float] | None]
    """Language -> metric -> value."""
    examples: dict[str, int]
    """Language -> number of scored examples; for retrieval the pairs that could be found."""
    missing: dict[str, str]
    """Language -> why it has no score."""
    retrieval: Retrieved | None = None
    """How sentences were embedded and compared; None for other kinds."""
    no_answer: NoAnswerThresholds | None = None
    """None where every question has an answer, and for other kinds."""
    language_adapters: dict[str, str] | None = None
    """Language -> the language whose adapter acted on its text; None in a method without adapters."""
    tags: TagScheme | None = None
    """tagging: how tags were read; None where no metric counts spans, and for other kinds."""
    sources: Sources | None = None
    """None in records of version 0.1."""
    rows: Accounts | None = None
    """Which rows were used; None in records of before there was such a field."""
    threshold: LabelThreshold | None = None
    """multilabel: None where the usual threshold, 0.5, holds, and for other kinds."""

    def cut_at(self, language: str) -> float | None:
        """Return the threshold of answers in a language; None where none decides, or none could be tuned."""
        chosen = self.no_answer or self.threshold
        return None if chosen is None else chosen.thresholds.get(language)

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
        languages stand behind it is `averaged()`; a table says so.
        """
        left = self.averaged(zero_shot=zero_shot)
        values = [value for name in left if (value := self.value(name, metric)) is not None]
        return sum(values) / len(values) if values else None

    def averaged(self, *, zero_shot: bool = False) -> tuple[str, ...]:
        """Return the languages that a mean is over; see `mean`."""
        if not zero_shot:
            return self.scored()
        return tuple(name for name in self.scored() if self.is_zero_shot(name))

    def is_zero_shot(self, language: str) -> bool | None:
        """Return whether a language differs from the language of training; None if their names do not tell."""
        return True if self.source_language is None else is_other(language, self.source_language)


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
