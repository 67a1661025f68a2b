"""NAME: text about the sea, to go on pretraining an encoder with.

All of this is an example: replace it by your task, and the five rows of its fixture in `tests/tasks/fixtures` by rows
like yours. `class Task` in `_task.py` explains every field, and those that are left out here.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

TEXT = FileLayout(format="text")  # a sentence or document per line, in the column "text"

TASK = Task(
    name="NAME",
    kind="mlm",
    summary="text about the sea, 2 languages",
    metrics=("mlm_accuracy", "mlm_loss"),
    columns={"first": "text"},  # "second" where a column holds the text's translation
    languages={"train": ("en",), "validation": ("en", "sw")},
    # the hub's data set, `{language}` filled in; leave `hub` out where there is none
    hub={
        "train": (HubSource(path="owner/NAME", config="{language}", split="train"),),
        "validation": (HubSource(path="owner/NAME", config="{language}", split="validation"),),
    },
    # the official files below the data root, under the names they are published with
    files={
        "train": (FileSource(path="NAME/train-{language}.txt", layout=TEXT),),
        "validation": (FileSource(path="NAME/validation-{language}.txt", layout=TEXT),),
    },
    counts={"train": 5},  # the published number of lines of each language; other splits where they are known
    licence="to be filled in",
    citation="to be filled in",
)
