"""NAME: tools in the reports of a workshop.

All of this is an example. Replace it with your task, and the five rows of its fixture in `tests/tasks/fixtures` with
rows like yours. `class TaskFields` in `_fields.py` explains every field, also the fields that are absent here.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

CONLL = FileLayout(format="conll", header=("tokens", "tags"))  # one word and its tag per line

TASK = Task(
    name="NAME",
    kind="tagging",
    summary="names of tools, 2 languages",
    labels=("O", "B-TOOL", "I-TOOL"),  # in the order of the hub's numbers
    metrics=("seqeval_f1",),  # of whole names, as CoNLL scores them; "token_accuracy" for parts of speech
    columns={"tokens": "tokens", "tags": "tags"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en", "sw")},
    # the data set on the hub, with `{language}` filled in; omit `hub` if there is none
    hub={
        "train": (HubSource(path="owner/NAME", config="{language}", split="train"),),
        "validation": (HubSource(path="owner/NAME", config="{language}", split="validation"),),
        "test": (HubSource(path="owner/NAME", config="{language}", split="test"),),
    },
    # the official files below the data root, with their published names
    files={
        "train": (FileSource(path="NAME/train-{language}.tsv", layout=CONLL),),
        "validation": (FileSource(path="NAME/validation-{language}.tsv", layout=CONLL),),
        "test": (FileSource(path="NAME/test-{language}.tsv", layout=CONLL),),
    },
    counts={"train": 5},  # the published number of sentences of each language; add other splits if known
    licence="to be filled in",
    citation="to be filled in",
)
