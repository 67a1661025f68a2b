"""Records: the scores of one cell. They do not depend on names, times or machines."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from layover.data.languages import is_other
from layover.data.tally import LeftOut
from layover.errors import StoreError
from layover.store import read_json, write_json

SCHEMA = 1


class Layer(BaseModel):
    """The scores of one of several layers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    languages: dict[str, dict[str, float]]
    """Language -> metric -> value, for the languages that have scores."""
    thresholds: dict[str, float]
    """Language -> the score that a mined pair needs to be kept."""
    validation: dict[str, dict[str, float]]
    """Language -> metric -> value on the validation split, if its gold chooses the layer."""


class Retrieved(BaseModel):
    """The settings of a retrieval, which its scores depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: int
    """The number of encoder layers below the hidden states that were read; 0 for the embeddings."""
    layer_chosen_on: Literal["validation", "scored"] | None = None
    """The split whose gold chose the layer; None if the recipe names the layer. `scored` is the scored split itself, so
    the score is optimistic."""
    special_tokens: bool
    scoring: str
    threshold_tuned_on: Literal["validation", "scored"] | None
    """The split whose gold tuned the threshold; None if no pairs are mined. `scored` is the scored split itself, so the
    score is optimistic."""
    thresholds: dict[str, float]
    """Language -> the score that a mined pair needs to be kept."""
    layers: dict[int, Layer] = {}
    """All layers that were scored in the same pass, `layer` included; empty if only one layer was scored."""


class NoAnswerThresholds(BaseModel):
    """Thresholds for no answer: an answer is empty if its null score exceeds its score by more than the threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tuned_on: Literal["validation", "scored"] | None
    """The split whose gold tuned the thresholds; None if the recipe sets a number. `scored` is the scored split itself,
    so the score is optimistic."""
    thresholds: dict[str, float]
    """Language -> threshold, in logits."""


class LabelThreshold(BaseModel):
    """Thresholds for labels: a label is predicted if its probability is above the threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tuned_on: Literal["validation", "scored"] | None
    """The split whose gold tuned the thresholds; None if the recipe sets a number. `scored` is the scored split itself,
    so the score is optimistic."""
    thresholds: dict[str, float]
    """Language -> threshold, a probability."""


class TagScheme(BaseModel):
    """The scheme by which tags were read as spans."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: str
    """`iob2`, `bioes`, `bilou` ...; `io`, `bare` or `xtreme` for classes without letters."""
    written: str
    """A tag with a letter and a type, such as `B-PER` or `PER_B`; empty if tags are classes or single letters."""
    outside: tuple[str, ...]
    """The tags of words outside all spans."""


class TextChanges(BaseModel):
    """The perturbation of the scored texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    perturbation: str
    """Its label, `typos-10`."""
    seed: int
    words: dict[str, int]
    """Language -> number of words that the perturbation could change; words of gold are not among them."""
    changed: dict[str, int]
    """Language -> number of words that it changed."""


class DataSource(BaseModel):
    """The source of rows: a split of a hub data set at a commit, or files with their hashes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: str | None = None
    """`org/name`; None for files."""
    config: str | None = None
    split: str | None = None
    commit: str | None = None
    files_sha256: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the source in one line: `org/name config [split] @ commit`, or the hashes of the files."""
        if self.hub is None:
            return " ".join(f"sha256:{sha256}" for sha256 in self.files_sha256)
        config = f" {self.config}" if self.config else ""
        return f"{self.hub}{config} [{self.split}] @ {self.commit}"


class EncoderSource(BaseModel):
    """The source of an encoder: a hub model at a commit, or files with their hashes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: str | None = None
    """`org/name`; None for a local folder."""
    commit: str | None = None
    config_sha256: str | None = None
    weights_sha256: tuple[str, ...] = ()
    tokenizer_sha256: str | None = None
    """SHA-256 of the serialised tokenizer; None if the commit identifies it."""

    def text(self) -> str:
        """Return the source in one line: `org/name @ commit`, or the hashes of weights, config and tokenizer."""
        if self.hub is not None:
            return f"{self.hub} @ {self.commit}"
        parts = [f"sha256:{sha256}" for sha256 in self.weights_sha256]
        parts += [f"config sha256:{self.config_sha256}"] if self.config_sha256 is not None else []
        parts += [f"tokenizer sha256:{self.tokenizer_sha256}"] if self.tokenizer_sha256 is not None else []
        return " ".join(parts)


class Sources(BaseModel):
    """The model and all data behind the scores, by commit or hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: EncoderSource
    scored: dict[str, tuple[DataSource, ...]]
    """Language -> sources of the scored data; several if tasks are joined."""
    trained_on: tuple[DataSource, ...] = ()
    """Sources of the target's training data; empty if the target is not trained."""
    selected_on: tuple[DataSource, ...] = ()
    """Sources of the data that selected the weights of that training."""
    tuned_on: tuple[DataSource, ...] = ()
    """Sources of the data that chose a threshold or the layer of a retrieval."""
    learned_before: tuple[DataSource, ...] = ()
    """Sources of the training data of its intermediates and language adapters."""
    imported: tuple[str, ...] = ()
    """SHA-256 of the weights of its imported modules."""


