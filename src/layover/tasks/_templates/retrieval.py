"""NAME: sentences and their English translations, to be found among each other; nothing is trained.

All of this is an example: replace it by your task, and the five pairs of its fixture in `tests/tasks/fixtures` by pairs
like yours. `class Task` in `_task.py` explains every field; `bucc2018.py` is a task whose sentences do not all have a
translation.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

LINES = FileLayout(format="lines")  # a sentence per line

TASK = Task(
    name="NAME",
    kind="retrieval",
    summary="translations among sentences, 2 languages, no training",
    stages=("target",),
    metrics=("retrieval_accuracy", "retrieval_accuracy_to_english"),  # English looks for the language, and back
    columns={"text": "text"},
    languages={"test": ("de", "sw")},
    # the hub's data set, `{language}` filled in; leave `hub` out where there is none
    hub={
        "test": (
            HubSource(
                path="owner/NAME",
                config="{language}",
                split="test",
                columns={"text": "sentence", "other": "english"},  # both sides in one row
            ),
        ),
    },
    # the official files below the data root
    files={
        "test": (
            FileSource(
                path="NAME/{language}-en.{language}",
                other="NAME/{language}-en.en",  # the English side: line i translates line i
                layout=LINES,
            ),
        ),
    },
    counts={"test": 10},  # the published number of sentences of each language, both sides counted
    licence="to be filled in",
    citation="to be filled in",
)
