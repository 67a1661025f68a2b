"""YAML 1.2 as a tree of plain values with their lines; what has no place in a recipe is a problem, all of them at once.

The tree is made of ruamel's events and not of its objects: so aliases cost nothing until they are followed, nesting is
bounded before it is parsed, and every value has its own line.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.scanner import Scanner, ScannerError

DEEPEST = 50
"""Mappings and lists inside each other."""
DIGITS = 40
"""Of the longest number."""
_TAG = "tag:yaml.org,2002:"
_KINDS = {"str", "int", "float", "bool", "null"}
_FORMS = {"seq", "map"}

Scalar = str | int | float | bool | None
Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlEntry:
    """One key of a mapping, and its value."""

    key: str
    line: int
    value: YamlNode
    merges: bool = False
    """Whether the key is `<<`: the value's keys are taken over."""


@dataclass
class YamlNode:
    """A value and the line that it begins in, from 1 on."""

    line: int
    scalar: Scalar = None
    items: list[YamlNode] | None = None
    """Of a list."""
    entries: list[YamlEntry] | None = None
    """Of a mapping, each key once."""
    bad: bool = False
    """Whether a problem says that it cannot be used; it then has no meaning."""
    done: bool = True
    """Whether it has been read to its end."""


@dataclass(frozen=True)
class Wrong:
    """One thing that cannot be used."""

    line: int
    loc: Keys
    """The keys above it."""
    message: str


@dataclass
class Tree:
    """What a text says, as far as it can be read."""

    root: YamlNode | None = None
    """None for a text without a value, and for one that is no YAML."""
    problems: list[Wrong] = field(default_factory=list)
    broken: bool = False
    """Whether it is no YAML: then the rest of it is unknown."""


class _Scanner(Scanner):
    """Stops before brackets are nested so deep that they take minutes."""

    def fetch_flow_collection_start(self, token: Any, to_push: str) -> None:
        if self.flow_level >= DEEPEST:
            raise ScannerError(None, None, _TOO_DEEP, self.reader.get_mark())
        super().fetch_flow_collection_start(token, to_push)


_TOO_DEEP = f"lists and mappings are nested more than {DEEPEST} deep"


def parse(text: str) -> Tree:
    """Return the tree of a text."""
    return _TreeReader(text).tree()


class _Unreadable(Exception):  # noqa: N818 - no error: what was read until then counts
    """Nothing more can be read."""


