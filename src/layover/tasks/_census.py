"""Statistics of a task's data: number of examples, gold labels, lengths, and the first examples."""

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
"""Formats that distinguish a number from text."""
NO_LIMIT = 1 << 20
"""Longest row in tokens for the statistics of lengths: no row is cut or split into windows."""


@dataclass(frozen=True)
class Census:
    """Statistics of the data of one (task, split, language)."""

    location: Place
    examples: int
    published: int | None
    """Published number of examples; None if it is unknown or the file is the user's own."""
    gold: int
    """Number of examples with gold."""
    labels: Mapping[str, int]
    """Label -> frequency as gold, the most frequent first: in examples, for tagging in words."""
    unlearnable: int | None
    """Number of gold labels that are not in the training data, so that every prediction for them is wrong; None if
    labels are declared, or if the training data are absent."""
    lengths: tuple[int, ...] | None
    """Tokens per row at `QUANTILES` percent of the rows; None without a tokenizer."""
    shown: tuple[Any, ...]
    """The first examples, as JSON."""
    left_out: tuple[LeftOut, ...]
    """Rows and lines that are not used, and notices about used rows, by reason."""
    otherwise: tuple[LeftOut, ...]
    """Rows that are used but not read as they are written, by reason."""
    languages: Mapping[str, Mapping[str, int]]
    """Column that names languages -> value -> rows, if a file that is read as one language has several."""

    @property
    def rows(self) -> int:
        """Number of rows of the source, including the excluded rows."""
        return rows_read(self.examples, self.left_out)

    @property
    def numbered(self) -> bool:
        """Whether the file may hold the numbers of `codes` instead of labels."""
        source = self.location.source if isinstance(self.location, Location) else None
        return isinstance(source, FileSource) and bool(source.codes) and source.layout.format in TYPED

    @property
    def format_note(self) -> str:
        """A sentence on the format if the content of the file decided it; empty if its name or the recipe did."""
        source = self.location.source if isinstance(self.location, Location) else None
        return source.format_note if isinstance(source, FileSource) else ""

    @property
    def as_published(self) -> bool:
        """Whether the number of examples equals the published number, or that number is unknown."""
        return self.published in {None, self.examples}


def take_census(
    task: Task, location: Place, *, published: int | None, tokenizer: Tokenizer | None = None, show: int = 3
) -> Census:
    """Return the statistics of all examples of a location.

    Args:
        task: The task; if it takes its labels from the training data, with these labels as far as they are known.
        location: Its data.
        published: The published number of examples, or None if unknown.
        tokenizer: Counts the tokens of the rows; None skips the statistics of lengths.
        show: Number of examples to keep.

    Raises:
        DataError: an error of `Task.read`, with file:line.
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
    """Count the examples with the same text and gold as an earlier example."""
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
