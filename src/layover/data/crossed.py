"""The same items in two languages: the first text comes from one place, the second text from another place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layover.data.task import Joined
from layover.identity import Json


@dataclass(frozen=True)
class Crossed(Joined):
    """Two places with the same items in the same order; the first one has the first texts."""

    untranslated: tuple[str, ...] = ()
    """Texts that stand for a missing translation; items with such a text are left out."""

    def identity(self, hash_file: Callable[[Path], str]) -> dict[str, Json]:
        """Return the identity of the examples; see `Location.identity`."""
        return {**super().identity(hash_file), "crossed": {"untranslated": list(self.untranslated)}}

    def describe(self) -> str:
        """Return one line for a plan."""
        return " x ".join(part.describe() for part in self.parts)
