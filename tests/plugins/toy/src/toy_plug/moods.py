"""A task: moods of sentences, in a file of the format `bars`."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.data.task import FileSource
from layover.tasks import Task

TASK = Task(
    name="toy_moods",
    summary="moods of sentences",
    kind="classification",
    labels=("no", "yes"),
    columns={"first": "text", "label": "label"},
    metrics=("balanced", "accuracy"),
    files={
        split: (FileSource(path=f"moods.{split}.bars", layout=FileLayout(format="bars")),)
        for split in ("train", "validation", "test")
    },
    languages=dict.fromkeys(("train", "validation", "test"), ("en",)),
)