class _TreeReader:
    def __init__(self, text: str) -> None:
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _Scanner
        self._resolver = yaml.resolver
        self._events: Iterator[ev.Event] = yaml.parse(io.StringIO(text))
        self._anchors: dict[str, YamlNode] = {}
        self._found = Tree()
        self._path: list[str | int] = []

    def tree(self) -> Tree:
        try:
            self._stream()
        except _Unreadable:
            self._found.broken = True
        except MarkedYAMLError as error:
            mark = error.context_mark if _is_open(error) else error.problem_mark or error.context_mark
            self._problem(1 if mark is None else mark.line + 1, _in_words(error))
            self._found.broken = True
        except YAMLError as error:
            self._problem(1, " ".join(str(error).split()))
            self._found.broken = True
        if self._found.broken:
            self._found.root = None
        return self._found

    def _problem(self, line: int, message: str) -> None:
        self._found.problems.append(Wrong(line, tuple(self._path), message))

    def _next(self) -> ev.Event:
        return next(self._events)

    def _stream(self) -> None:
        documents = 0
        while not isinstance(event := self._next(), ev.StreamEndEvent):
            if isinstance(event, ev.DocumentStartEvent):
                line = event.start_mark.line + 1
                if event.version is not None and tuple(event.version) != (1, 2):
                    written = ".".join(map(str, event.version))
                    self._problem(line, f"a recipe is YAML 1.2, not {written}; remove the line %YAML")
                    raise _Unreadable
                documents += 1
                if documents == 2:
                    self._problem(line, "a second document begins here; a recipe is one document, without `---`")
                    raise _Unreadable
            elif not isinstance(event, (ev.StreamStartEvent, ev.DocumentEndEvent)):
                self._found.root = self._node(event, 0)

    def _node(self, event: ev.Event, depth: int) -> YamlNode:
        line = event.start_mark.line + 1
        if not isinstance(event, ev.NodeEvent):
            return YamlNode(line)
        if isinstance(event, ev.AliasEvent):
            return self._aliased(event.anchor, line)
        if depth > DEEPEST:
            self._problem(line, _TOO_DEEP)
            raise _Unreadable
        node = YamlNode(line)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if isinstance(event, ev.ScalarEvent):
            node.scalar, node.bad = self._scalar(event, line)
            return node
        node.done = False
        if isinstance(event, ev.CollectionStartEvent):
            node.bad = not self._known_tag(event.tag, line, _FORMS)
        if isinstance(event, ev.SequenceStartEvent):
            node.items = []
            while not isinstance(inner := self._next(), ev.SequenceEndEvent):
                self._path.append(len(node.items))
                node.items.append(self._node(inner, depth + 1))
                self._path.pop()
        else:
            node.entries = []
            node.entries = self._fill(node, depth)
        node.done = True
        return node

    def _aliased(self, anchor: str, line: int) -> YamlNode:
        node = self._anchors.get(anchor)
        if node is None:
            self._problem(line, f"*{anchor} stands for nothing: no value before it is marked &{anchor}")
            return YamlNode(line, bad=True)
        if not node.done:
            self._problem(line, f"*{anchor} stands inside the value that it names, which would never end")
            return YamlNode(line, bad=True)
        return node

    def _fill(self, node: YamlNode, depth: int) -> list[YamlEntry]:
        """Return the keys and values of a mapping, read to its end; one that takes over no mapping is bad."""
        entries: dict[str, YamlEntry] = {}
        while not isinstance(event := self._next(), ev.MappingEndEvent):
            line = event.start_mark.line + 1
            key, merges = self._key(event, line, depth)
            if key is None:
                self._node(self._next(), depth + 1)
                continue
            self._path.append(key)
            value = self._node(self._next(), depth + 1)
            if key in entries:
                self._problem(line, f"duplicate key {key!r}; it stands in line {entries[key].line} already")
            elif merges and not all(one.entries is not None for one in (value.items or [value])):
                node.bad = True
                if any(one.entries is None and not one.bad for one in (value.items or [value])):
                    self._problem(line, "<< takes over the keys of a mapping, or of a list of them; this is neither")
            else:
                entries[key] = YamlEntry(key, line, value, merges)
            self._path.pop()
        return list(entries.values())

    def _key(self, event: ev.Event, line: int, depth: int) -> tuple[str | None, bool]:
        """Return a key as it is written, None for one that cannot be used, and whether it is `<<`."""
        if isinstance(event, ev.ScalarEvent):
            if event.anchor is not None:
                self._anchors[event.anchor] = YamlNode(line, self._scalar(event, line)[0])
            kind = self._kind(event)
            if kind == "null":
                self._problem(line, 'null is no key; write "null" in quotes if the text is meant')
                return None, False
            self._known_tag(event.tag, line, _KINDS)
            return self._text(event.value, line)[0], kind == "merge"
        node = self._node(event, depth + 1)
        if isinstance(event, ev.AliasEvent) and isinstance(node.scalar, str):
            return node.scalar, False
        self._problem(line, "a key is a word; a list, a mapping or an alias of one cannot be a key")
        return None, False

    def _kind(self, event: ev.ScalarEvent) -> str:
        if event.tag is not None and not event.implicit[0]:
            return str(event.tag).removeprefix(_TAG)
        return str(self._resolver.resolve(ScalarNode, event.value, event.implicit)).removeprefix(_TAG)

    def _known_tag(self, tag: str | None, line: int, known: set[str]) -> bool:
        if tag is None or tag == "!" or tag.removeprefix(_TAG) in known:
            return True
        shown = tag.replace(_TAG, "!!")
        self._problem(line, f"the tag {shown} has no meaning here; leave it out")
        return False

    def _scalar(self, event: ev.ScalarEvent, line: int) -> tuple[Scalar, bool]:
        """Return the value of a scalar, and whether it cannot be used."""
        if not self._known_tag(event.tag, line, _KINDS):
            return None, True
        value, kind = event.value, self._kind(event)
        try:
            if kind == "null":
                return None, False
            if kind == "bool":
                return {"true": True, "false": False}[value.lower()], False
            if kind in {"int", "float"}:
                return self._number(value, kind, line)
        except (ValueError, KeyError):
            self._problem(line, f"{value!r:.60} is no {kind}, as its tag says it is; leave the tag out")
            return None, True
        return self._text(value, line)

    def _number(self, value: str, kind: str, line: int) -> tuple[Scalar, bool]:
        digits = value.replace("_", "").lower()
        if len(digits) > DIGITS:
            self._problem(line, f"a number of {len(digits):,} digits; no setting takes one of more than {DIGITS}")
            return None, True
        sign, unsigned = (-1 if digits.startswith("-") else 1), digits.lstrip("+-")
        if kind == "int":
            base = {"0o": 8, "0x": 16, "0b": 2}.get(unsigned[:2], 10)
            return sign * int(unsigned, base), False
        return sign * float(unsigned.removeprefix(".") if unsigned in {".inf", ".nan"} else unsigned), False

    def _text(self, value: str, line: int) -> tuple[str, bool]:
        wrong = next((one for one in value if one == "\0" or "\ud800" <= one <= "\udfff"), None)
        if wrong is None:
            return value, False
        name = "a zero character" if wrong == "\0" else "half a character"
        self._problem(line, f"{name} (U+{ord(wrong):04X}) in a text; write it without")
        return "", True


def _is_open(error: MarkedYAMLError) -> bool:
    """Return whether a list or a mapping in brackets is not closed in its line, and something follows it."""
    began, met = error.context_mark, error.problem_mark
    if began is None or met is None or "while parsing a flow" not in str(error.context):
        return False
    if "stream end" in str(error.problem):  # said where the text ends
        return False
    return bool(met.line > began.line)


def _in_words(error: MarkedYAMLError) -> str:
    """Return what a parser's error says, with the usual causes in plain words."""
    problem = " ".join(str(error.problem or error.context).split())
    sign = "".join(problem.split("'")[1:2])
    opened = "" if error.context_mark is None else f" that begins in line {error.context_mark.line + 1}"
    if _is_open(error) and error.problem_mark is not None:
        met = error.problem_mark.line + 1
        return f"a list or a mapping in brackets begins here, and is neither closed nor continued in line {met}"
    usual = {
        _TOO_DEEP: _TOO_DEEP,
        "'\\t' that cannot start": "a tab stands where the line is indented; YAML is indented by spaces",
        "that cannot start any token": f"a value cannot begin with {sign}; put it in quotes",
        "'<stream end>'": f"the text ends inside a list, a mapping or a quoted text{opened}; expected its end",
        "end of stream": f"the text ends inside a list, a mapping or a quoted text{opened}; expected its end",
        "mapping values are not allowed": "a colon where no key can stand; put the text in quotes, or begin a new line",
        "'<anchor>'": "a value has one anchor (&name) at most",
    }
    return next((words for part, words in usual.items() if part in problem), f"this is no YAML: {problem}")
