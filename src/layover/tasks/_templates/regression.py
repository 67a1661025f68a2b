"""NAME: how much of a note does a claim say.

All of this is an example: replace it by your task, and the five rows of its fixture in `tests/tasks/fixtures` by rows
like yours. `class Task` in `_task.py` explains every field, and those that are left out here.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

JSONL = FileLayout(format="jsonl")  # the other formats are the files of layover/data/formats

TASK = Task(
    name="NAME",
    kind="regression",
    summary="how much of a note does a claim say, 2 languages",
    metrics=("pearson", "spearman"),  # the official ones; the first selects and stands in the table
    columns={"first": "note", "second": "claim", "label": "score"},  # "second" only where there are two texts
    options={"range": [0.0, 5.0]},  # the lowest and the highest number; leave it out where any number may be gold
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
