"""Tags that occur only outside the training data and do not fit the scheme of the labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layover import kinds
from layover.data.tally import Tally
from layover.errors import DataError
from layover.tasks._task import Task

MOST_TAGS = 10_000
"""Most different tags that are stored; further tags of a file are not checked."""


def note_tags(tags: dict[str, str], task: Task, example: Any, tally: Tally, number: int) -> None:
    """Add the new gold tags of an example to `tags`, each with the place of the example.

    Args:
        tags: Tag -> `file:line`; this function adds entries.
        task: The task of the example.
        example: The example, with or without gold.
        tally: The counts of the pass, which already include the example.
        number: Number of the example, from 0.
    """
    kind = kinds.get(task.kind)
    for tag in kind.labels_of(kind.gold(example)) if kind.has_gold(example) else ():
        if tag not in tags and len(tags) < MOST_TAGS:
            tags[tag] = tally.where(number)


def foreign_tag(task: Task, tags: Mapping[str, str]) -> str:
    """Return a message about the first tag that does not fit the scheme, with its place; empty if all tags fit.

    Args:
        task: The task, with the labels of its training data if they are known.
        tags: Tag -> `file:line` of the first example with this tag.
    """
    scheme = task.tags()
    if scheme is None:
        return ""
    for tag, where in tags.items():
        try:
            scheme.canonical(tag)
        except DataError as error:
            return f"{where}: {error}"
    return ""
