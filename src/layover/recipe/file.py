"""A recipe file as plain values, each with the place where it stands; and overrides laid over them."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layover.errors import Problem, RecipeError
from layover.recipe.yaml_nodes import Tree, Wrong, YamlEntry, YamlNode, parse
from layover.tasks import kind_of_file

Loc = tuple[str | int, ...]

LARGEST = 256 * 1024
"""Bytes of a file that is read as a recipe."""
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


def read_text(path: Path) -> str:
    """Return the text of a recipe file.

    Raises:
        RecipeError: it is absent, no plain file, too large, not in UTF-8, or has characters that YAML does not allow.
    """
    name = str(path)
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise _error(name, f"is {kind_of_file(state.st_mode)}; name a file with a recipe in it")
        if state.st_size > LARGEST:
            raise _error(name, f"has {state.st_size:,} bytes, but a recipe has {LARGEST:,} at most; name another file")
        content = path.read_bytes()
    except FileNotFoundError:
        beside = sorted(str(other) for other in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"; there: {', '.join(beside[:20])}" if beside else ""
        raise _error(name, f"no such file{hint}") from None
    except (OSError, ValueError) as error:
        raise _error(name, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return _checked(_decoded(content, name), name)


def _decoded(content: bytes, name: str) -> str:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            raise _error(f"{name}:1", f"is in {encoding}; save it in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wrong = content[error.start]
        raise _error(f"{name}:{line}", f"byte 0x{wrong:02X} is no UTF-8; save the file in UTF-8") from None


def _checked(text: str, name: str) -> str:
    for number, line in enumerate(text.split("\n"), start=1):
        wrong = next((character for character in line if not _allowed(character)), None)
        if wrong is not None:
            message = f"the character U+{ord(wrong):04X} is not allowed in YAML; remove it"
            raise _error(f"{name}:{number}", message)
    return text


def _allowed(character: str) -> bool:
    """Return whether YAML allows a character (YAML 1.2.2, section 5.1)."""
    if character < " " or "\x7f" <= character <= "\x9f":
        return character in "\t\r\x85"
    return character not in "\ufffe\uffff"


def _error(where: str, message: str) -> RecipeError:
    return RecipeError([Problem(where, "", message)])


MOST_VALUES = 50_000
"""Values of a recipe once its aliases are followed; a few lines of aliases of aliases can make billions."""
LONGEST = 2_000
"""Characters of a message; values that a recipe quotes can be of any length."""


@dataclass(frozen=True)
class Located(Problem):
    """A problem with the keys of its path."""

    loc: Loc = ()


@dataclass
class RecipeFile:
    """Plain values of a recipe and, for each path in it, `file:line`."""

    name: str
    values: dict[str, Any]
    places: dict[Loc, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    """Of its YAML and of overrides: what a schema would not see."""
    unusable: set[Loc] = field(default_factory=set)
    """Paths of values that a problem speaks of already, and that mean nothing."""

    def where(self, loc: Loc) -> str:
        """Return the place of `loc`, or of its nearest ancestor that stands somewhere."""
        for length in range(len(loc), -1, -1):
            if loc[:length] in self.places:
                return self.places[loc[:length]]
        return self.name

    def problem(self, loc: Loc, message: str) -> Problem:
        """Return a problem at `loc`."""
        return _located(self.where(loc), loc, message)

    def names(self, *section: str | int) -> tuple[str, ...] | None:
        """Return the keys that are written in a section, valid or not; None where it is no mapping."""
        value: Any = self.values
        for part in section:
            value = value.get(part) if isinstance(value, Mapping) else None
        return tuple(value) if isinstance(value, Mapping) else None


def dotted(loc: Loc) -> str:
    """Return `methods.lora.rank` or `sweep.exclude[0].method` for a path."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _short(text: str, most: int) -> str:
    """Return a text in one line, cut where it is long."""
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= most else f"{text[: most - 3]}..."


def read_source(path: Path, overrides: Sequence[str] = ()) -> RecipeFile:
    """Read a recipe file and lay `overrides` (`train.epochs=1`) over it.

    What is wrong with single values and overrides stands in `problems`.

    Raises:
        RecipeError: the file cannot be read, is not YAML or is not a mapping.
    """
    name = str(path)
    tree = parse(read_text(path))
    source = RecipeFile(name, {}, problems=_problems(tree, name))
    if tree.root is None or tree.root.entries is None:
        line = 1 if tree.root is None else tree.root.line
        empty = "the file is empty; " if tree.root is None else ""
        no_mapping = Problem(f"{name}:{line}", "", f"{empty}a recipe is a mapping of keys (schema, name, models ...)")
        raise RecipeError(source.problems if tree.broken else [*source.problems, no_mapping])
    source.values = _Values(source).of(tree.root, ())
    source.problems += [problem for text in overrides for problem in _override(source, text)]
    return source


