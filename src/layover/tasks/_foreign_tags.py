"""Tags that only other data than the training data have, and that the scheme of the labels has no place for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layover import kinds
from layover.data.tally import Tally
from layover.errors import DataError
from layover.tasks._task import Task

MOST_TAGS = 10_000
"""Different tags that are remembered; in a file with more only the first ones are looked at."""


def note_tags(tags: dict[str, str], task: Task, example: Any, tally: Tally, number: int) -> None:
    """Note the gold tags of an example that are new, each with the place of the example.

    Args:
        tags: Tag -> `file:line`; filled here.
        task: Of the example.
        example: With or without gold.
        tally: Of the pass, which has just taken the example.
        number: Of the example, from 0.
    """
    kind = kinds.get(task.kind)
    for tag in kind.labels_of(kind.gold(example)) if kind.has_gold(example) else ():
        if tag not in tags and len(tags) < MOST_TAGS:
            tags[tag] = tally.where(number)


def foreign_tag(task: Task, tags: Mapping[str, str]) -> str:
    """Return why the first tag that the scheme has no place for cannot be scored, with its place; empty if all can be.

    Args:
        task: With the labels of its training data, where they were found.
        tags: Tag -> `file:line` of the first example that has it.
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
