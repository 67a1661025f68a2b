"""A task: the location of its data, and its examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import model_validator

from layover import kinds
from layover.data.crossed import Crossed
from layover.data.row_ids import id_in
from layover.data.tally import EMPTY, NO_GOLD, NOT_AGREED, Tally
from layover.data.task import FileSource, HubSource, Joined, Location, Place
from layover.errors import DataError
from layover.files.archives import is_file
from layover.tasks._crossed import Parsed, crossed
from layover.tasks._fields import Paths, TaskFields
from layover.tasks._fit import written_in_two_forms
from layover.tasks._named import named_source
from layover.tasks._rows import existing_values, rows_of

MOST_LABELS = 32_767
"""Most labels from training data: predicted tags are int16, and a column with more values probably holds no labels."""


class Task(TaskFields):
    """A task; each built-in task is a file, other tasks are declared in a recipe."""

    parts: tuple[Task, ...] = ()
    """Tasks whose data, in this order, are the data of this task; then it has no sources of its own."""
    crosses: Task | None = None
    """A parallel task: `en-de` has its first texts in English and its second texts in German; `en` is its English."""
    untranslated: tuple[str, ...] = ()
    """`crosses`: texts that stand for a missing translation; items with such a text are left out."""

    @property
    def sources(self) -> tuple[Task, ...]:
        """The tasks whose data are the data of this task; empty if it has sources of its own."""
        return (*self.parts, *((self.crosses,) if self.crosses is not None else ()))

    @model_validator(mode="after")
    def _parts_fit(self) -> Task:
        for part in self.parts:
            if (part.kind, part.labels) != (self.kind, self.labels):
                raise DataError(
                    f"{self.name}: {part.name} has another kind, other labels or another order of labels; join only "
                    "tasks with the same kind and labels"
                )
        if self.crosses is not None and not {"first", "second"} <= self.columns.keys():
            raise DataError(f"{self.name}: crosses: only tasks with two texts have pairs of languages")
        return self

    def candidates(self, split: str, language: str) -> list[str]:
        """Return the possible paths below a data root, in order of priority."""
        own = [path for source in self._files(split, language) for path in source.needed(language)]
        if self.crosses is not None:
            return [
                path for code in self.languages_in(split, language) for path in self.crosses.candidates(split, code)
            ]
        return own + [path for part in self.parts for path in part.candidates(split, language)]

    def locate(
        self,
        split: str,
        language: str,
        *,
        root: Path | None,
        files: Mapping[str, Paths | Mapping[str, Paths]] | None = None,
    ) -> Place | None:
        """Return the place of the examples, or None if this split and language have no data.

        The place is a recipe's own file, a generated file, a file below `root`, or the hub.

        Args:
            split: `train`, `validation` or `test`.
            language: Name of the language.
            root: The data root; None searches the hub.
            files: The recipe's paths by split: one path (for retrieval up to three), with `{language}` for several
                languages; or language -> path.

        Raises:
            DataError: a path that the recipe names does not exist, or the number of paths is wrong.
        """
        if files and split in files:
            source = named_source(self, split, language, files[split], root or Path())
            return None if source is None else self._at(split, language, source, root or Path())
        if self.parts:
            return self.join([part.locate(split, language, root=root) for part in self.parts])
        if self.crosses is not None:
            codes = self.languages_in(split, language)
            return self.cross(language, [self.crosses.locate(split, code, root=root) for code in codes])
        if self.maker is not None:
            root = self.maker(split, language) if language in self.languages_of(split) else None
        if root is not None:
            existing = (
                source
                for source in self._files(split, language)
                if all(is_file(root / path) for path in source.needed(language))
            )
            source = next(existing, None)
            return None if source is None else self._at(split, language, source.resolved(language), root)
        for hub in self.hub.get(split, ()):
            if hub.serves(language, self.languages_of(split)):
                return self._location(split, language, hub.resolved(language), ())
        return None

    def join(self, places: Sequence[Place | None]) -> Joined | None:
        """Return the joined data of all parts, or None if a part has no data."""
        parts = tuple(place for place in places if isinstance(place, Location))
        if not parts or len(parts) < len(places):
            return None
        return Joined(self.name, self.kind, parts[0].split, parts[0].language, parts)

    def languages_in(self, split: str, language: str) -> tuple[str, ...]:
        """Return the languages of both texts of a declared pair, or of a single language; empty for all others."""
        return tuple(language.split("-")) if language in self.languages_of(split) else ()

    def cross(self, language: str, places: Sequence[Place | None]) -> Place | None:
        """Return the data of a pair of languages, or of a single language; None if a language has no data."""
        parts = tuple(place for place in places if isinstance(place, Location))
        if not parts or len(parts) < len(places):
            return None
        if len(parts) == 1:
            return parts[0]
        return Crossed(self.name, self.kind, parts[0].split, language, parts, self.untranslated)

    def read(self, place: Place, tally: Tally | None = None) -> list[Any]:
        """Return the examples, in the order of the source; `tally` counts the excluded rows.

        Raises:
            DataError: with file:line, if a row cannot be read; also if there is no row.
        """
        return list(self.examples(place, Tally() if tally is None else tally))

    def examples(self, place: Place, tally: Tally) -> Iterator[Any]:
        """Yield the examples in the order of the source, and count the excluded rows; see `read`."""
        if isinstance(place, Crossed):
            first, second = place.parts
            sides = self._parsed(first, tally), self._parsed(second, Tally())
            yield from self._counted(crossed(place, *sides, tally), first, tally)
            return
        for part in place.parts if isinstance(place, Joined) else (place,):
            yield from self._counted(self._parsed(part, tally), part, tally)

    def _parsed(self, place: Location, tally: Tally) -> Iterator[Parsed]:
        kind, first = kinds.get(place.kind), None
        reading = replace(place.reading, tally=tally)
        for row in rows_of(place, tally):
            example = kind.parse(row, reading)
            first = example if first is None else first
            if problem := kind.unlike(example, first):
                raise DataError(f"{row.where()}: {problem}")
            yield row, example

    def _counted(self, parsed: Iterator[Parsed], place: Location, tally: Tally) -> Iterator[Any]:
        kind, before, reading = kinds.get(place.kind), tally.examples, place.reading
        for row, example in parsed:
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
            condition = f" with {chosen}; {existing_values(place)}" if chosen else "; name data with at least one row"
            raise DataError(f"{place.describe()}: there is no example{condition}")

    def labels_in(self, place: Place) -> tuple[str, ...]:
        """Return every label of training data once, in sorted order, for a task with labels from the training data.

        Raises:
            DataError: an error of `read`, or the number of different values is too small or too large for labels.
        """
        kind = kinds.get(self.kind)
        golds = (kind.gold(example) for example in self.read(place) if kind.has_gold(example))
        labels = sorted({label for gold in golds for label in kind.labels_of(gold)})
        if problem := written_in_two_forms(labels):
            raise DataError(f"{place.describe()}: {problem}")
        if not 2 <= len(labels) <= MOST_LABELS:
            raise DataError(
                f"{place.describe()}: {len(labels)} different labels, but 2 to {MOST_LABELS} are needed; "
                f"is {self.columns[kind.gold_field or '']!r} the right column?"
            )
        return tuple(labels)

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
        # labels from the training data do not change the reading of a file
        labels, is_open = (
            ((), True) if self.labels_from_training else (tuple(dict.fromkeys(self.scored_labels())), False)
        )
        # in the identity of the data, because it decides the names of predictions
        options = {**self.options, "merged": dict(self.merged)} if self.merged else self.options
        reading = source.reading(self.columns, labels, split)
        reading = replace(reading, only_gold=self.only_gold, open=is_open, options=options)
        return Location(self.name, self.kind, split, language, reading, source, paths)
