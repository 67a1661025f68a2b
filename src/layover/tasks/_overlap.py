"""The texts that the data of two tasks share."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from layover import kinds
from layover.data.subset import leave_out, texts_of
from layover.data.task import Place
from layover.tasks._task import Task


@dataclass(frozen=True)
class Overlap:
    """The numbers of examples and texts that one place shares with others; a text is a premise, context or sentence."""

    place: Place
    examples: int
    shared: int
    """Number of examples whose text the others also have."""
    texts: int
    shared_texts: int


def texts_in(task: Task, places: Iterable[Place]) -> frozenset[bytes]:
    """Return the fingerprint of every text of some data, see `layover.data.subset.texts_of`."""
    return frozenset().union(*(texts_of(task.read(place), kinds.get(task.kind)) for place in places))


def find_overlap(task: Task, place: Place, texts: Collection[bytes]) -> Overlap:
    """Return the overlap of a task's data with the texts of others, see `texts_in`."""
    kind, examples = kinds.get(task.kind), task.read(place)
    left = leave_out(examples, texts, kind)
    own = texts_of(examples, kind)
    return Overlap(place, len(examples), len(examples) - len(left), len(own), len(own.intersection(texts)))
