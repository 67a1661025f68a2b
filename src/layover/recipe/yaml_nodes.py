"""YAML 1.2 as a tree of plain values with their lines; all parts that a recipe cannot have are reported at once.

The tree is built from ruamel's events instead of its objects. So aliases cost nothing until they are expanded, nesting
is limited before it is parsed, and every value has its own line.
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
"""Most levels of nested mappings and lists."""
DIGITS = 40
"""Most digits of a number."""
_TAG = "tag:yaml.org,2002:"
_KINDS = {"str", "int", "float", "bool", "null"}
_FORMS = {"seq", "map"}

Scalar = str | int | float | bool | None
Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlEntry:
    """A key of a mapping, and its value."""

    key: str
    line: int
    value: YamlNode
    merges: bool = False
    """Whether the key is `<<`: the mapping then also has the keys of the value."""


@dataclass
class YamlNode:
    """A value and the line where it begins, from 1."""

    line: int
    scalar: Scalar = None
    items: list[YamlNode] | None = None
    """The items of a list; None for other values."""
    entries: list[YamlEntry] | None = None
    """The entries of a mapping, each key once; None for other values."""
    bad: bool = False
    """Whether the value cannot be used; a problem reports it."""
    done: bool = True
    """Whether the value has been read to its end."""


@dataclass(frozen=True)
class Mistake:
    """A mistake in the YAML."""

    line: int
    loc: Keys
    """The path of the value."""
    message: str


@dataclass
class Tree:
    """The content of a text, as far as it can be read."""

    root: YamlNode | None = None
    """None for a text without a value, and for a text that is not YAML."""
    problems: list[Mistake] = field(default_factory=list)
    broken: bool = False
    """Whether the text is not YAML, so that the rest of it is unknown."""


class _Scanner(Scanner):
    """Stops at brackets that are nested too deep, which would take minutes to parse."""

    def fetch_flow_collection_start(self, token: Any, to_push: str) -> None:
        if self.flow_level >= DEEPEST:
            raise ScannerError(None, None, _TOO_DEEP, self.reader.get_mark())
        super().fetch_flow_collection_start(token, to_push)


_TOO_DEEP = f"lists and mappings are nested more than {DEEPEST} deep"


def parse(text: str) -> Tree:
    """Return the tree of a text."""
    return _TreeReader(text).tree()


class _Unreadable(Exception):  # noqa: N818 - not an error: the problems read so far count
    """The rest of the text cannot be read."""


class _TreeReader:
    def __init__(self, text: str) -> None:
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _Scanner
        self._resolver = yaml.resolver
        self._events: Iterator[ev.Event] = yaml.parse(io.StringIO(text))
        self._anchors: dict[str, YamlNode] = {}
        self._tree = Tree()
        self._path: list[str | int] = []

    def tree(self) -> Tree:
        try:
            self._stream()
        except _Unreadable:
            self._tree.broken = True
        except MarkedYAMLError as error:
            mark = error.context_mark if _is_open(error) else error.problem_mark or error.context_mark
            self._problem(1 if mark is None else mark.line + 1, _in_words(error))
            self._tree.broken = True
        except YAMLError as error:
            self._problem(1, " ".join(str(error).split()))
            self._tree.broken = True
        if self._tree.broken:
            self._tree.root = None
        return self._tree

    def _problem(self, line: int, message: str) -> None:
        self._tree.problems.append(Mistake(line, tuple(self._path), message))

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
                self._tree.root = self._node(event, 0)

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
            self._problem(line, f"*{anchor} has no value; mark a value before it with &{anchor}")
            return YamlNode(line, bad=True)
        if not node.done:
            self._problem(line, f"*{anchor} is inside the value that it names, which would never end; remove it")
            return YamlNode(line, bad=True)
        return node

    def _fill(self, node: YamlNode, depth: int) -> list[YamlEntry]:
        """Return the entries of a mapping, read to its end; the node is bad if a `<<` merges no mapping."""
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
                self._problem(line, f"duplicate key {key!r}; it is already in line {entries[key].line}")
            elif merges and not all(source.entries is not None for source in (value.items or [value])):
                node.bad = True
                if any(source.entries is None and not source.bad for source in (value.items or [value])):
                    self._problem(line, "<< needs a mapping or a list of mappings, and this is neither")
            else:
                entries[key] = YamlEntry(key, line, value, merges)
            self._path.pop()
        return list(entries.values())

    def _key(self, event: ev.Event, line: int, depth: int) -> tuple[str | None, bool]:
        """Return a key as it is written (None if it cannot be used), and whether it is `<<`."""
        if isinstance(event, ev.ScalarEvent):
            if event.anchor is not None:
                self._anchors[event.anchor] = YamlNode(line, self._scalar(event, line)[0])
            kind = self._kind(event)
            if kind == "null":
                self._problem(line, 'null cannot be a key; write "null" in quotes for the text')
                return None, False
            self._known_tag(event.tag, line, _KINDS)
            return self._text(event.value, line)[0], kind == "merge"
        node = self._node(event, depth + 1)
        if isinstance(event, ev.AliasEvent) and isinstance(node.scalar, str):
            return node.scalar, False
        self._problem(line, "a list, a mapping or an alias of them cannot be a key; write a text")
        return None, False

    def _kind(self, event: ev.ScalarEvent) -> str:
        if event.tag is not None and not event.implicit[0]:
            return str(event.tag).removeprefix(_TAG)
        return str(self._resolver.resolve(ScalarNode, event.value, event.implicit)).removeprefix(_TAG)

    def _known_tag(self, tag: str | None, line: int, known: set[str]) -> bool:
        if tag is None or tag == "!" or tag.removeprefix(_TAG) in known:
            return True
        shown = tag.replace(_TAG, "!!")
        self._problem(line, f"the tag {shown} has no meaning here; remove it")
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
            self._problem(line, f"{value!r:.60} does not fit its tag {kind}; remove the tag")
            return None, True
        return self._text(value, line)

    def _number(self, value: str, kind: str, line: int) -> tuple[Scalar, bool]:
        digits = value.replace("_", "").lower()
        if len(digits) > DIGITS:
            self._problem(line, f"the number has {len(digits):,} digits; write at most {DIGITS}")
            return None, True
        sign, unsigned = (-1 if digits.startswith("-") else 1), digits.lstrip("+-")
        if kind == "int":
            base = {"0o": 8, "0x": 16, "0b": 2}.get(unsigned[:2], 10)
            return sign * int(unsigned, base), False
        return sign * float(unsigned.removeprefix(".") if unsigned in {".inf", ".nan"} else unsigned), False

    def _text(self, value: str, line: int) -> tuple[str, bool]:
        wrong = next((sign for sign in value if sign == "\0" or "\ud800" <= sign <= "\udfff"), None)
        if wrong is None:
            return value, False
        name = "a zero character" if wrong == "\0" else "half a character"
        self._problem(line, f"the text has {name} (U+{ord(wrong):04X}); remove it")
        return "", True


def _is_open(error: MarkedYAMLError) -> bool:
    """Return whether a list or a mapping in brackets is not closed in its line, and more text follows."""
    began, met = error.context_mark, error.problem_mark
    if began is None or met is None or "while parsing a flow" not in str(error.context):
        return False
    if "stream end" in str(error.problem):  # `_in_words` has a message for the end of the text
        return False
    return bool(met.line > began.line)


def _in_words(error: MarkedYAMLError) -> str:
    """Return the message of a parser's error, with the usual causes in plain words."""
    problem = " ".join(str(error.problem or error.context).split())
    sign = "".join(problem.split("'")[1:2])
    opened = "" if error.context_mark is None else f" that begins in line {error.context_mark.line + 1}"
    if _is_open(error) and error.problem_mark is not None:
        met = error.problem_mark.line + 1
        return f"a list or a mapping in brackets begins here, and line {met} neither closes nor continues it"
    usual = {
        _TOO_DEEP: _TOO_DEEP,
        "'\\t' that cannot start": "the line is indented by a tab; use spaces",
        "that cannot start any token": f"a value cannot begin with {sign}; put it in quotes",
        "'<stream end>'": f"the text ends inside a list, a mapping or a quoted text{opened}; expected its end",
        "end of stream": f"the text ends inside a list, a mapping or a quoted text{opened}; expected its end",
        "mapping values are not allowed": "this colon cannot follow a key; put the text in quotes, or begin a new line",
        "'<anchor>'": "a value has two anchors (&name); remove one",
    }
    return next((words for part, words in usual.items() if part in problem), f"this is not valid YAML: {problem}")
