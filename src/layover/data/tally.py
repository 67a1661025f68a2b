"""Counts of rows that are not used, or not read as written, by reason, with the place of the first one."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from layover.data.row_ids import Id

Sort = Literal["line", "asked", "lost", "kept", "read"]
"""`line`: no row, but for example a comment. `asked`: the recipe or the task excludes the row. `lost`: the row is not
used, and neither recipe nor task excludes it. `kept`: the row is used, and the user should know about it. `read`: the
row is used, but not read as it is written."""

LANGUAGE_COLUMNS = frozenset(
    {"language", "lang", "locale", "lang_id", "language_id", "lang_code", "language_code", "langid", "langcode"}
)
SEVERAL = "mul"
"""The code of ISO 639 for several languages."""
MOST_VALUES = 200
"""Different values of one column that are kept; if there are more, messages say `200 or more`."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason why a row is counted."""

    text: str
    """For display: `no gold`."""
    sort: Sort


COMMENT = Reason("comment line", "line")
COMMENT_AS_WIDE = Reason("comment line with as many columns as a word", "line")
DOCSTART = Reason("-DOCSTART- line", "line")
EMPTY_NODE = Reason("empty node of CoNLL-U", "line")
JOINED = Reason("multiword token instead of its words", "read")
WORDLESS = Reason("sentence whose words are all _ but for one at most", "lost")
WHERE = Reason("another value than `where` names", "asked")
LISTED = Reason("not in this split by the list of ids", "asked")
UNTRANSLATED = Reason("no translation into one of both languages", "asked")
NOT_AGREED = Reason("no gold, which the task leaves out", "asked")
WITHOUT = Reason("text of a task named in `without`", "asked")
HELD_OUT = Reason("hold-out", "asked")
LIMIT = Reason("over the limit", "asked")
NO_GOLD = Reason("no gold", "lost")
NO_TOKEN = Reason("nothing that the encoder could learn from", "lost")
NO_WINDOW = Reason(
    "trained on as questions without an answer: the answer is in no window of `max_length` tokens", "kept"
)
EMPTY = Reason("empty text", "kept")
RUNS_OVER = Reason("value that runs over lines", "kept")
CARRIAGE_RETURN = Reason("carriage return within a line", "kept")
REPLACED = Reason("line with bytes that are not in the encoding, read as U+FFFD", "read")
MOJIBAKE = Reason("line that is valid UTF-8 and read in another encoding", "kept")
CONTROLS = Reason("line with control characters (U+0080 to U+009F)", "kept")
NORMALISED = Reason("label in another Unicode normal form than the declared one", "read")
BY_VALUE = Reason("number that is not written like its label", "read")
MINUS_ONE = Reason("-1 as no gold (if it is a label, declare all `labels`)", "read")
LETTERED = Reason("right choice as a letter", "read")
BY_TEXT = Reason("right choice as its text", "read")
FROM_ONE = Reason("right choice as a number from 1", "read")
BY_NAME = Reason("right choice as its name", "read")
TWICE = Reason("same text and gold as an earlier row", "kept")

