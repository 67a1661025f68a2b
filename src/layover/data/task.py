"""Sources of a task's data: hub data sets, official files, and the location of one split and language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from layover.data.formats import FileLayout
from layover.data.reading import Reading
from layover.errors import DataError
from layover.identity import Json

_PLACE = "{language}"


class RowSource(BaseModel):
    """Common settings of hub data sets and files: columns, written forms of labels, and which rows count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, str | tuple[str, ...]] | None = None
    """Field of the kind -> column, template or columns; the task's columns if None."""
    codes: tuple[str, ...] = ()
    """Label of each integer; compared with the label names on the hub, if the data set has them."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Written value -> label."""
    where: dict[str, str | dict[str, str]] = Field(default_factory=dict)
    """Column -> value that a row must have, or the values by language; `{language}` is filled in, and `english-*`
    matches every value with this prefix, unless `literal`."""
    literal: bool = False
    """Whether a star at the end of a value in `where` is an ordinary character, as in a recipe."""
    languages: tuple[str, ...] = ()
    """The languages of the source; all languages of the split if empty."""
    right: str = ""
    """choice: the form of the right choice; see `Reading.right`."""

    def by_language(self) -> bool:
        """Return whether `where` selects the rows of each language, so that one file holds several languages."""
        return any(isinstance(value, dict) or _PLACE in value for value in self.where.values())

    def chosen(self) -> dict[str, Json]:
        """Return the settings that decide which rows count."""
        starred = self.literal and any(str(value).endswith("*") for value in self.where.values())
        return {**self.where, **({"": "literal"} if starred else {})}

    def reading(self, columns: Mapping[str, str | tuple[str, ...]], labels: tuple[str, ...], split: str) -> Reading:
        """Return the reading of its rows; only test splits may have no gold."""
        blind = split == "test"
        return Reading(self.columns or columns, labels, self.codes, self.aliases, blind=blind, right=self.right)


class HubSource(RowSource):
    """A data set of the Hugging Face hub, loaded without a script; by default its `codes` are the task's labels."""

    path: str
    """`org/name`."""
    config: str | dict[str, str] | None = None
    """Configuration, with `{language}` filled in, or language -> configuration."""
    split: str
    revision: str = "main"
    """Branch, tag or commit; the plan replaces it with the commit."""

    def reading(self, columns: Mapping[str, str | tuple[str, ...]], labels: tuple[str, ...], split: str) -> Reading:
        return replace(super().reading(columns, labels, split), codes=self.codes or labels)

    def serves(self, language: str, declared: tuple[str, ...]) -> bool:
        """Return whether the data set has this language."""
        if isinstance(self.config, dict) and language not in self.config:
            return False
        return language in (self.languages or declared)

    def resolved(self, language: str) -> HubSource:
        """Return the source of one language."""
        config = self.config[language] if isinstance(self.config, dict) else self.config
        filled = config.replace(_PLACE, language) if config is not None else None
        return self.model_copy(update={"config": filled, "where": _filled(self.where, language)})


class Listing(BaseModel):
    """A second file that lists some rows of the first file by id, for example the rows of the test split.

    The values of columns that both files have must agree.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Path of a required file, with `{language}` filled in."""
    layout: FileLayout
    id: str
    """The column of the ids, in both files."""
    taken: bool
    """True: the listed rows are used; False: all other rows are used."""


class FileSource(RowSource):
    """An official file, or a file of a recipe, below the data root."""

    path: str
    """Path with `{language}` filled in."""
    layout: FileLayout
    more: tuple[str, ...] = ()
    """Further required files; their rows follow the rows of `path`."""
    other: str | None = None
    """retrieval: the file of the other side, the English sentences; required in addition to `path`."""
    gold: str | None = None
    """A file with the gold; optional. For retrieval: the pairs of ids that translate each other, or for each English
    line the number of the line that translates it. For other kinds: the labels of the same rows, in the same order and
    column."""
    gold_layout: FileLayout | None = None
    listing: Listing | None = None
    """The rows that belong to the split, if one file holds several splits."""
    format_note: str = ""
    """A sentence for display on the format, if the content of the file decided it; else empty."""

    def serves(self, language: str, declared: tuple[str, ...]) -> bool:
        """Return whether the source may have this language; one path for all languages has only the declared ones."""
        if self.languages or (_PLACE not in self.path and not self.where):
            return language in (self.languages or declared)
        return True

    def needed(self, language: str) -> tuple[str, ...]:
        """Return the paths of the required files of one language."""
        listed = self.listing.path if self.listing is not None else None
        paths = (self.path, *self.more, self.other, listed)
        return tuple(path.replace(_PLACE, language) for path in paths if path is not None)

    def resolved(self, language: str) -> FileSource:
        """Return the source of one language."""
        paths = {"path": self.path, "other": self.other, "gold": self.gold}
        filled = {name: path and path.replace(_PLACE, language) for name, path in paths.items()}
        more = tuple(path.replace(_PLACE, language) for path in self.more)
        listing = self.listing
        if listing is not None:
            listing = listing.model_copy(update={"path": listing.path.replace(_PLACE, language)})
        where = _filled(self.where, language)
        return self.model_copy(update={**filled, "more": more, "listing": listing, "where": where})


