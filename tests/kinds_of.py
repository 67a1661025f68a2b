"""The arrays of all kinds, for features that a test makes by hand, and what other libraries call their heads."""

from __future__ import annotations

from layover import kinds
from layover.layouts.heads import HeadForm

COLUMNS = {name: column for kind in kinds.names() for name, column in kinds.get(kind).columns.items()}
SHARED = tuple(name for name in kinds.names() if kinds.get(name).head is not None)
"""Kinds whose heads packages carry."""


def form_of(kind: str) -> HeadForm:
    """Return what other libraries call the head of a kind."""
    form = kinds.get(kind).head
    assert form is not None
    return form
