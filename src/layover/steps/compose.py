"""compose: intermediates put together, and the head of one of them; nothing is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from layover.plan import Node
from layover.plan.inputs import ComposeInputs
from layover.steps.context import Context
from layover.steps.files import HEAD
from layover.steps.trained import head_file


def run(node: Node, folder: Path, context: Context) -> None:
    """Keep the head; the composition itself follows from the node's identity whenever it is asked for."""
    inputs: ComposeInputs = node.inputs
    if inputs.head_from is not None and inputs.task is not None:
        shutil.copyfile(head_file(context.store, inputs.head_from, inputs.task), folder / HEAD)
    context.progress({"done": 1, "total": 1, "unit": "heads"})
