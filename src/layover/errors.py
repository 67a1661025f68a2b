"""The exceptions that Layover raises on purpose.

    LayoverError                  exit code 2: the user can fix it
    ├── RecipeError               the recipe or its overrides: all problems at once
    ├── DataError                 a data file, a data set, a row
    │   └── UndefinedError        a score without a value: a correlation with a constant
    ├── ModelError                an encoder, a tokenizer, a module's weights
    ├── StoreError                the store on disk
    ├── PluginError               a plug-in of another installed package
    ├── NodeError                 exit code 1: a node of the plan failed while it ran
    └── StoppedError              exit code 130: Ctrl-C, SIGTERM, SIGHUP, or a closed output stream

Every message says what is wrong, where it is, what to do, and the nearest valid name if there is one.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class LayoverError(Exception):
    """Base of all errors for the user; shown without a traceback."""

    exit_code = 2


class DataError(LayoverError):
    """A data file, a data set or a row of it cannot be used."""


class UndefinedError(DataError):
    """A metric has no value for these predictions and golds; the score is null, with this reason."""


class ModelError(LayoverError):
    """An encoder, a tokenizer or a module's weights cannot be used."""


MOST_MISTAKES, MOST_TEXT = 12, 400
"""Maximum number of mistakes in a message about a file, and of characters of each mistake."""


class MistakesError(ModelError):
    """All mistakes in a file of a third party, one line each; only the first lines if there are many.

    Args:
        where: The file.
        mistakes: One sentence per mistake.
    """

    def __init__(self, where: str, mistakes: Sequence[str]) -> None:
        most = (
            MOST_MISTAKES if len(mistakes) > MOST_MISTAKES + 1 else len(mistakes)
        )  # stable: an error built from these sentences has the same ones
        rest = [f"and {len(mistakes) - most:,} more"] if len(mistakes) > most else []
        self.where, self.sentences = where, (*(shortened(mistake, MOST_TEXT) for mistake in mistakes[:most]), *rest)
        self.mistakes = tuple(f"{where}: {sentence}" for sentence in self.sentences)
        super().__init__("\n".join(self.mistakes))


class StoreError(LayoverError):
    """The store on disk is damaged, or is not a store."""


class PluginError(LayoverError):
    """A plug-in of another installed package cannot be used."""


class LostNodeError(StoreError):
    """A node that is needed is damaged, or is not in the store.

    Args:
        key: Key of the node.
        message: Text for display.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class NodeError(LayoverError):
    """A node of the plan failed while it ran."""

    exit_code = 1


class DivergedError(NodeError):
    """The loss or a gradient of a training is not finite; every repetition of the training ends so."""


class StoppedError(LayoverError):
    """A sweep was stopped: by the user, by the system, or because its output stream was closed."""

    exit_code = 130


class Stopped(Exception):  # noqa: N818  not an error: it was requested
    """A training stops on request; its checkpoint is written."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a recipe."""

    where: str
    """`file:line`, or `command line` for an override."""
    path: str
    """Dotted path in the recipe, `methods.lora.rank`."""
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.path}: {self.message}" if self.path else f"{self.where}: {self.message}"


class RecipeError(LayoverError):
    """All mistakes in a recipe."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = f"{count} problem{'s' if count != 1 else ''} in the recipe"
        super().__init__("\n".join([title, *(f"  {problem}" for problem in self.problems)]))


def shortened(text: str, most: int = 100) -> str:
    """Return a text of a third party, cut to `most` characters."""
    return text if len(text) <= most else f"{text[:most]}..."


def first_few(texts: Sequence[str], most: int = 5) -> str:
    """Return texts of a third party in one line, shortened, and only the first `most` of them: `a, b and 3 more`."""
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
"""Maximum characters of a list of names in a message."""


def listed(names: Iterable[str]) -> str:
    """Return names in their order, `a, b`; for very long lists the first names and the number of the others."""
    every, shown, characters = list(names), list[str](), 0
    for name in every:
        characters += len(name) + 2
        if characters > MOST_LISTED and shown:
            return f"{', '.join(shown)} and {len(every) - len(shown):,} more"
        shown.append(name)
    return ", ".join(shown)


JOINERS = "\u200c\u200d"
"""Invisible parts of words: they decide how Persian and Indian letters and emoji are joined."""


def shown(value: object, most: int = 60) -> str:
    """Return a value from a file as one short line of plain characters, for a message."""
    text = json.dumps(value)
    return text if len(text) <= most else f"{text[:most]}..."


def printable(text: str) -> str:
    """Return text that is safe on a terminal: characters that move the cursor or hide text are escaped.

    It is for text of third parties: names and texts from files. Joiners after letters that they can join stay.
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
