"""Random numbers that depend on a name alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class StableRandom:
    """Random numbers that are a function of a name alone: equal on every machine, in every process, in any order."""

    name: tuple[str, ...]

    def share(self, *purpose: str) -> float:
        """Return a number from 0 on and below 1, for a purpose."""
        text = "\x1f".join((*self.name, *purpose)).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / 2**64

    def pick(self, options: Sequence[T], *purpose: str) -> T:
        """Return one of some options, for a purpose."""
        return options[min(int(self.share(*purpose) * len(options)), len(options) - 1)]
