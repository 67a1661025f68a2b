"""What a task says of itself: kind, labels, metrics, languages, and the sources of its data; nothing is looked up."""

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
"""What a recipe names for one split and language: a file; for retrieval the files of both sides and the gold, for
translated text both sides."""


class TaskFields(BaseModel):
    """All that a task says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    summary: str
    stages: tuple[Literal["intermediate", "target"], ...] = ("intermediate", "target")
    labels: tuple[str, ...] = ()
    """In the order of the head's outputs; none for choice, and for spans unless there may be no answer."""
    meanings: dict[str, str] = Field(default_factory=dict)
    """Label -> its meaning in a few words, for people; labels without one speak for themselves, or nobody knows."""
    labels_from_training: bool = False
    """classification, tagging: the labels are those of the training data, in sorted order. `labels` are empty until a
    plan has found them; one that only other splits have stays gold, and every prediction for it is wrong."""
    metrics: tuple[str, ...]
    """The first one selects and stands in the table."""
    scheme: SchemeName | None = None
    """tagging: how the tags say where spans begin and end; found from the labels when None."""
    outside: tuple[str, ...] | None = None
    """tagging: the tags of words that are in no span; found from the labels when None."""
    columns: dict[str, str | tuple[str, ...]]
    """Field of the kind -> column, for every source that does not say otherwise."""
    languages: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Split -> languages that its sources declare."""
    one_language: str = "en"
    """The language of one file of a recipe, where the split does not declare exactly one."""
    train_task: str | None = None
    """The task whose training data it uses; its own when None."""
    hub: dict[str, tuple[HubSource, ...]] = Field(default_factory=dict)
    files: dict[str, tuple[FileSource, ...]] = Field(default_factory=dict)
    """Split -> official files, the first that exists is taken."""
    maker: Callable[[str, str], Path] | None = None
    """Makes the files of a split and language where they are not yet there, and returns the folder they lie in."""
    only_gold: bool = False
    """Whether rows whose gold is withheld or was not agreed on (SNLI's `-`) are left out; elsewhere they are errors."""
    layout: FileLayout | None = None
    """How a recipe's own files are written where no official file tells."""
    where: dict[str, str | dict[str, str]] = Field(default_factory=dict)
    """Rows of a recipe's own files that count, see `RowSource.where`."""
    codes: dict[str, str] = Field(default_factory=dict)
    """Written number -> the label that it stands for in a recipe's own files."""
    right: Form | Literal["auto"] | None = None
    """choice: how a recipe's own files write which one is right; a number from 0 when None."""
    retrieval: Search = PUBLISHED
    """retrieval: how sentences are embedded and compared, where the recipe does not say otherwise."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings that only its kind knows, as JSON; they decide how rows are read, or how predictions are scored."""
    counts: dict[str, int | dict[str, int]] = Field(default_factory=dict)
    """Split -> published number of examples, of each language or by language."""
    xtreme: tuple[str, ...] = ()
    """The languages over which XTREME averages it; none when it is not one of the benchmark's nine tasks."""
    shares: dict[str, tuple[Literal["train", "validation"], ...]] = Field(default_factory=dict)
    """Another task -> its splits that hold texts which this one is scored on."""
    epochs: float | None = Field(default=None, gt=0)
    """Passes over its training data that are usual for it, where they are more than the usual ones of a module."""
    licence: str = ""
    obtain: str = ""
    """What a person must do to have the data, where they cannot be downloaded by a program."""
    citation: str = ""

    @property
    def of_kind(self) -> Kind[Any]:
        """The kind itself."""
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
                raise DataError(f"{self.name}: no column is named for {', '.join(lacking)}")
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
            raise DataError(f"{self.name}: `scheme` and `outside` belong to tags, and {self.kind} has none")
        if not self.labels_from_training and (wrong := sorted(set(self.meanings) - set(self.labels))):
            raise DataError(
                f"{self.name}: a meaning for {wrong[0]!r}, which is no label; {nearest(wrong[0], self.labels)}"
            )
        self.tags()
        if not self.of_kind.trained and self.stages != ("target",):
            raise DataError(f"{self.name}: {self.kind} is not trained, so it can only be a target")
        return self

    def tags(self) -> Scheme | None:
        """Return how the tags are read as spans; None where no metric asks for it, or the labels are not known yet.

        Raises:
            DataError: the labels can be read in two ways, or not in the declared one.
        """
        if not self.labels or not any(metrics.get(name).reads_spans for name in self.metrics):
            return None
        try:
            return detect(self.labels, scheme=self.scheme, outside=self.outside)
        except DataError as error:
            raise DataError(f"{self.name}: {error}") from error

    def may_have_no_answer(self) -> bool:
        """Return whether its questions may have none, so that a threshold decides which do."""
        return self.of_kind.asks_of_context and bool(self.labels)

    def rules(self) -> Rules:
        """Return the facts of the task that decide how its predictions are scored."""
        return self.of_kind.rules(self.labels, self.tags(), self.options)

    def scoring(self) -> dict[str, Any] | None:
        """Return what of the declared scheme changes a score; None where it is the one that is found anyway."""
        tags = self.tags() if self.scheme is not None or self.outside is not None else None
        if tags is None or tags.alike(detect_or_none(self.labels), self.labels):
            return None
        return {"scheme": tags.name, "outside": sorted(tags.outside)}

    def languages_of(
        self, split: str, files: Mapping[str, Paths | Mapping[str, Paths]] | None = None
    ) -> tuple[str, ...]:
        """Return the declared languages of a split, and those for which `files` of a recipe name some.

        A recipe's files for training take the place of the declared ones. None if the split is not the task's own.
        """
        declared, named = self.languages.get(split, ()), (files or {}).get(split)
        if isinstance(named, Mapping):
            return tuple(named) if split == "train" else tuple(dict.fromkeys((*declared, *named)))
        if named is None:
            return declared
        if "{language}" not in "".join(named):
            if self.where_by_language():
                return self._languages_in_one_file(split)
            one = self.language_of_one_file(split)
            return declared if one in declared else (one,)
        return declared or self.languages.get("test", ()) or self._said()

    def _languages_in_one_file(self, split: str) -> tuple[str, ...]:
        """Return the languages whose rows `where` takes from one file: but for tests also that of the training data."""
        declared = self.languages.get(split, ()) or self.languages.get("test", ())
        return declared if split == "test" and declared else tuple(dict.fromkeys((*declared, *self._said())))

    def _said(self) -> tuple[str, ...]:
        return () if self.one_language == UNKNOWN else (self.one_language,)

    def where_by_language(self) -> bool:
        """Return whether `where` chooses the rows of each language of a recipe's own files."""
        return any(isinstance(value, dict) or "{language}" in value for value in self.where.values())

    def language_of_one_file(self, split: str) -> str:
        """Return the language of a recipe's file for a split that names no language: the only declared one, if any."""
        declared = self.languages.get(split, ())
        return declared[0] if len(declared) == 1 else self.one_language

    def all_languages(self) -> tuple[str, ...]:
        """Return every declared language once, sorted."""
        return tuple(sorted({language for found in self.languages.values() for language in found}))

    def count(self, split: str, language: str) -> int | None:
        """Return the published number of examples, None where it is not known."""
        count = self.counts.get(split)
        if isinstance(count, dict):
            return count.get(language)
        return count if language in self.languages_of(split) else None

    def _sources(self) -> Iterator[RowSource]:
        for split in SPLITS:
            yield from self.hub.get(split, ())
            yield from self.files.get(split, ())
