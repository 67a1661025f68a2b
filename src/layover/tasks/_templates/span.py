"""NAME: questions about a village, each answered by words of a paragraph.

All of this is an example. Replace it with your task, and the five rows of its fixture in `tests/tasks/fixtures` with
rows like yours. `class TaskFields` in `_fields.py` explains every field, also the fields that are absent here.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

SQUAD = FileLayout(format="squad")  # the JSON of SQuAD; jsonl with the same columns is possible too

TASK = Task(
    name="NAME",
    kind="span",
    summary="questions about a village, 2 languages",
    metrics=("squad_f1", "squad_em"),  # the official ones; the first selects, and tables show it
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en", "sw")},
    # the data set on the hub, with `{language}` filled in; omit `hub` if there is none
    hub={
        "train": (HubSource(path="owner/NAME", config="{language}", split="train"),),
        "validation": (HubSource(path="owner/NAME", config="{language}", split="validation"),),
        "test": (HubSource(path="owner/NAME", config="{language}", split="test"),),
    },
    # the official files below the data root, with their published names
    files={
        "train": (FileSource(path="NAME/train-{language}.json", layout=SQUAD),),
        "validation": (FileSource(path="NAME/validation-{language}.json", layout=SQUAD),),
        "test": (FileSource(path="NAME/test-{language}.json", layout=SQUAD),),
    },
    counts={"train": 5},  # the published number of questions of each language; add other splits if known
    licence="to be filled in",
    citation="to be filled in",
)
