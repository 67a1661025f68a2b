"""NAME: what a note is about.

All of this is an example: replace it by your task, and the five rows of its fixture in `tests/tasks/fixtures` by rows
like yours. `class Task` in `_task.py` explains every field, and those that are left out here.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

JSONL = FileLayout(format="jsonl")  # the other formats are the files of layover/data/formats

TASK = Task(
    name="NAME",
    kind="multilabel",
    summary="what a note is about, 2 languages",
    labels=("food", "keys", "weather"),  # in the order of the hub's numbers
    metrics=("micro_f1", "multilabel_macro_f1"),  # the official ones; the first selects and stands in the table
    columns={"first": "note", "label": "topics"},  # a list of labels; "second" where there are two texts
    languages={"train": ("en",), "validation": ("en",), "test": ("en", "sw")},
    # the hub's data set, `{language}` filled in; leave `hub` out where there is none
    hub={
        "train": (HubSource(path="owner/NAME", config="{language}", split="train"),),
        "validation": (HubSource(path="owner/NAME", config="{language}", split="validation"),),
        "test": (HubSource(path="owner/NAME", config="{language}", split="test"),),
    },
    # the official files below the data root, under the names they are published with
    files={
        "train": (FileSource(path="NAME/train-{language}.jsonl", layout=JSONL),),
        "validation": (FileSource(path="NAME/validation-{language}.jsonl", layout=JSONL),),
        "test": (FileSource(path="NAME/test-{language}.jsonl", layout=JSONL),),
    },
    counts={"train": 5},  # the published number of examples of each language; other splits where they are known
    licence="to be filled in",
    citation="to be filled in",
)
