"""Social IQA: which of three answers explains an action or a feeling; XTREME-R trains XCOPA on it first."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

FROM_ONE = {"1": "0", "2": "1", "3": "2"}
FOLDER = "socialiqa-train-dev"


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="lighteval/siqa", config="default", split=split, aliases=FROM_ONE),)


def _files(name: str) -> tuple[FileSource, ...]:
    """Return the official files, packed or unpacked; the labels are in a second file."""
    places = (f"siqa/{FOLDER}.zip/{FOLDER}", f"siqa/{FOLDER}", f"siqa/{FOLDER}/{FOLDER}")
    return tuple(
        FileSource(
            path=f"{place}/{name}.jsonl",
            layout=FileLayout(format="jsonl"),
            gold=f"{place}/{name}-labels.lst",
            gold_layout=FileLayout(format="lines", header=("label",)),
            aliases=FROM_ONE,
        )
        for place in places
    )


TASK = Task(
    name="siqa",
    kind="choice",
    summary="social commonsense, 3 answers, English",
    stages=("intermediate",),
    metrics=("accuracy",),
    columns={
        "first": "{context} {question}",
        "choices": ("answerA", "answerB", "answerC"),
        "label": "label",
    },
    languages={"train": ("en",), "validation": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("validation")},
    files={"train": _files("train"), "validation": _files("dev")},
    counts={"train": 33_410, "validation": 1_954},
    licence="CC-BY-4.0",
    citation="Sap, Rashkin, Chen, Le Bras, Choi 2019, arXiv:1904.09728",
)
