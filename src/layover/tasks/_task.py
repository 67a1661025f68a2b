"""A task: the location of its data, and its examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import model_validator

from layover import kinds
from layover.data.row_ids import id_in
from layover.data.tally import EMPTY, NO_GOLD, NOT_AGREED, Tally
from layover.data.task import FileSource, HubSource, Joined, Location, Place
from layover.errors import DataError
from layover.files.archives import is_file
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

    @model_validator(mode="after")
    def _parts_fit(self) -> Task:
        for part in self.parts:
            if (part.kind, part.labels) != (self.kind, self.labels):
                raise DataError(
                    f"{self.name}: {part.name} has another kind, other labels or another order of labels; join only "
                    "tasks with the same kind and labels"
                )
        return self

    def candidates(self, split: str, language: str) -> list[str]:
        """Return the possible paths below a data root, in order of priority."""
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

    def read(self, place: Place, tally: Tally | None = None) -> list[Any]:
        """Return the examples, in the order of the source; `tally` counts the excluded rows.

        Raises:
            DataError: with file:line, if a row cannot be read; also if there is no row.
        """
        return list(self.examples(place, Tally() if tally is None else tally))

    def examples(self, place: Place, tally: Tally) -> Iterator[Any]:
        """Yield the examples in the order of the source, and count the excluded rows; see `read`."""
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
        labels, is_open = ((), True) if self.labels_from_training else (self.labels, False)
        reading = replace(
            source.reading(self.columns, labels, split), only_gold=self.only_gold, open=is_open, options=self.options
        )
        return Location(self.name, self.kind, split, language, reading, source, paths)
