"""A language adapter of a plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Adapter:
    """A language adapter, a finished training."""

    language: str
    """The one that it has learned."""
    key: str
