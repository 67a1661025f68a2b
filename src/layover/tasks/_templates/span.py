"""NAME: questions about a village, each answered by words of a paragraph.

All of this is an example: replace it by your task, and the five rows of its fixture in `tests/tasks/fixtures` by rows
like yours. `class Task` in `_task.py` explains every field, and those that are left out here.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

SQUAD = FileLayout(format="squad")  # the JSON of SQuAD; jsonl with the same columns is read too

TASK = Task(
    name="NAME",
    kind="span",
    summary="questions about a village, 2 languages",
    metrics=("squad_f1", "squad_em"),  # the official ones; the first selects and stands in the table
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en", "sw")},
    # the hub's data set, `{language}` filled in; leave `hub` out where there is none
    hub={
        "train": (HubSource(path="owner/NAME", config="{language}", split="train"),),
        "validation": (HubSource(path="owner/NAME", config="{language}", split="validation"),),
        "test": (HubSource(path="owner/NAME", config="{language}", split="test"),),
    },
    # the official files below the data root, under the names they are published with
    files={
        "train": (FileSource(path="NAME/train-{language}.json", layout=SQUAD),),
        "validation": (FileSource(path="NAME/validation-{language}.json", layout=SQUAD),),
        "test": (FileSource(path="NAME/test-{language}.json", layout=SQUAD),),
    },
    counts={"train": 5},  # the published number of questions of each language; other splits where they are known
    licence="to be filled in",
    citation="to be filled in",
)