@dataclass(frozen=True)
class Location:
    """The located data of one (task, split, language): files that exist, or a hub data set."""

    task: str
    kind: str
    split: str
    language: str
    reading: Reading
    source: HubSource | FileSource
    """The source with the language filled in."""
    paths: tuple[Path, ...] = ()
    """The file of the texts, the file of the other side and the file of the gold, if they exist; empty for the hub."""
    more: tuple[Path, ...] = ()
    """Files whose rows follow the rows of the first file."""
    listing: Path | None = None
    """The file that lists the rows of the split."""

    @property
    def hub(self) -> HubSource | None:
        """The hub data set (`path`, `config`, `split`, `revision`), or None for files."""
        return self.source if isinstance(self.source, HubSource) else None

    @property
    def other(self) -> Path | None:
        """The file of the other side of a retrieval task."""
        there = isinstance(self.source, FileSource) and self.source.other is not None
        return self.paths[1] if there else None

    @property
    def gold(self) -> Path | None:
        """The file of the gold, or None if absent."""
        before = 1 if self.other is None else 2
        return self.paths[before] if len(self.paths) > before else None

    def pinned(self, commit: Callable[[HubSource], str]) -> Location:
        """Return the same hub data set at a commit; files stay unchanged."""
        if self.hub is None:
            return self
        return replace(self, source=self.hub.model_copy(update={"revision": commit(self.hub)}))

    def contents(self, hash_file: Callable[[Path], str]) -> frozenset[str]:
        """Return the identity of the rows without the way they are read: hashes of the files, or the hub split."""
        chosen = [f"{column}={value}" for column, value in sorted(self.source.chosen().items())]
        if isinstance(self.source, HubSource):
            return frozenset({" ".join([self.source.path, str(self.source.config), self.source.split, *chosen])})
        if self.listing is not None and self.source.listing is not None:
            chosen.append(f"{self.source.listing.taken} in {hash_file(self.listing)}")
        # without the other side of retrieval, which several languages share
        return frozenset(" ".join([hash_file(path), *chosen]) for path in (self.paths[0], *self.more))

    def identity(self, hash_file: Callable[[Path], str]) -> dict[str, Json]:
        """Return the identity of the examples: content and reading, without path, task name and language.

        So tasks that read the same bytes in the same way share their results. `hash_file` returns SHA-256 of a file.
        """
        reading: dict[str, Json] = {
            "kind": self.kind,
            "labels": list(self.reading.labels),
            "columns": {
                name: list(column) if isinstance(column, tuple) else column
                for name, column in self.reading.columns.items()
            },
            "codes": list(self.reading.codes),
            "aliases": dict(self.reading.aliases),
            "where": self.source.chosen(),
            "blind": self.reading.blind,
        }
        if self.reading.only_gold:
            reading["only_gold"] = True
        if self.reading.open:
            reading["open"] = True
        if self.reading.options:
            reading["options"] = dict(self.reading.options)
        if self.reading.right not in {"", "auto"}:  # both of these read a number as a number from 0
            reading["right"] = self.reading.right
        if isinstance(self.source, HubSource):
            names = ("path", "config", "split", "revision")
            return {"hub": {name: getattr(self.source, name) for name in names}, "reading": reading}
        layouts = [self.source.layout, self.source.gold_layout if self.gold is not None else None]
        if self.source.listing is not None:
            layouts.append(self.source.listing.layout)
            reading["listing"] = {"id": self.source.listing.id, "taken": self.source.listing.taken}
        return {
            "files": [hash_file(path) for path in self.files()],
            "layouts": [layout.identity() for layout in layouts if layout is not None],
            "reading": reading,
        }

    def describe(self) -> str:
        """Return one line for a plan."""
        if isinstance(self.source, HubSource):
            config = f" {self.source.config}" if self.source.config else ""
            return f"hub {self.source.path}{config} [{self.source.split}] @ {self.source.revision[:12]}"
        return " + ".join(str(path) for path in self.files())

    def files(self) -> tuple[Path, ...]:
        """Return all files of the data; empty for the hub."""
        return (*self.paths, *self.more, *((self.listing,) if self.listing is not None else ()))


@dataclass(frozen=True)
class Joined:
    """The data of one (task, split, language), which join the data of several other tasks in order."""

    task: str
    kind: str
    split: str
    language: str
    parts: tuple[Location, ...]

    def pinned(self, commit: Callable[[HubSource], str]) -> Joined:
        """Return the same data, with each hub data set at a commit."""
        return replace(self, parts=tuple(part.pinned(commit) for part in self.parts))

    def contents(self, hash_file: Callable[[Path], str]) -> frozenset[str]:
        """Return the identity of the rows of all parts; see `Location.contents`."""
        return frozenset().union(*(part.contents(hash_file) for part in self.parts))

    def identity(self, hash_file: Callable[[Path], str]) -> dict[str, Json]:
        """Return the identity of the examples; see `Location.identity`."""
        return {"joined": [part.identity(hash_file) for part in self.parts]}

    def describe(self) -> str:
        """Return one line for a plan."""
        return " + ".join(part.describe() for part in self.parts)

    def files(self) -> tuple[Path, ...]:
        """Return all files of the data; empty for the hub."""
        return tuple(file for part in self.parts for file in part.files())


Place = Location | Joined


def _filled(values: Mapping[str, str | dict[str, str]], language: str) -> dict[str, str]:
    """Return the values of `where` for one language.

    Raises:
        DataError: a column has values by language, but none for this language.
    """
    chosen: dict[str, str] = {}
    for column, value in values.items():
        if isinstance(value, dict) and language not in value:
            known = ", ".join(value)
            raise DataError(
                f"`where` has no value of {column!r} for {language}, only for {known}; add a value for {language}"
            )
        chosen[column] = value if isinstance(value, str) else value[language]
    return {column: value.replace(_PLACE, language) for column, value in chosen.items()}
