"""Templates of a task, for each kind: `KIND.py`, its five-row fixture `KIND.json`, its declaration `KIND.yaml`.

NAME is a placeholder for the task's name. The fixture is for the contract test, the declaration for a recipe; all three
describe the same task.
"""

from __future__ import annotations

from pathlib import Path


def filled(kind: str, suffix: str, name: str) -> str:
    """Return the text of a template, `.py`, `.json` or `.yaml`, with the task's name filled in."""
    return (Path(__file__).parent / f"{kind}{suffix}").read_text(encoding="utf-8").replace("NAME", name)
