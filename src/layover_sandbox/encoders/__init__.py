"""The sandbox's pretrained encoders, one folder each: config, fp16 weights, tokenizer and card."""

from __future__ import annotations

from pathlib import Path

PREFIX = "sandbox/"
"""Prefix of the name of a folder: `sandbox/mini`. The hub has no models under this name."""


def names() -> tuple[str, ...]:
    """Return the names of the encoders in recipes."""
    return tuple(sorted(f"{PREFIX}{config.parent.name}" for config in Path(__file__).parent.glob("*/config.json")))


def folder_of(name: str) -> Path | None:
    """Return the folder of an encoder of the sandbox, or None for any other name."""
    return Path(__file__).parent / name.removeprefix(PREFIX) if name in names() else None
