"""NAME: find the English translation of a sentence among others, and the reverse, without training.

All of this is an example. Replace it with your task, and the five pairs of its fixture in `tests/tasks/fixtures` with
pairs like yours. `class TaskFields` in `_fields.py` explains every field. In `bucc2018.py` some sentences have no
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
    metrics=("retrieval_accuracy", "retrieval_accuracy_to_english"),  # from English to the language, and back
    columns={"text": "text"},
    languages={"test": ("de", "sw")},
    # the data set on the hub, with `{language}` filled in; omit `hub` if there is none
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
    counts={"test": 10},  # the published number of sentences of each language, on both sides together
    licence="to be filled in",
    citation="to be filled in",
)
