"""Steps: the computation of each kind of node. One file per kind, with its name."""

from __future__ import annotations

import importlib
import keyword
from pathlib import Path
from typing import Protocol

from layover.plan import Node
from layover.specs import StepSpec
from layover.steps.context import Context


class Step(Protocol):
    """The module of a step."""

    def run(self, node: Node[StepSpec], folder: Path, context: Context) -> None:
        """Compute a node; write its files into `folder`."""


def get(kind: str) -> Step:
    """Return the step that computes nodes of a kind."""
    name = f"{kind}_" if keyword.iskeyword(kind) else kind  # PEP 8: `import_`
    step: Step = importlib.import_module(f"layover.steps.{name}")
    return step


__all__ = ["Context", "Step", "get"]
