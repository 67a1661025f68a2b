"""NAME: how much of a note does a claim repeat.

All of this is an example. Replace it with your task, and the five rows of its fixture in `tests/tasks/fixtures` with
rows like yours. `class TaskFields` in `_fields.py` explains every field, also the fields that are absent here.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

JSONL = FileLayout(format="jsonl")  # the other formats are the files of layover/data/formats

TASK = Task(
    name="NAME",
    kind="regression",
    summary="how much of a note does a claim repeat, 2 languages",
    metrics=("pearson", "spearman"),  # the official ones; the first selects, and tables show it
    columns={"first": "note", "second": "claim", "label": "score"},  # "second" only if there are two texts
    options={"range": [0.0, 5.0]},  # the lowest and the highest number; omit it if any number may be gold
    languages={"train": ("en",), "validation": ("en",), "test": ("en", "sw")},
    # the data set on the hub, with `{language}` filled in; omit `hub` if there is none
    hub={
        "train": (HubSource(path="owner/NAME", config="{language}", split="train"),),
        "validation": (HubSource(path="owner/NAME", config="{language}", split="validation"),),
        "test": (HubSource(path="owner/NAME", config="{language}", split="test"),),
    },
    # the official files below the data root, with their published names
    files={
        "train": (FileSource(path="NAME/train-{language}.jsonl", layout=JSONL),),
        "validation": (FileSource(path="NAME/validation-{language}.jsonl", layout=JSONL),),
        "test": (FileSource(path="NAME/test-{language}.jsonl", layout=JSONL),),
    },
    counts={"train": 5},  # the published number of examples of each language; add other splits if known
    licence="to be filled in",
    citation="to be filled in",
)
