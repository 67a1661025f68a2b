"""What an estimate must know of a data set, found in one pass that keeps no example but a sample."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layover import kinds
from layover.data.subset import fingerprint, rank
from layover.data.tally import LeftOut, Tally, rows_read
from layover.data.task import Place
from layover.tasks._task import Task

SAMPLE = 256
"""Examples whose lengths are measured."""
SAMPLE_CHARACTERS = 1_000_000
"""Of them so many that they have about so many characters together, and `FEWEST` at least."""
FEWEST = 32

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Survey:
    """The data of one (task, split, language), without the examples."""

    rows: int
    """Of the source."""
    examples: int
    gold: int
    """Examples with gold."""
    left_out: tuple[LeftOut, ...]
    languages: dict[str, dict[str, int]]
    sample: tuple[Any, ...]
    """Examples from everywhere in the source, the same for the same source."""
    inputs: Hashes
    """What the encoder reads of each example, as 64 bits, in order."""
    parts: Hashes
    """Each text of the examples that have several, sorted and each once."""

    def contained_in(self, others: Collection[Survey]) -> int:
        """Return how many examples have an input that others have too, or that is one of their texts."""
        known = [array for other in others for array in (other.inputs, other.parts)]
        return int(np.isin(self.inputs, np.concatenate(known)).sum()) if known else 0


def take_survey(task: Task, place: Place) -> Survey:
    """Read a place once.

    Raises:
        DataError: whatever `Task.read` raises, with file:line.
    """
    kind, tally = kinds.get(task.kind), Tally()
    chosen: list[tuple[int, int, Any]] = []  # the lowest ranks; negative, for the heap gives the lowest first
    inputs, parts, gold = array("Q"), array("Q"), 0
    for number, example in enumerate(task.examples(place, tally)):
        gold += kind.has_gold(example)
        order = -int.from_bytes(rank(str(number))[:8])
        if len(chosen) < SAMPLE:
            heapq.heappush(chosen, (order, number, example))
        elif order > chosen[0][0]:
            heapq.heapreplace(chosen, (order, number, example))
        texts = [fingerprint(text) for text in kind.texts_of(example)]
        inputs.append(_bits(b"".join(texts)) if len(texts) > 1 else int.from_bytes(texts[0][:8]))
        if len(texts) > 1:
            parts.extend(int.from_bytes(text[:8]) for text in texts)
    return Survey(
        rows=rows_read(tally.examples, tally.left_out()),
        examples=tally.examples,
        gold=gold,
        left_out=tally.left_out(),
        languages=tally.several(),
        sample=_sample([example for _, _, example in sorted(chosen, reverse=True, key=lambda one: one[:2])], task),
        inputs=np.array(inputs, np.uint64),
        parts=np.unique(np.array(parts, np.uint64)),
    )


def _sample(examples: list[Any], task: Task) -> tuple[Any, ...]:
    """Return the first of the examples, fewer of long ones."""
    kind, characters, kept = kinds.get(task.kind), 0, 0
    for example in examples:
        if characters > SAMPLE_CHARACTERS and kept >= FEWEST:
            break
        characters += sum(map(len, kind.texts_of(example)))
        kept += 1
    return tuple(examples[:kept])


def _bits(content: bytes) -> int:
    return int.from_bytes(rank(content.hex())[:8])
