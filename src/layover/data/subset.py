"""Subsets of a data set that are the same on every machine and with every seed."""

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
        """Return the text of the group; it must not appear on both sides of a split."""
        ...


def limit(examples: Sequence[E], count: int) -> list[E]:
    """Return `count` of the examples, in their order, spread over all of them.

    The examples are ranked by SHA-256 of their position, so a smaller limit is a subset of a larger one, and the data
    do not depend on the seed. If there are at most `count` examples, all are returned.
    """
    if count >= len(examples):
        return list(examples)
    ranked = sorted(range(len(examples)), key=lambda index: rank(str(index)))
    return [examples[index] for index in sorted(ranked[:count])]


def hold_out(examples: Sequence[E], count: int, kind: Grouping[E]) -> tuple[list[E], list[E]]:
    """Return (rest, held), each in the original order: `held` has whole groups with at least `count` examples.

    Groups (a premise, a context) are taken in the order of SHA-256 of their text. So no text is on both sides, and new
    examples elsewhere do not move a group. `held` may exceed `count` by less than one group.

    Raises:
        DataError: no example would remain in `rest`.
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
            f"a hold-out of {count} takes all {len(examples)} examples ({len(sizes)} groups with the same text); "
            "hold out fewer examples, or name a validation file instead of `holdout`"
        )
    pairs = list(zip(names, examples, strict=True))
    return [item for name, item in pairs if name not in held], [item for name, item in pairs if name in held]


@dataclass(frozen=True)
class Subset(Canonical):
    """A selection of examples: first the hold-out applies, then the limit."""

    limit: int | None = later(None)
    holdout: int | None = later(None)
    part: Literal["all", "rest", "held"] = later("all")
    """`rest`: without the held-out examples; `held`: only the held-out examples."""

    def held(self, examples: list[E], kind: Grouping[E]) -> list[E]:
        """Return the examples on the selected side of the hold-out."""
        if self.holdout is None:
            return examples
        rest, held = hold_out(examples, self.holdout, kind)
        return held if self.part == "held" else rest

    def limited(self, examples: list[E]) -> list[E]:
        """Return at most `limit` of the examples."""
        return examples if self.limit is None else limit(examples, self.limit)

    def of(self, examples: list[E], kind: Grouping[E]) -> list[E]:
        """Return the selected examples."""
        return self.limited(self.held(examples, kind))


def texts_of(examples: Iterable[E], kind: Grouping[E]) -> frozenset[bytes]:
    """Return the fingerprint of the text of every group (a premise, a context).

    Case, width (NFKC) and white space do not count, so that a tokenized sentence equals its original.
    """
    return frozenset(fingerprint(kind.group_of(example)) for example in examples)


def leave_out(examples: Sequence[E], texts: Collection[bytes], kind: Grouping[E]) -> list[E]:
    """Return the examples whose group is not among `texts` (see `texts_of`), in their order."""
    return [example for example in examples if fingerprint(kind.group_of(example)) not in texts]


def fingerprint(text: str) -> bytes:
    """Return SHA-256 of a text without its white space, case and width."""
    return rank("".join(unicodedata.normalize("NFKC", text).casefold().split()))


def rank(text: str) -> bytes:
    """Return SHA-256 of a text: an order that does not depend on the content."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
