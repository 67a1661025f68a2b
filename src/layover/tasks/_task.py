"""What a task is: data, kind and metrics, and where its data are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layover import kinds, metrics
from layover.archives import is_file
from layover.data.formats import Layout
from layover.data.languages import UNKNOWN
from layover.data.right_choice import Form
from layover.data.row_ids import id_in
from layover.data.tally import EMPTY, NO_GOLD, NOT_AGREED, Tally
from layover.data.task import FileSource, HubSource, Joined, Location, Place, Source
from layover.errors import DataError, nearest
from layover.kinds.retrieval import PUBLISHED, Search, mined
from layover.metrics._detect import detect, found_or_none
from layover.metrics._metric import Rules
from layover.metrics._scheme import Scheme, SchemeName
from layover.tasks._fit import unfit_labels, unfit_metrics, written_in_two_forms
from layover.tasks._named import SPLITS, Paths, named_source
from layover.tasks._rows import rows_of, values_there

MOST_LABELS = 32_767
"""Of training data; tags are predicted as int16, and data with more have something else in the column."""


class Task(BaseModel):
    """A task; built-in ones stand in a file each, others are declared in a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    summary: str
    stages: tuple[Literal["intermediate", "target"], ...] = ("intermediate", "target")
    labels: tuple[str, ...] = ()
    """In the order of the head's outputs; none for choice, and for spans unless there may be no answer."""
    labels_from_training: bool = False
    """tagging: the labels are the tags of the training data, in sorted order. `labels` are empty until a plan has found
    them; a tag that only other splits have stays gold, and every prediction for it is wrong."""
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
    parts: tuple[Task, ...] = ()
    """Tasks whose data, one after another, are this one's; it has no sources of its own then."""
    hub: dict[str, tuple[HubSource, ...]] = Field(default_factory=dict)
    files: dict[str, tuple[FileSource, ...]] = Field(default_factory=dict)
    """Split -> official files, the first that exists is taken."""
    maker: Callable[[str, str], Path] | None = None
    """Makes the files of a split and language where they are not yet there, and returns the folder they lie in."""
    only_gold: bool = False
    """Whether rows whose gold is withheld or was not agreed on (SNLI's `-`) are left out; elsewhere they are errors."""
    layout: Layout | None = None
    """How a recipe's own files are written where no official file tells."""
    where: dict[str, str | dict[str, str]] = Field(default_factory=dict)
    """Rows of a recipe's own files that count, see `Source.where`."""
    codes: dict[str, str] = Field(default_factory=dict)
    """Written number -> the label that it stands for in a recipe's own files."""
    right: Form | Literal["auto"] | None = None
    """choice: how a recipe's own files write which one is right; a number from 0 when None."""
    retrieval: Search = PUBLISHED
    """retrieval: how sentences are embedded and compared, where the recipe does not say otherwise."""
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

    @model_validator(mode="after")
    def _columns_fit(self) -> Task:
        kind = kinds.get(self.kind)
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
    def _metrics_fit(self) -> Task:
        reads_pairs = mined(self.columns)
        for problem in unfit_metrics(self.kind, self.metrics, self.columns, mined=reads_pairs):
            raise DataError(f"{self.name}: {problem}")
        return self

    @model_validator(mode="after")
    def _labels_fit(self) -> Task:
        for problem in unfit_labels(self.kind, self.labels, from_training=self.labels_from_training):
            raise DataError(f"{self.name}: {problem}")
        for part in self.parts:
            if (part.kind, part.labels) != (self.kind, self.labels):
                raise DataError(f"{self.name}: {part.name} has another kind or other labels, in another order")
        if (self.scheme or self.outside is not None) and self.kind != "tagging":
            raise DataError(f"{self.name}: `scheme` and `outside` belong to tagging, not to {self.kind}")
        self.tags()
        if not kinds.get(self.kind).trained and self.stages != ("target",):
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

    def rules(self) -> Rules:
        """Return the facts of the task that decide how its predictions are scored."""
        return Rules(tags=self.tags(), answerable=self.kind == "span" and not self.labels)

    def scoring(self) -> dict[str, Any] | None:
        """Return what of the declared scheme changes a score; None where it is the one that is found anyway."""
        tags = self.tags() if self.scheme is not None or self.outside is not None else None
        if tags is None or tags.alike(found_or_none(self.labels), self.labels):
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

    def candidates(self, split: str, language: str) -> list[str]:
        """Return the paths below a data root that are looked for, in order."""
        own = [path for source in self._files(split, language) for path in source.needed(language)]
        return own + [path for part in self.parts for path in part.candidates(split, language)]

    def locate(
        self,
        split: str,
        language: str,
        *,
        root: Path | None,
        files: Mapping[str, Paths | Mapping[str, Paths]] | None = None,
    ) -> Place | None:
        """Return where the examples are: a recipe's own file, what is made here, a file below `root`, or the hub.

        `files` are the recipe's paths by split: one path (for retrieval up to three), with `{language}` where there
        are several languages, or those of each language. None where there is nothing for this split and language.

        Raises:
            DataError: a path that the recipe names does not exist, or there are too many or too few of them.
        """
        if files and split in files:
            source = named_source(self, split, language, files[split], root or Path())
            return None if source is None else self._at(split, language, source, root or Path())
        if self.parts:
            return self.join([part.locate(split, language, root=root) for part in self.parts])
        if self.maker is not None:
            root = self.maker(split, language) if language in self.languages_of(split) else None
        if root is not None:
            there = (
                source
                for source in self._files(split, language)
                if all(is_file(root / path) for path in source.needed(language))
            )
            source = next(there, None)
            return None if source is None else self._at(split, language, source.resolved(language), root)
        for hub in self.hub.get(split, ()):
            if hub.serves(language, self.languages_of(split)):
                return self._location(split, language, hub.resolved(language), ())
        return None

    def join(self, places: Sequence[Place | None]) -> Joined | None:
        """Return the data of all parts as this task's; None where one of them has none: fewer would be another task."""
        parts = tuple(place for place in places if isinstance(place, Location))
        if not parts or len(parts) < len(places):
            return None
        return Joined(self.name, self.kind, parts[0].split, parts[0].language, parts)

    def read(self, place: Place, tally: Tally | None = None) -> list[Any]:
        """Return the examples, in the order of the source; what is left out is counted in `tally`.

        Raises:
            DataError: with file:line, for whatever cannot be read; also when there is no row.
        """
        return list(self.examples(place, Tally() if tally is None else tally))

    def examples(self, place: Place, tally: Tally) -> Iterator[Any]:
        """Yield the examples one by one, in the order of the source, and count what is left out; see `read`."""
        for part in place.parts if isinstance(place, Joined) else (place,):
            yield from self._examples(part, tally)

    def _examples(self, place: Location, tally: Tally) -> Iterator[Any]:
        kind, before = kinds.get(place.kind), tally.examples
        reading, first = replace(place.reading, tally=tally), None
        for row in rows_of(place, tally):
            example = kind.parse(row, reading)
            first = example if first is None else first
            if problem := kind.unlike(example, first):
                raise DataError(f"{row.where()}: {problem}")
            if not kind.has_gold(example):
                tally.add(NOT_AGREED if reading.only_gold else NO_GOLD, row.where())
                if reading.only_gold:
                    continue
            if not any(text.strip() for text in kind.texts_of(example)):
                tally.add(EMPTY, row.where())
            tally.take(row.path, row.line, id_in(row.values))
            yield example
        if tally.examples == before:
            chosen = ", ".join(f"{column} {value!r}" for column, value in place.source.where.items())
            there = f" with {chosen}; {values_there(place)}" if chosen else ""
            raise DataError(f"{place.describe()}: no example in it{there}")

    def labels_in(self, place: Place) -> tuple[str, ...]:
        """Return every tag of training data once, in sorted order: the labels of a task that takes them from there.

        Raises:
            DataError: whatever `read` raises, or there are too few or too many to be tags.
        """
        kind = kinds.get(self.kind)
        golds = (kind.gold(example) for example in self.read(place) if kind.has_gold(example))
        labels = sorted({label for gold in golds for label in kind.labels_of(gold)})
        if problem := written_in_two_forms(labels):
            raise DataError(f"{place.describe()}: {problem}")
        if not 2 <= len(labels) <= MOST_LABELS:
            raise DataError(
                f"{place.describe()}: {len(labels)} different tags, but 2 to {MOST_LABELS} are needed to be labels; "
                f"is {self.columns['tags']!r} the right column?"
            )
        return tuple(labels)

    def _sources(self) -> Iterator[Source]:
        for split in SPLITS:
            yield from self.hub.get(split, ())
            yield from self.files.get(split, ())

    def _files(self, split: str, language: str) -> Iterator[FileSource]:
        declared = self.languages_of(split)
        return (source for source in self.files.get(split, ()) if source.serves(language, declared))

    def _at(self, split: str, language: str, source: FileSource, root: Path) -> Location:
        paths = [root / path for path in (source.path, source.other) if path is not None]
        if source.gold is not None and is_file(root / source.gold):
            paths.append(root / source.gold)
        more = tuple(root / path for path in source.more)
        listing = root / source.listing.path if source.listing is not None else None
        return replace(self._location(split, language, source, tuple(paths)), more=more, listing=listing)

    def _location(self, split: str, language: str, source: HubSource | FileSource, paths: tuple[Path, ...]) -> Location:
        # labels that were found in the training data decide nothing about how a file is read
        labels, is_open = ((), True) if self.labels_from_training else (self.labels, False)
        reading = replace(source.reading(self.columns, labels, split), only_gold=self.only_gold, open=is_open)
        return Location(self.name, self.kind, split, language, reading, source, paths)
