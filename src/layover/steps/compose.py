"""compose: composed intermediates with the head of one of them; nothing is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from layover.plan import Node
from layover.specs.compose import ComposeSpec
from layover.steps.artifacts import HEAD
from layover.steps.context import Context
from layover.steps.trained import head_file


def run(node: Node[ComposeSpec], folder: Path, context: Context) -> None:
    """Copy the head; the composition is built from the specification when it is used."""
    spec = node.spec
    if spec.head is not None and spec.kind is not None:
        shutil.copyfile(head_file(context.store, spec.head, (spec.kind, spec.labels)), folder / HEAD)
    context.progress({"done": 1, "total": 1, "unit": "heads"})
