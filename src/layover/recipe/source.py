"""Reading a recipe file: YAML 1.2 to plain values, each with the place where it stands."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from layover.errors import Problem, RecipeError

Loc = tuple[str | int, ...]


@dataclass
class Source:
    """Plain values of a recipe and, for each path in it, `file:line`."""

    name: str
    values: dict[str, Any]
    places: dict[Loc, str] = field(default_factory=dict)

    def where(self, loc: Loc) -> str:
        """Return the place of `loc`, or of its nearest ancestor that stands somewhere."""
        for length in range(len(loc), -1, -1):
            if loc[:length] in self.places:
                return self.places[loc[:length]]
        return self.name

    def problem(self, loc: Loc, message: str) -> Problem:
        """Return a problem at `loc`."""
        return Problem(self.where(loc), dotted(loc), message)


def dotted(loc: Loc) -> str:
    """Return `methods.lora.rank` or `sweep.exclude[0].method` for a path."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_source(path: Path, overrides: Sequence[str] = ()) -> Source:
    """Read a recipe file and lay `overrides` (`train.epochs=1`) over it.

    Raises:
        RecipeError: the file is absent, is not YAML, repeats a key or is not a mapping; an override is malformed.
    """
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = sorted(str(other) for other in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"; there: {', '.join(beside)}" if beside else ""
        raise RecipeError([Problem(name, "", f"no such file{hint}")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError([Problem(name, "", f"cannot be read: {error}")]) from None
    tree = _parse(text, name)
    if not isinstance(tree, CommentedMap):
        raise RecipeError([Problem(f"{name}:1", "", "a recipe is a mapping of keys (schema, name, models ...)")])
    source = Source(name, {})
    source.values = _plain(tree, (), source)
    problems = [problem for text in overrides if (problem := _override(source, text)) is not None]
    if problems:
        raise RecipeError(problems)
    return source


def _parse(text: str, name: str) -> Any:
    try:
        return YAML(typ="rt").load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark is not None else name
        message = " ".join(str(error.problem or error.context).split())
        raise RecipeError([Problem(where, "", message)]) from None
    except (YAMLError, ValueError, RecursionError) as error:  # ... a number of 5,000 digits, 3,000 brackets
        raise RecipeError([Problem(name, "", " ".join(str(error).split()))]) from None


def _plain(node: Any, loc: Loc, source: Source) -> Any:
    if isinstance(node, CommentedMap):
        source.places.setdefault(loc, f"{source.name}:{node.lc.line + 1}")
        result = {}
        for key, value in node.items():
            inner = (*loc, str(key))
            # a key that came through a merge (<<) has no line of its own
            line = node.lc.key(key)[0] if key in node.lc.data else node.lc.line
            if key is None:
                message = 'null is no key; write "null" in quotes if the text is meant'
                raise RecipeError([Problem(f"{source.name}:{line + 1}", dotted(loc), message)])
            source.places[inner] = f"{source.name}:{line + 1}"
            result[str(key)] = _plain(value, inner, source)
        return result
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            inner = (*loc, index)
            source.places[inner] = f"{source.name}:{node.lc.item(index)[0] + 1}"
            items.append(_plain(value, inner, source))
        return items
    for kind in (bool, int, float, str):  # the round-trip loader's own subclasses, back to the plain types
        if isinstance(node, kind):
            return kind(node)
    return node


def _override(source: Source, text: str) -> Problem | None:
    path, separator, value = text.partition("=")
    where = f"command line ({text})"
    parts = path.split(".")
    if "[" in path:
        return Problem(where, path, "a list is set as a whole, for example sweep.seed=[1, 2]")
    if not separator or not all(parts):
        return Problem(where, "", "an override is path=value, for example train.epochs=1")
    try:
        parsed = _parse(value, where)
    except RecipeError as error:
        return Problem(where, path, error.problems[0].message)
    target = source.values
    for index, part in enumerate(parts[:-1]):
        inner = target.setdefault(part, {})
        if not isinstance(inner, dict):
            return Problem(where, dotted(tuple(parts[: index + 1])), "is not a mapping, nothing can be set below it")
        target = inner
    loc = tuple(parts)
    for old in [place for place in source.places if place[: len(loc)] == loc]:
        del source.places[old]
    holder = Source(where, {})
    target[parts[-1]] = _plain(parsed, loc, holder)
    source.places[loc] = where
    return None
