"""The facts about a data set for estimates, from one pass that keeps only a sample of the examples."""

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
"""Most examples whose lengths are measured."""
SAMPLE_CHARACTERS = 1_000_000
"""Characters after which the sample ends, once it has `FEWEST` examples."""
FEWEST = 32

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Survey:
    """Facts about the data of one (task, split, language), without all examples."""

    rows: int
    """Number of rows of the source."""
    examples: int
    gold: int
    """Number of examples with gold."""
    left_out: tuple[LeftOut, ...]
    languages: dict[str, dict[str, int]]
    sample: tuple[Any, ...]
    """Examples from the whole source, always the same for the same source."""
    texts: Texts
    tags: dict[str, str]
    """Gold tag -> `file:line` of the first example with it; filled only if labels come from the training data."""


@dataclass(frozen=True, eq=False)
class Texts:
    """The texts of examples as 64-bit hashes; texts with equal letters and digits are equal."""

    inputs: Hashes
    """The complete input of each example, in the order of the examples; the order of its texts does not count."""
    parts: Hashes
    """Each single text of the examples with several texts."""
    owner: npt.NDArray[np.int64]
    """Number of the example of each part."""
    contexts: Hashes
    """The context of each example's question; empty for kinds without contexts."""

    def limited(self, count: int) -> Texts:
        """Return the texts of the examples within a limit."""
        kept = np.array(limit(range(len(self.inputs)), count), np.int64)
        owned = np.isin(self.owner, kept)
        contexts = self.contexts[kept] if len(self.contexts) else self.contexts
        return Texts(self.inputs[kept], self.parts[owned], self.owner[owned], contexts)

    def known_to(self, other: Texts) -> SharedTexts:
        """Return the numbers of these inputs and contexts that are among the inputs or single texts of others."""
        others = np.concatenate([other.inputs, other.parts])
        known = np.isin(self.inputs, others)
        contexts = np.unique(self.contexts[~known]) if len(self.contexts) else self.contexts
        return SharedTexts(
            inputs=int(known.sum()),
            of_inputs=len(self.inputs),
            contexts=int(np.isin(contexts, others).sum()),
            of_contexts=len(np.unique(self.contexts)),
        )


@dataclass(frozen=True)
class SharedTexts:
    """The numbers of texts that some examples share with others."""

    inputs: int
    of_inputs: int
    contexts: int
    """Different shared contexts of examples with a new input: the context is known, but the question is new."""
    of_contexts: int
    """Number of different contexts; 0 for examples without context."""


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
    """Return the texts of a subset of a place.

    Raises:
        DataError: an error of `Task.read`, with file:line.
    """
    kind = kinds.get(task.kind)
    texts = _Texts(kind)
    for example in subset.of(task.read(place), kind):
        texts.add(example)
    return texts.done()


def take_survey(task: Task, place: Place) -> Survey:
    """Return the facts about a place from one pass.

    Raises:
        DataError: an error of `Task.read`, with file:line.
    """
    kind, tally = kinds.get(task.kind), Tally()
    chosen: list[tuple[int, int, Any]] = []  # lowest ranks, stored negative because the heap removes its smallest item
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
        sample=_sample([example for _, _, example in sorted(chosen, reverse=True, key=lambda item: item[:2])], task),
        texts=texts.done(),
        tags=tags,
    )


def _sample(examples: list[Any], task: Task) -> tuple[Any, ...]:
    """Return the first examples; fewer if they are long."""
    kind, characters, kept = kinds.get(task.kind), 0, 0
    for example in examples:
        if characters > SAMPLE_CHARACTERS and kept >= FEWEST:
            break
        characters += sum(map(len, kind.texts_of(example)))
        kept += 1
    return tuple(examples[:kept])
