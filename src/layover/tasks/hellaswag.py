"""HellaSwag: which of four endings continues a description.

In the text file, an item has six lines, and its first line is "activity: context"; the official fields are joined in
the same form. The text file lacks the [header] and [step] marks of WikiHow items, so its text and identity differ from
the official jsonl.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

TASK = Task(
    name="hellaswag",
    kind="choice",
    summary="sentence completion, English",
    stages=("intermediate",),
    metrics=("accuracy",),
    columns={"first": "{activity_label}: {ctx}", "choices": "endings", "label": "label"},
    languages={"train": ("en",), "validation": ("en",)},
    hub={
        "train": (HubSource(path="Rowan/hellaswag", split="train"),),
        "validation": (HubSource(path="Rowan/hellaswag", split="validation"),),
    },
    files={
        "train": (FileSource(path="hellaswag/hellaswag_train.jsonl", layout=FileLayout(format="jsonl")),),
        "validation": (
            FileSource(path="hellaswag/hellaswag_val.jsonl", layout=FileLayout(format="jsonl")),
            FileSource(
                path="hellaswag/hellaswag_val_full.txt.bz2",
                layout=FileLayout(format="hellaswag"),
                columns={"first": "text", "choices": "endings", "label": "label"},
            ),
            FileSource(path="hellaswag/hellaswag_val.sample1000.jsonl", layout=FileLayout(format="jsonl")),
        ),
    },
    counts={"train": 39_905, "validation": 10_042},
    licence="MIT",
    citation="Zellers, Holtzman, Bisk, Farhadi, Choi 2019, arXiv:1905.07830",
)
