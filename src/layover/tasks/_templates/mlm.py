"""NAME: text about the sea, to continue the pretraining of an encoder.

All of this is an example. Replace it with your task, and the five rows of its fixture in `tests/tasks/fixtures` with
rows like yours. `class TaskFields` in `_fields.py` explains every field, also the fields that are absent here.
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
    columns={"first": "text"},  # "second" if a column holds the text's translation
    languages={"train": ("en",), "validation": ("en", "sw")},
    # the data set on the hub, with `{language}` filled in; omit `hub` if there is none
    hub={
        "train": (HubSource(path="owner/NAME", config="{language}", split="train"),),
        "validation": (HubSource(path="owner/NAME", config="{language}", split="validation"),),
    },
    # the official files below the data root, with their published names
    files={
        "train": (FileSource(path="NAME/train-{language}.txt", layout=TEXT),),
        "validation": (FileSource(path="NAME/validation-{language}.txt", layout=TEXT),),
    },
    counts={"train": 5},  # the published number of lines of each language; add other splits if known
    licence="to be filled in",
    citation="to be filled in",
)
