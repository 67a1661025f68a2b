"""What an estimate must know of a data set, found in one pass that keeps no example but a sample."""

from __future__ import annotations

import hashlib
import heapq
from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layover import kinds
from layover.data.subset import Subset, fingerprint, limit, rank
from layover.data.tally import LeftOut, Tally, rows_read
from layover.data.task import Place
from layover.kinds import Kind
from layover.tasks._foreign_tags import note_tags
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
    texts: Texts
    tags: dict[str, str]
    """Every gold tag, where labels come from the training data -> `file:line` of the first example that has it."""


@dataclass(frozen=True, eq=False)
class Texts:
    """What examples have to be read, as 64 bits of a hash each: equal letters and digits are equal texts."""

    inputs: Hashes
    """All that the encoder reads of an example, in the order of the examples; its texts in any order are one input."""
    parts: Hashes
    """Each text of the examples that have several."""
    owner: npt.NDArray[np.int64]
    """Number of the example that each part belongs to."""
    contexts: Hashes
    """The text that each example asks a question of; empty for kinds that ask none of a context."""

    def limited(self, count: int) -> Texts:
        """Return those of the examples that a limit leaves."""
        kept = np.array(limit(range(len(self.inputs)), count), np.int64)
        mine = np.isin(self.owner, kept)
        contexts = self.contexts[kept] if len(self.contexts) else self.contexts
        return Texts(self.inputs[kept], self.parts[mine], self.owner[mine], contexts)

    def known_to(self, other: Texts) -> SharedTexts:
        """Return how much of this stands in the inputs of others, or is one of their texts."""
        theirs = np.concatenate([other.inputs, other.parts])
        known = np.isin(self.inputs, theirs)
        asked_anew = np.unique(self.contexts[~known]) if len(self.contexts) else self.contexts
        return SharedTexts(
            inputs=int(known.sum()),
            of_inputs=len(self.inputs),
            contexts=int(np.isin(asked_anew, theirs).sum()),
            of_contexts=len(np.unique(self.contexts)),
        )


@dataclass(frozen=True)
class SharedTexts:
    """How many of some examples' texts stand among other texts."""

    inputs: int
    of_inputs: int
    contexts: int
    """Different contexts of the examples whose own input does not: their questions are new."""
    of_contexts: int
    """0 where examples have no context."""


class _Texts:
    """Collects the texts of examples."""

    def __init__(self, kind: Kind[Any]) -> None:
        self._kind = kind
        self._inputs, self._parts, self._owner = array("Q"), array("Q"), array("q")
        self._contexts = array("Q")

    def add(self, example: Any) -> None:
        read = self._kind.texts_of(example)
        texts = [fingerprint(text) for text in read]
        whole = texts[0] if len(texts) == 1 else hashlib.sha256(b"".join(sorted(texts))).digest()
        self._inputs.append(int.from_bytes(whole[:8]))
        if len(texts) > 1:
            self._parts.extend(int.from_bytes(text[:8]) for text in texts)
            self._owner.extend([len(self._inputs) - 1] * len(texts))
        if self._kind.asks_of_context:
            context = texts[read.index(self._kind.group_of(example))]
            self._contexts.append(int.from_bytes(context[:8]))

    def done(self) -> Texts:
        hashes = (self._inputs, self._parts, self._contexts)
        inputs, parts, contexts = (np.array(values, np.uint64) for values in hashes)
        return Texts(inputs, parts, np.array(self._owner, np.int64), contexts)


def take_texts(task: Task, place: Place, subset: Subset) -> Texts:
    """Return the texts of a part of a place.

    Raises:
        DataError: whatever `Task.read` raises, with file:line.
    """
    kind = kinds.get(task.kind)
    found = _Texts(kind)
    for example in subset.of(task.read(place), kind):
        found.add(example)
    return found.done()


def take_survey(task: Task, place: Place) -> Survey:
    """Read a place once.

    Raises:
        DataError: whatever `Task.read` raises, with file:line.
    """
    kind, tally = kinds.get(task.kind), Tally()
    chosen: list[tuple[int, int, Any]] = []  # the lowest ranks; negative, for the heap gives the lowest first
    texts, gold = _Texts(kind), 0
    tags: dict[str, str] = {}
    for number, example in enumerate(task.examples(place, tally)):
        gold += kind.has_gold(example)
        order = -int.from_bytes(rank(str(number))[:8])
        if len(chosen) < SAMPLE:
            heapq.heappush(chosen, (order, number, example))
        elif order > chosen[0][0]:
            heapq.heapreplace(chosen, (order, number, example))
        texts.add(example)
        if task.labels_from_training:
            note_tags(tags, task, example, tally, number)
    return Survey(
        rows=rows_read(tally.examples, tally.left_out()),
        examples=tally.examples,
        gold=gold,
        left_out=tally.left_out(),
        languages=tally.several(),
        sample=_sample([example for _, _, example in sorted(chosen, reverse=True, key=lambda one: one[:2])], task),
        texts=texts.done(),
        tags=tags,
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