class Rows(BaseModel):
    """How many rows of one data set were read, used and left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: int
    """Number of rows in its files."""
    used: int
    """Number of rows that were trained on, or scored if the language has a score."""
    left_out: tuple[LeftOut, ...]


class Accounts(BaseModel):
    """How many rows were read, used and left out, for the trainings and scores of a cell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: tuple[Rows, ...]
    """Rows of all its trainings; the target comes first if it was trained."""
    scored: dict[str, Rows]
    """Language -> rows of its scored data."""


class Record(BaseModel):
    """The scores of one cell, in the unit of each metric (mostly percent), unrounded; null if missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    metrics: tuple[str, ...]
    """The metrics of the task; the first is the primary one."""
    source_language: str | None
    """The language of the training data, under any of its names. Languages that certainly differ from it are zero-shot.
    None if the task is not trained. `und` if the language is unknown; then no language is zero-shot."""
    languages: dict[str, dict[str, float] | None]
    """Language -> metric -> value."""
    examples: dict[str, int]
    """Language -> number of scored examples; for retrieval, number of gold pairs."""
    missing: dict[str, str]
    """Language -> reason why it has no score."""
    retrieval: Retrieved | None = None
    """retrieval: how sentences were embedded and compared; None for other kinds."""
    no_answer: NoAnswerThresholds | None = None
    """span: thresholds for no answer; None if every question has an answer, and for other kinds."""
    language_adapters: dict[str, str] | None = None
    """Language -> language of the adapter that was active on its text; None in a method without language adapters."""
    tags: TagScheme | None = None
    """tagging: how tags were read; None if no metric counts spans, and for other kinds."""
    sources: Sources | None = None
    """Sources of the model and the data; None in records of version 0.1."""
    rows: Accounts | None = None
    """Counts of rows; None in older records without this field."""
    threshold: LabelThreshold | None = None
    """multilabel: thresholds for labels; None if the usual threshold 0.5 applies, and for other kinds."""
    perturbed: TextChanges | None = None
    """How the scored texts were changed; None for scores on the texts of the data."""

    def cut_at(self, language: str) -> float | None:
        """Return the threshold of a language; None if the kind uses none, or if none could be tuned."""
        chosen = self.no_answer or self.threshold
        return None if chosen is None else chosen.thresholds.get(language)

    def value(self, language: str, metric: str) -> float | None:
        """Return one score, or None if it is missing."""
        scores = self.languages.get(language)
        return None if scores is None else scores[metric]

    def scored(self) -> tuple[str, ...]:
        """Return the languages that have scores."""
        return tuple([language for language, scores in self.languages.items() if scores is not None])

    def mean(self, metric: str, *, zero_shot: bool = False) -> float | None:
        """Return the mean over the scored languages, or with `zero_shot` over the zero-shot languages.

        English is included, as in XTREME, unless `zero_shot`. Returns None if there is no such language, and for
        `zero_shot` also if the language of the training data is unknown. `averaged` returns the languages of the mean.
        """
        every = (self.languages[name] for name in self.averaged(zero_shot=zero_shot))
        values = [scores[metric] for scores in every if scores is not None]
        return sum(values) / len(values) if values else None

    def averaged(self, *, zero_shot: bool = False) -> tuple[str, ...]:
        """Return the languages that `mean` averages."""
        return _others(self.scored(), self.source_language) if zero_shot else self.scored()

    def is_zero_shot(self, language: str) -> bool | None:
        """Return whether a language differs from the language of the training data; None if this is unclear."""
        return is_zero_shot(language, self.source_language)


@lru_cache(maxsize=1_000)  # the cells of a sweep have the same languages
def _others(languages: tuple[str, ...], source_language: str | None) -> tuple[str, ...]:
    return tuple(name for name in languages if is_zero_shot(name, source_language))


def is_zero_shot(language: str, source_language: str | None) -> bool | None:
    """Return whether a language differs from the language of the training data; None if this is unclear.

    Args:
        language: Name of the language of a text.
        source_language: Name of the language of the training data; None without training.
    """
    return True if source_language is None else is_other(language, source_language)


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON."""
    write_json(path, record.model_dump(mode="json"))


def read_record(path: Path) -> Record:
    """Read a record of this or an older schema.

    Raises:
        StoreError: the file has a newer schema or is damaged.
    """
    values = read_json(path)
    if values.get("schema_version") != SCHEMA:
        raise StoreError(
            f"{path}: the record has the schema {values.get('schema_version')!r}, but this version reads {SCHEMA}"
        )
    return Record.model_validate(values)