def _problems(tree: Tree, name: str) -> list[Problem]:
    return [_located(f"{name}:{wrong.line}", wrong.loc, wrong.message) for wrong in tree.problems]


def _located(where: str, loc: Loc, message: str) -> Located:
    return Located(where, _short(dotted(loc), 200), _short(message, LONGEST), loc)


class _Values:
    """Makes plain values of nodes, and notes their places.

    Args:
        source: Takes places and paths of unusable values.
        where: The place of everything, for an override; the line of each value without it.
    """

    def __init__(self, source: RecipeFile, where: str | None = None) -> None:
        self._source, self._where = source, where
        self._count = 0

    def of(self, node: YamlNode, loc: Loc) -> Any:
        """Return the value of a node.

        Raises:
            RecipeError: aliases make too many values of it.
        """
        self._count += 1
        self._limit(node, loc)
        self._source.places.setdefault(loc, self._place(node.line))
        if node.bad:
            self._source.unusable.add(loc)
        if node.items is not None:
            return [self.of(item, (*loc, index)) for index, item in enumerate(node.items)]
        if node.entries is not None:
            return self._mapping(node, loc)
        return node.scalar

    def _mapping(self, node: YamlNode, loc: Loc) -> dict[str, Any]:
        values: dict[str, Any] = {}
        entries = self._merged(node)
        self._limit(node, loc)
        for entry in entries:
            inner = (*loc, entry.key)
            self._source.places[inner] = self._place(entry.line)
            values[entry.key] = self.of(entry.value, inner)
        return values

    def _merged(self, node: YamlNode) -> list[YamlEntry]:
        """Return the keys of a mapping: its own, then what `<<` takes over, each once; the first one counts."""
        entries = [entry for entry in node.entries or () if not entry.merges]
        self._count += 1 + len(entries)
        for merge in (entry.value for entry in node.entries or () if entry.merges):
            for other in merge.items if merge.items is not None else [merge]:
                if self._count > MOST_VALUES:
                    return []  # `of` says it
                entries += self._merged(other)
        return list({entry.key: entry for entry in reversed(entries)}.values())[::-1]

    def _limit(self, node: YamlNode, loc: Loc) -> None:
        if self._count > MOST_VALUES:
            message = f"aliases (*name) make more than {MOST_VALUES:,} values of this recipe; write fewer"
            raise RecipeError([Problem(self._place(node.line), _short(dotted(loc), 200), message)])

    def _place(self, line: int) -> str:
        return self._where or f"{self._source.name}:{line}"


def _override(source: RecipeFile, text: str) -> list[Problem]:
    """Lay one override over a source; return what is wrong with it."""
    path, separator, value = text.partition("=")
    where = f"command line ({_short(text, 200)})"
    parts = path.split(".")
    if "[" in path:
        return [Problem(where, _short(path, 200), "a list is set as a whole, for example sweep.seed=[1, 2]")]
    if not separator or not all(parts):
        return [Problem(where, "", "an override is path=value, for example train.epochs=1")]
    loc = tuple(parts)
    tree = parse(value) if all(_can_stand(character) for character in text) else Tree(None, [Wrong(1, (), _NO_TEXT)])
    if tree.problems:
        return [_located(where, (*loc, *wrong.loc), wrong.message) for wrong in tree.problems]
    target = source.values
    for index, part in enumerate(parts[:-1]):
        if part not in target:
            source.places[loc[: index + 1]] = where
        inner = target.setdefault(part, {})
        if not isinstance(inner, dict):
            above = dotted(tuple(parts[: index + 1]))
            return [Problem(where, above, "is not a mapping, nothing can be set below it")]
        target = inner
    for old in [place for place in source.places if place[: len(loc)] == loc]:
        del source.places[old]
    source.unusable -= {place for place in source.unusable if place[: len(loc)] == loc}
    try:
        target[parts[-1]] = None if tree.root is None else _Values(source, where).of(tree.root, loc)
    except RecipeError as error:
        return list(error.problems)
    source.places[loc] = where
    return []


_NO_TEXT = "a character that is no text; write it without"


def _can_stand(character: str) -> bool:
    return character != "\0" and not "\ud800" <= character <= "\udfff"
