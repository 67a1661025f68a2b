"""A recipe file as plain values, each with its place in the file; and the overrides of the command line."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layover.errors import Problem, RecipeError
from layover.recipe.yaml_nodes import Mistake, Tree, YamlEntry, YamlNode, parse
from layover.tasks import kind_of_file

Loc = tuple[str | int, ...]

LARGEST = 256 * 1024
"""Most bytes of a recipe file."""
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


def read_text(path: Path) -> str:
    """Return the text of a recipe file.

    Raises:
        RecipeError: the file is absent, not a plain file, too large, not in UTF-8, or has characters that YAML forbids.
    """
    name = str(path)
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise _error(name, f"is {kind_of_file(state.st_mode)}; name a recipe file")
        if state.st_size > LARGEST:
            raise _error(name, f"has {state.st_size:,} bytes, but a recipe has at most {LARGEST:,}; name another file")
        content = path.read_bytes()
    except FileNotFoundError:
        others = sorted(str(other) for other in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"; in this folder: {', '.join(others[:20])}" if others else ""
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
        raise _error(f"{name}:{line}", f"byte 0x{wrong:02X} is not valid UTF-8; save the file in UTF-8") from None


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
"""Most values of a recipe after its aliases are expanded; a few lines of nested aliases can make billions."""
LONGEST = 2_000
"""Most characters of a message, because a message may quote a value of any length."""


@dataclass(frozen=True)
class Located(Problem):
    """A problem with its path in the recipe."""

    loc: Loc = ()


@dataclass
class RecipeFile:
    """Plain values of a recipe and, for each path in it, `file:line`."""

    name: str
    values: dict[str, Any]
    places: dict[Loc, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    """Errors in the YAML and in overrides, which a schema does not see."""
    unusable: set[Loc] = field(default_factory=set)
    """Paths of values that have no meaning; `problems` reports them already."""

    def where(self, loc: Loc) -> str:
        """Return the place of `loc`, or of its nearest ancestor in the file."""
        for length in range(len(loc), -1, -1):
            if loc[:length] in self.places:
                return self.places[loc[:length]]
        return self.name

    def problem(self, loc: Loc, message: str) -> Problem:
        """Return a problem at `loc`."""
        return _located(self.where(loc), loc, message)

    def names(self, *section: str | int) -> tuple[str, ...] | None:
        """Return the keys that are written in a section, valid or not; None if the section is not a mapping."""
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
    """Return a text in one line, cut to `most` characters."""
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= most else f"{text[: most - 3]}..."


def read_source(path: Path, overrides: Sequence[str] = ()) -> RecipeFile:
    """Read a recipe file and apply `overrides` (`train.epochs=1`).

    `problems` of the result lists the errors in single values and overrides.

    Raises:
        RecipeError: the file cannot be read, is not YAML, or is not a mapping.
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
    return [_located(f"{name}:{mistake.line}", mistake.loc, mistake.message) for mistake in tree.problems]


def _located(where: str, loc: Loc, message: str) -> Located:
    return Located(where, _short(dotted(loc), 200), _short(message, LONGEST), loc)


class _Values:
    """Converts nodes to plain values, and records their places.

    Args:
        source: Receives places and paths of unusable values.
        where: The place of all values, for an override; None records the line of each value.
    """

    def __init__(self, source: RecipeFile, where: str | None = None) -> None:
        self._source, self._where = source, where
        self._count = 0

    def of(self, node: YamlNode, loc: Loc) -> Any:
        """Return the value of a node.

        Raises:
            RecipeError: aliases expand to too many values.
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
        """Return the entries of a mapping: its own, then those merged by `<<`; the first of equal keys counts."""
        entries = [entry for entry in node.entries or () if not entry.merges]
        self._count += 1 + len(entries)
        for merge in (entry.value for entry in node.entries or () if entry.merges):
            for other in merge.items if merge.items is not None else [merge]:
                if self._count > MOST_VALUES:
                    return []  # `_limit` raises the error
                entries += self._merged(other)
        return list({entry.key: entry for entry in reversed(entries)}.values())[::-1]

    def _limit(self, node: YamlNode, loc: Loc) -> None:
        if self._count > MOST_VALUES:
            message = f"aliases (*name) expand to more than {MOST_VALUES:,} values in this recipe; use fewer aliases"
            raise RecipeError([Problem(self._place(node.line), _short(dotted(loc), 200), message)])

    def _place(self, line: int) -> str:
        return self._where or f"{self._source.name}:{line}"


def _override(source: RecipeFile, text: str) -> list[Problem]:
    """Apply an override to a source; return its problems."""
    path, separator, value = text.partition("=")
    where = f"command line ({_short(text, 200)})"
    parts = path.split(".")
    if "[" in path:
        return [Problem(where, _short(path, 200), "an override sets a whole list, for example sweep.seed=[1, 2]")]
    if not separator or not all(parts):
        return [Problem(where, "", "an override is path=value, for example train.epochs=1")]
    loc = tuple(parts)
    tree = parse(value) if all(_is_text(character) for character in text) else Tree(None, [Mistake(1, (), _NO_TEXT)])
    if tree.problems:
        return [_located(where, (*loc, *mistake.loc), mistake.message) for mistake in tree.problems]
    target = source.values
    for index, part in enumerate(parts[:-1]):
        if part not in target:
            source.places[loc[: index + 1]] = where
        inner = target.setdefault(part, {})
        if not isinstance(inner, dict):
            above = dotted(tuple(parts[: index + 1]))
            return [Problem(where, above, "is not a mapping, so no key below it can be set; set its whole value")]
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


_NO_TEXT = "the override has a character that is not valid text; remove it"


def _is_text(character: str) -> bool:
    return character != "\0" and not "\ud800" <= character <= "\udfff"
