"""Codes of languages."""

from __future__ import annotations

UNKNOWN = "und"
"""The language of data of which nothing says a language (ISO 639-2: undetermined)."""
