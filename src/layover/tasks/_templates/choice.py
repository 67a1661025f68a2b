"""NAME: which of three tools does the work.

All of this is an example: replace it by your task, and the five rows of its fixture in `tests/tasks/fixtures` by rows
like yours. `class Task` in `_task.py` explains every field, and those that are left out here.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

JSONL = FileLayout(format="jsonl")  # the other formats are the files of layover/data/formats

TASK = Task(
    name="NAME",
    kind="choice",
    summary="which of three tools does the work, 2 languages",
    metrics=("accuracy",),
    # "first" may be a template, "{work} {question}", "choices" the names of several columns; the label counts from 0
    columns={"first": "work", "choices": "tools", "label": "label"},
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
