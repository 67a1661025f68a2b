"""The steps of gpu.py, in their order: a file each, with `BUDGET` in seconds and `run(record, settings)`."""

from __future__ import annotations

STEPS = ("facts", "equality", "waits", "strict", "memory", "speed", "levers", "sweep")
