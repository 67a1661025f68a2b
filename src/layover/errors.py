"""The exceptions Layover raises on purpose.

    LayoverError                  exit code 2: the user can mend it
    ├── RecipeError               the recipe, its overrides: all problems at once
    ├── DataError                 a data file, a data set, a row
    │   └── UndefinedError        a score that these predictions have not: a correlation with a constant
    ├── ModelError                an encoder, a tokenizer, a module's weights
    ├── StoreError                the store on disk
    ├── PluginError               something that another installed package brings
    ├── NodeError                 exit code 1: a node of the plan failed while it ran
    └── StoppedError              exit code 130: Ctrl-C, SIGTERM, SIGHUP, or nobody reads what a run prints

Every message says what, where, what to do, and the nearest valid name where there is one.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class LayoverError(Exception):
    """Base of all errors that a user is meant to read; shown without a traceback."""

    exit_code = 2


class DataError(LayoverError):
    """A data file, a data set or a row of it cannot be used."""


class UndefinedError(DataError):
    """A metric has no value for these predictions and golds; the score is null, with this reason."""


class ModelError(LayoverError):
    """An encoder, a tokenizer or a module's weights cannot be used."""


MOST_MISTAKES, MOST_TEXT = 12, 400
"""Mistakes of a file that a message tells, and characters of each."""


class MistakesError(ModelError):
    """Everything that is wrong with a file of a stranger, collected: a line each, of many the first ones.

    Args:
        where: The file.
        mistakes: A sentence each.
    """

    def __init__(self, where: str, mistakes: Sequence[str]) -> None:
        most = MOST_MISTAKES if len(mistakes) > MOST_MISTAKES + 1 else len(mistakes)  # told anew, they stay as they are
        rest = [f"and {len(mistakes) - most:,} more"] if len(mistakes) > most else []
        self.where, self.sentences = where, (*(shortened(mistake, MOST_TEXT) for mistake in mistakes[:most]), *rest)
        self.mistakes = tuple(f"{where}: {sentence}" for sentence in self.sentences)
        super().__init__("\n".join(self.mistakes))


class StoreError(LayoverError):
    """The store on disk is damaged, or is not a store."""


class PluginError(LayoverError):
    """Something that another installed package brings cannot be used."""


class LostNodeError(StoreError):
    """A node that is needed is damaged, or is not in the store.

    Args:
        key: Of the node.
        message: For people.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class NodeError(LayoverError):
    """A node of the plan failed while it ran."""

    exit_code = 1


class StoppedError(LayoverError):
    """A sweep was stopped: by a person, by the system, or because nobody reads it any more."""

    exit_code = 130


class Stopped(Exception):  # noqa: N818  no error: it was asked for
    """A training was asked to stop; its checkpoint is written."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a recipe."""

    where: str
    """`file:line`, or `command line` for an override."""
    path: str
    """Dotted path in the recipe, `methods.lora.rank`."""
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.path}: {self.message}" if self.path else f"{self.where}: {self.message}"


class RecipeError(LayoverError):
    """Everything that is wrong with a recipe, collected."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = f"{count} problem{'s' if count != 1 else ''} in the recipe"
        super().__init__("\n".join([title, *(f"  {problem}" for problem in self.problems)]))


def shortened(text: str, most: int = 100) -> str:
    """Return a text of a stranger, cut where it is long."""
    return text if len(text) <= most else f"{text[:most]}..."


def first_few(texts: Sequence[str], most: int = 5) -> str:
    """Return texts of a stranger in one line, each cut where it is long, of many the first ones: `a, b and 3 more`."""
    rest = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(shortened(text) for text in texts[:most]) + rest


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a hint that names the closest of `valid`, or lists them: `did you mean 'rank'?`."""
    names = sorted(set(valid))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"one of: {listed(names)}" if names else "none is known here"


MOST_LISTED = 1_000
"""Of a list of names in a message."""


def listed(names: Iterable[str]) -> str:
    """Return names in their order, `a, b`; of very many the first ones, and how many more there are."""
    every, shown, characters = list(names), list[str](), 0
    for name in every:
        characters += len(name) + 2
        if characters > MOST_LISTED and shown:
            return f"{', '.join(shown)} and {len(every) - len(shown):,} more"
        shown.append(name)
    return ", ".join(shown)


JOINERS = "\u200c\u200d"
"""Unseen, and part of words: they decide how Persian and Indian letters and emoji are joined."""


def shown(value: object, most: int = 60) -> str:
    """Return a value out of a file in one short line of plain characters, for a message."""
    text = json.dumps(value)
    return text if len(text) <= most else f"{text[:most]}..."


def printable(text: str) -> str:
    """Return text that a terminal only shows: what could move its cursor, or hide something, is escaped.

    For what strangers wrote: names and texts out of files. Joiners stay behind letters that they may join.
    """
    if text.isprintable():
        return text
    pairs = zip(text, f" {text}", strict=False)
    return "".join(
        character if _is_seen(character, before) else character.encode("unicode_escape").decode("ascii")
        for character, before in pairs
    )


def _is_seen(character: str, before: str) -> bool:
    return character.isprintable() or (character in JOINERS and not before.isascii() and before.isprintable())
