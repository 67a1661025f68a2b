"""Parts of a data set that are the same on every machine and do not depend on any seed."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from layover.canonical import Canonical, later
from layover.errors import DataError

E = TypeVar("E")
G_contra = TypeVar("G_contra", contravariant=True)


class Grouping(Protocol[G_contra]):
    """Says which examples belong together; a kind is one."""

    def group_of(self, example: G_contra, /) -> str:
        """Return the text that must not stand on both sides."""
        ...


def limit(examples: Sequence[E], count: int) -> list[E]:
    """Return `count` of the examples, in their order, spread over all of them.

    The examples are ranked by SHA-256 of their position, so a smaller limit is a subset of a larger one, and
    seeds, which vary the training, do not vary the data. All of them when there are no more.
    """
    if count >= len(examples):
        return list(examples)
    ranked = sorted(range(len(examples)), key=lambda index: rank(str(index)))
    return [examples[index] for index in sorted(ranked[:count])]


def hold_out(examples: Sequence[E], count: int, kind: Grouping[E]) -> tuple[list[E], list[E]]:
    """Return (rest, held): whole groups are held out until `count` examples are, each side in its order.

    Groups (a premise, a context) are taken by SHA-256 of their text, so no text is on both sides and adding
    examples elsewhere moves none. `held` may be larger than `count` by less than one group.

    Raises:
        DataError: no example would be left.
    """
    sizes: dict[str, int] = {}
    names = [kind.group_of(example) for example in examples]
    for name in names:
        sizes[name] = sizes.get(name, 0) + 1
    held: set[str] = set()
    taken = 0
    for name in sorted(sizes, key=rank):
        if taken >= count:
            break
        held.add(name)
        taken += sizes[name]
    if taken >= len(examples):
        raise DataError(
            f"a hold-out of {count} takes all {len(examples)} examples ({len(sizes)} groups of one text); "
            "hold out fewer, or name a validation file in place of `holdout`"
        )
    pairs = list(zip(names, examples, strict=True))
    return [item for name, item in pairs if name not in held], [item for name, item in pairs if name in held]


@dataclass(frozen=True)
class Subset(Canonical):
    """Which examples of a file: first the hold-out, then the limit."""

    limit: int | None = later(None)
    holdout: int | None = later(None)
    part: Literal["all", "rest", "held"] = later("all")
    """`rest` without the held-out examples, `held` only them."""

    def held(self, examples: list[E], kind: Grouping[E]) -> list[E]:
        """Return the side of the hold-out that is meant."""
        if self.holdout is None:
            return examples
        rest, held = hold_out(examples, self.holdout, kind)
        return held if self.part == "held" else rest

    def limited(self, examples: list[E]) -> list[E]:
        """Return as many as the limit allows."""
        return examples if self.limit is None else limit(examples, self.limit)

    def of(self, examples: list[E], kind: Grouping[E]) -> list[E]:
        """Return the examples that are meant."""
        return self.limited(self.held(examples, kind))


def texts_of(examples: Iterable[E], kind: Grouping[E]) -> frozenset[bytes]:
    """Return SHA-256 of the text of every group (a premise, a context), alike for equal letters and digits.

    Case, width (NFKC) and white space do not count, so that a tokenized sentence equals the one it was made from.
    """
    return frozenset(fingerprint(kind.group_of(example)) for example in examples)


def leave_out(examples: Sequence[E], texts: Collection[bytes], kind: Grouping[E]) -> list[E]:
    """Return the examples whose group is not among `texts` (see `texts_of`), in their order."""
    return [example for example in examples if fingerprint(kind.group_of(example)) not in texts]


def fingerprint(text: str) -> bytes:
    """Return SHA-256 of a text without its white space, case and width."""
    return rank("".join(unicodedata.normalize("NFKC", text).casefold().split()))


def rank(text: str) -> bytes:
    """Return SHA-256 of a text: an order that has nothing to do with its content."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
