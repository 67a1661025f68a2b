"""SciQ: science questions with four answers, and for most of them a passage that supports the right answer.

The passage is part of the input, as in the data set. It comes after the question, so that a long passage is cut and the
question is not. The right answer has a column of its own, so the answers are in alphabetical order.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

FOLDERS = ("sciq/SciQ.zip/SciQ dataset-2 3", "sciq/SciQ dataset-2 3", "sciq")


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="allenai/sciq", config="default", split=split),)


def _files(name: str) -> tuple[FileSource, ...]:
    """Return the official files, packed or unpacked."""
    return tuple(FileSource(path=f"{folder}/{name}.json", layout=FileLayout(format="json")) for folder in FOLDERS)


TASK = Task(
    name="sciq",
    kind="choice",
    summary="science questions, 4 answers, English",
    metrics=("accuracy",),
    columns={
        "first": "{question} {support}",
        "choices": ("correct_answer", "distractor1", "distractor2", "distractor3"),
        "label": "correct_answer",
    },
    languages={"train": ("en",), "validation": ("en",), "test": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("validation"), "test": _hub("test")},
    files={"train": _files("train"), "validation": _files("valid"), "test": _files("test")},
    layout=FileLayout(format="json"),
    counts={"train": 11_679, "validation": 1_000, "test": 1_000},
    licence="CC-BY-NC-3.0",
    citation="Welbl, Liu, Gardner 2017, arXiv:1707.06209",
)