NOTED = {
    COMMENT_AS_WIDE.text: "declare the beginning of comments with `comments`",
    MOJIBAKE.text: "without `encoding` it is read as UTF-8",
    CONTROLS.text: "in cp1252 these bytes are letters: `encoding: cp1252`",
    RUNS_OVER.text: "declare `multiline: true` if such values are right, `quoting: false` if their quotes are text",
}
"""Text of a reason that a plan notes although no row is lost -> advice."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The number of rows that were counted for one reason; records hold it, too."""

    reason: str
    sort: Sort
    count: int
    first: str
    """`file:line` of the first row, or `row 3` without a file; empty if rows have no place."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"reason": self.reason, "sort": self.sort, "count": self.count, "first": self.first}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LeftOut:
        """Return the object of the values that `as_json` returned."""
        return cls(values["reason"], values["sort"], values["count"], values["first"])


@dataclass
class Tally:
    """Counts of one pass over rows."""

    examples: int = 0
    """Number of examples so far."""
    languages: dict[str, dict[str, int]] = field(default_factory=dict)
    """Column that names languages -> value -> number of used rows."""
    _counts: dict[Reason, int] = field(default_factory=dict)
    _first: dict[Reason, str] = field(default_factory=dict)
    _paths: dict[str, int] = field(default_factory=dict)
    _places: array[int] = field(default_factory=lambda: array("q"))
    """Path number and line of each example, alternating: 16 bytes per example."""
    _ids: list[Id | None] = field(default_factory=list)

    def take(self, path: str, line: int, own: Id | None = None) -> None:
        """Count an example and store its place and its own id."""
        self.examples += 1
        self._ids.append(own)
        self._places.extend((self._paths.setdefault(path, len(self._paths)), line))

    def where(self, example: int) -> str:
        """Return `file:line` of an example, by its number from 0, or `row 3` without a file."""
        number, line = self._places[2 * example : 2 * example + 2]
        path = list(self._paths)[number]
        return f"{path}:{line}" if path else f"row {line}"

    def own_id(self, example: int) -> Id | None:
        """Return the id of an example in its data, by its number from 0."""
        return self._ids[example]

    def add(self, reason: Reason, where: str = "", count: int = 1) -> None:
        """Count rows for a reason; the first place is kept."""
        if count:
            self._counts[reason] = self._counts.get(reason, 0) + count
            self._first.setdefault(reason, where)

    def watch(self, values: Mapping[str, Any], settled: Iterable[str]) -> None:
        """Count the values of columns that name a language, except those in `settled`."""
        for name, value in values.items():
            if name.casefold() in LANGUAGE_COLUMNS and isinstance(value, str) and name not in settled:
                counts = self.languages.setdefault(name, {})
                if value in counts or len(counts) < MOST_VALUES:
                    counts[value] = counts.get(value, 0) + 1

    def several(self) -> dict[str, dict[str, int]]:
        """Return the columns that name more than one language, with the number of rows of each value."""
        return {name: dict(counts) for name, counts in self.languages.items() if len(counts) > 1}

    def forget(self, *reasons: Reason) -> None:
        """Reset the counts of reasons that will be counted again on fewer rows."""
        for reason in reasons:
            self._counts.pop(reason, None)
            self._first.pop(reason, None)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return every reason in the order of its first row, except those of sort `read`."""
        return tuple(count for count in self._all() if count.sort != "read")

    def otherwise(self) -> tuple[LeftOut, ...]:
        """Return the reasons for rows that are used, but not read as they are written."""
        return tuple(count for count in self._all() if count.sort == "read")

    def _all(self) -> Iterator[LeftOut]:
        for reason, count in self._counts.items():
            yield LeftOut(reason.text, reason.sort, count, self._first[reason])


def rows_read(examples: int, left_out: Iterable[LeftOut]) -> int:
    """Return the number of rows in the source: those that became examples, and those that were excluded before."""
    excluded = {WORDLESS.text, WHERE.text, LISTED.text, NOT_AGREED.text, UNTRANSLATED.text}
    return examples + sum(entry.count for entry in left_out if entry.reason in excluded)


def reason_lines(left_out: Iterable[LeftOut], sorts: Iterable[Sort]) -> list[str]:
    """Return `no gold: 3 (first train.csv:3)` for every reason of some sorts."""
    wanted = tuple(sorts)
    return [
        f"{entry.reason}: {entry.count}" + (f" (first {entry.first})" if entry.first else "")
        for entry in left_out
        if entry.sort in wanted
    ]


def language_notes(languages: Mapping[str, Mapping[str, int]], task: str, language: str) -> list[str]:
    """Return a note for every column that names several languages in a file that is read as one language."""
    notes = []
    for column, counts in languages.items() if language != SEVERAL else ():
        shown = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:6]) + ", ..." * (len(counts) > 6)
        many = f"{len(counts)} or more" if len(counts) >= MOST_VALUES else str(len(counts))
        choose = f'tasks.{task}.where: {{{column}: "{{language}}"}} selects the rows of one language'
        notes.append(f"read as {language}, but its column {column!r} names {many} ({shown}); {choose}")
    return notes
