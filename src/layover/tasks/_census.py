"""What the data of a task are: how many examples, with which gold, how long, and what some of them look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layover import kinds
from layover.data.tally import TWICE, LeftOut, Tally, rows_read
from layover.data.task import FileSource, Location, Place
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.tasks._foreign_tags import foreign_tag, note_tags
from layover.tasks._task import Task

QUANTILES = (0, 50, 95, 99, 100)
TYPED = frozenset({"json", "jsonl", "parquet", "arrow"})
"""Formats that tell a number from text."""
NO_LIMIT = 1 << 20
"""Longest row in tokens while lengths are counted: nothing is cut or windowed."""


@dataclass(frozen=True)
class Census:
    """The data of one (task, split, language)."""

    location: Place
    examples: int
    published: int | None
    """None where the number is not known, or the file is the user's own."""
    gold: int
    """Examples with gold."""
    labels: Mapping[str, int]
    """How often each label is gold, the most frequent first: of examples, for tagging of words."""
    unlearnable: int | None
    """Gold labels that the training data do not have, so that no prediction of them is right; None where labels are
    declared, or the training data are not there."""
    lengths: tuple[int, ...] | None
    """Tokens per row at `QUANTILES` percent of the rows; None without a tokenizer."""
    shown: tuple[Any, ...]
    """The first examples, as JSON."""
    left_out: tuple[LeftOut, ...]
    """What is read and not used, or used and worth knowing, by reason."""
    otherwise: tuple[LeftOut, ...]
    """What is used and not read as it is written, by reason."""
    languages: Mapping[str, Mapping[str, int]]
    """Column that names languages -> value -> rows, where a file that is read as one language has several."""

    @property
    def rows(self) -> int:
        """Rows of the source, those that are left out among them."""
        return rows_read(self.examples, self.left_out)

    @property
    def numbered(self) -> bool:
        """Whether a file may hold numbers in place of labels, which `codes` then numbers."""
        source = self.location.source if isinstance(self.location, Location) else None
        return isinstance(source, FileSource) and bool(source.codes) and source.layout.format in TYPED

    @property
    def told(self) -> str:
        """How the file is read, where its content decided that; empty text where its name or the recipe did."""
        source = self.location.source if isinstance(self.location, Location) else None
        return source.told if isinstance(source, FileSource) else ""

    @property
    def as_published(self) -> bool:
        """Whether the number is the published one, as far as that is known."""
        return self.published in {None, self.examples}


def take_census(
    task: Task, location: Place, *, published: int | None, tokenizer: Tokenizer | None = None, show: int = 3
) -> Census:
    """Read all examples of a location and count them.

    Args:
        task: With the labels of its training data, where it takes them from there and they were found.
        location: Its data.
        published: The published number of examples, as far as it is known.
        tokenizer: To count the tokens of the rows with.
        show: Examples to keep.

    Raises:
        DataError: whatever `Task.read` raises, with file:line.
    """
    tally, kind = Tally(), kinds.get(task.kind)
    examples = task.read(location, tally)
    _count_twice(task, examples, tally)
    golds = [kind.gold(example) for example in examples if kind.has_gold(example)]
    counted = Counter(label for gold in golds for label in kind.labels_of(gold))
    tags: dict[str, str] = {}
    for number, example in enumerate(examples) if task.labels_from_training else ():
        note_tags(tags, task, example, tally, number)
    if problem := foreign_tag(task, tags):
        raise DataError(problem)
    return Census(
        location=location,
        examples=len(examples),
        published=published,
        gold=len(golds),
        unlearnable=_unlearnable(task, counted),
        labels=dict(sorted(counted.items(), key=lambda item: (-item[1], item[0]))),
        lengths=None if tokenizer is None else _lengths(task, examples, tokenizer),
        shown=tuple(kind.to_json(example) for example in examples[:show]),
        left_out=tally.left_out(),
        otherwise=tally.otherwise(),
        languages=tally.several(),
    )


def _count_twice(task: Task, examples: Sequence[Any], tally: Tally) -> None:
    """Count the examples whose text and gold an earlier one has."""
    kind, seen = kinds.get(task.kind), set[int]()
    for number, example in enumerate(examples):
        content = hash((kind.texts_of(example), str(kind.gold(example))))
        if content in seen:
            tally.add(TWICE, tally.where(number))
        seen.add(content)


def _unlearnable(task: Task, counted: Mapping[str, int]) -> int | None:
    if not task.labels_from_training or not task.labels:
        return None
    return sum(count for label, count in counted.items() if label not in task.labels)


def _lengths(task: Task, examples: Sequence[Any], tokenizer: Tokenizer) -> tuple[int, ...]:
    features = kinds.get(task.kind).encode(examples, tokenizer, labels=task.labels, max_length=NO_LIMIT, stride=0)
    return tuple(int(length) for length in np.percentile(features.lengths, QUANTILES, method="lower"))
