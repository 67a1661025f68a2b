"""The declared fields of a task: kind, labels, metrics, languages, and the sources of its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layover import kinds, metrics
from layover.data.formats import FileLayout
from layover.data.languages import UNKNOWN
from layover.data.right_choice import Form
from layover.data.task import FileSource, HubSource, RowSource
from layover.errors import DataError, nearest
from layover.kinds import Kind
from layover.kinds._submission import mined
from layover.kinds.retrieval import PUBLISHED, Search
from layover.metrics._detect import detect, detect_or_none
from layover.metrics._metric import Rules
from layover.metrics._scheme import Scheme, SchemeName
from layover.tasks._fit import unfit_labels, unfit_metrics

SPLITS = ("train", "validation", "test")

Paths = str | Annotated[tuple[str, ...], Field(min_length=1)]
"""The paths in a recipe for one split and language: one file; for retrieval the files of both sides and the gold; for
translated text both sides."""


class TaskFields(BaseModel):
    """The declared fields of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    summary: str
    stages: tuple[Literal["intermediate", "target"], ...] = ("intermediate", "target")
    labels: tuple[str, ...] = ()
    """Labels in the order of the head's outputs; empty for choice, and for spans unless answers may be absent."""
    meanings: dict[str, str] = Field(default_factory=dict)
    """Label -> its meaning in a few words, for display; absent for labels that are clear or of unknown meaning."""
    labels_from_training: bool = False
    """classification, tagging: the labels are the labels of the training data, in sorted order. `labels` is empty until
    a plan has read them. A label that only other splits have stays gold, and every prediction for it is wrong."""
    metrics: tuple[str, ...]
    """The first metric selects, and tables show it."""
    scheme: SchemeName | None = None
    """tagging: the scheme in which tags mark the begin and end of spans; None: detected from the labels."""
    outside: tuple[str, ...] | None = None
    """tagging: the tags of words outside spans; None: detected from the labels."""
    columns: dict[str, str | tuple[str, ...]]
    """Field of the kind -> column, for every source without columns of its own."""
    languages: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Split -> declared languages of its sources."""
    one_language: str = "en"
    """The language of a single file of a recipe, unless the split declares exactly one language."""
    train_task: str | None = None
    """The task whose training data this task uses; None: its own data."""
    hub: dict[str, tuple[HubSource, ...]] = Field(default_factory=dict)
    files: dict[str, tuple[FileSource, ...]] = Field(default_factory=dict)
    """Split -> official files; the first existing file is used."""
    maker: Callable[[str, str], Path] | None = None
    """Makes the files of a split and language if they do not exist, and returns their folder."""
    only_gold: bool = False
    """Whether rows without gold, for example without agreement (SNLI's `-`), are left out; if not, they are errors."""
    layout: FileLayout | None = None
    """Layout of a recipe's own files, if no official file determines it."""
    where: dict[str, str | dict[str, str]] = Field(default_factory=dict)
    """Rows of a recipe's own files that count, see `RowSource.where`."""
    codes: dict[str, str] = Field(default_factory=dict)
    """Written number -> its label, in a recipe's own files."""
    right: Form | Literal["auto"] | None = None
    """choice: the form of the right choice in a recipe's own files; None: a number from 0."""
    retrieval: Search = PUBLISHED
    """retrieval: the embedding and comparison of sentences, unless the recipe declares another."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings of its kind, as JSON; they decide how rows are read, or how predictions are scored."""
    merged: dict[str, str] = Field(default_factory=dict)
    """classification: label of the head -> its name in scores, for test data with fewer labels than the training data.
    The head predicts one of `labels` as usual; then the predicted label gets this name, and so has the gold."""
    counts: dict[str, int | dict[str, int]] = Field(default_factory=dict)
    """Split -> published number of examples, for each language or by language."""
    xtreme: tuple[str, ...] = ()
    """The languages over which XTREME averages; empty if the task is not one of the benchmark's nine tasks."""
    usual: tuple[str, ...] = ()
    """The languages that `all` means in a recipe, if the task has many more; empty: `xtreme`, else all languages."""
    shares: dict[str, tuple[Literal["train", "validation"], ...]] = Field(default_factory=dict)
    """Another task -> its splits that contain texts from this task's evaluation data."""
    epochs: float | None = Field(default=None, gt=0)
    """Usual number of passes over its training data, if larger than the default of the modules."""
    licence: str = ""
    obtain: str = ""
    """Instructions for the user to obtain the data, if a program cannot download them."""
    citation: str = ""

    @property
    def of_kind(self) -> Kind[Any]:
        """The object of the kind that `kind` names."""
        return kinds.get(self.kind)

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        kind = self.of_kind
        known = kind.required | kind.optional
        for columns in [self.columns, *(source.columns for source in self._sources() if source.columns)]:
            wrong = sorted(set(columns) - known)
            lacking = sorted(kind.required - set(columns))
            if wrong:
                raise DataError(f"{self.name}: {self.kind} has no field {wrong[0]!r}; {nearest(wrong[0], known)}")
            if lacking:
                raise DataError(f"{self.name}: columns: {', '.join(lacking)} is missing; name its column")
        return self

    @model_validator(mode="after")
    def _metrics_fit(self) -> Self:
        reads_pairs = mined(self.columns)
        for problem in unfit_metrics(self.kind, self.metrics, self.columns, mined=reads_pairs):
            raise DataError(f"{self.name}: {problem}")
        return self

    @model_validator(mode="after")
    def _labels_fit(self) -> Self:
        for problem in unfit_labels(self.kind, self.labels, from_training=self.labels_from_training):
            raise DataError(f"{self.name}: {problem}")
        if (self.scheme or self.outside is not None) and not self.of_kind.tags:
            raise DataError(
                f"{self.name}: `scheme` and `outside` are settings of tags, but {self.kind} has no tags; remove them"
            )
        if not self.labels_from_training and (wrong := sorted(set(self.meanings) - set(self.labels))):
            raise DataError(f"{self.name}: meanings: {wrong[0]!r} is not a label; {nearest(wrong[0], self.labels)}")
        if self.merged and (not self.of_kind.classes or self.of_kind.tags or self.train_task is None):
            raise DataError(
                f"{self.name}: merged: only a task of classification that trains on another task merges labels"
            )
        if wrong := sorted(set(self.merged) - set(self.labels)):
            raise DataError(f"{self.name}: merged: {wrong[0]!r} is not a label; {nearest(wrong[0], self.labels)}")
        self.tags()
        if not self.of_kind.trained and self.stages != ("target",):
            raise DataError(f"{self.name}: stages: {self.kind} is not trained; write only target")
        return self

    def tags(self) -> Scheme | None:
        """Return the scheme that reads tags as spans, or None if no metric needs it or the labels are unknown yet.

        Raises:
            DataError: the labels fit two schemes, or do not fit the declared scheme.
        """
        if not self.labels or not any(metrics.get(name).reads_spans for name in self.metrics):
            return None
        try:
            return detect(self.labels, scheme=self.scheme, outside=self.outside)
        except DataError as error:
            raise DataError(f"{self.name}: {error}") from error

    def scored_labels(self) -> tuple[str, ...]:
        """Return the name of each label in gold and scores, in the order of the head's outputs."""
        return tuple(self.merged.get(label, label) for label in self.labels)

    def may_have_no_answer(self) -> bool:
        """Return whether questions may have no answer, so that a threshold decides which questions have one."""
        return self.of_kind.asks_of_context and bool(self.labels)

    def rules(self) -> Rules:
        """Return the settings of the task that decide the scoring of its predictions."""
        return self.of_kind.rules(self.labels, self.tags(), self.options)

    def scoring(self) -> dict[str, Any] | None:
        """Return the declared scheme if it can change a score, or None if detection finds the same scheme."""
        tags = self.tags() if self.scheme is not None or self.outside is not None else None
        if tags is None or tags.alike(detect_or_none(self.labels), self.labels):
            return None
        return {"scheme": tags.name, "outside": sorted(tags.outside)}

    def languages_of(
        self, split: str, files: Mapping[str, Paths | Mapping[str, Paths]] | None = None
    ) -> tuple[str, ...]:
        """Return the declared languages of a split, and the languages of the recipe's `files`.

        For training, the languages of the recipe's files replace the declared ones. Empty if the task does not have the
        split.
        """
        declared, named = self.languages.get(split, ()), (files or {}).get(split)
        if isinstance(named, Mapping):
            return tuple(named) if split == "train" else tuple(dict.fromkeys((*declared, *named)))
        if named is None:
            return declared
        if "{language}" not in "".join(named):
            if self.where_by_language():
                return self._languages_in_one_file(split)
            language = self.language_of_one_file(split)
            return declared if language in declared else (language,)
        return declared or self.languages.get("test", ()) or self._known_language()

    def _languages_in_one_file(self, split: str) -> tuple[str, ...]:
        """Return the languages that `where` selects from one file; except for tests, with the training language."""
        declared = self.languages.get(split, ()) or self.languages.get("test", ())
        return declared if split == "test" and declared else tuple(dict.fromkeys((*declared, *self._known_language())))

    def _known_language(self) -> tuple[str, ...]:
        return () if self.one_language == UNKNOWN else (self.one_language,)

    def where_by_language(self) -> bool:
        """Return whether `where` selects the rows of each language in a recipe's own files."""
        return any(isinstance(value, dict) or "{language}" in value for value in self.where.values())

    def language_of_one_file(self, split: str) -> str:
        """Return the language of a single file of a recipe: the only declared language, else `one_language`."""
        declared = self.languages.get(split, ())
        return declared[0] if len(declared) == 1 else self.one_language

    def all_languages(self) -> tuple[str, ...]:
        """Return every declared language once, sorted."""
        return tuple(sorted({language for languages in self.languages.values() for language in languages}))

    def count(self, split: str, language: str) -> int | None:
        """Return the published number of examples, or None if unknown."""
        count = self.counts.get(split)
        if isinstance(count, dict):
            return count.get(language)
        return count if language in self.languages_of(split) else None

    def _sources(self) -> Iterator[RowSource]:
        for split in SPLITS:
            yield from self.hub.get(split, ())
            yield from self.files.get(split, ())
