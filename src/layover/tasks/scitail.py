"""SciTail: does a sentence from the web entail the answer to a science question."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

LAYOUT = FileLayout(format="tsv", header=("premise", "hypothesis", "label"), quoting=False)


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="allenai/scitail", config="tsv_format", split=split),)


def _files(name: str) -> tuple[FileSource, ...]:
    path = f"SciTailV1.1/tsv_format/scitail_1.0_{name}.tsv"
    return tuple(FileSource(path=place + path, layout=LAYOUT) for place in ("", "SciTailV1.1.zip/"))


TASK = Task(
    name="scitail",
    kind="classification",
    summary="entailment of science answers, English",
    labels=("entails", "neutral"),
    meanings={
        "entails": "the first text supports the second one",
        "neutral": "the first text does not support the second one",
    },
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en",)},
    hub={split: _hub(split) for split in ("train", "validation", "test")},
    files={"train": _files("train"), "validation": _files("dev"), "test": _files("test")},
    counts={"train": 23_097, "validation": 1_304, "test": 2_126},
    licence="Apache-2.0",
    citation="Khot, Sabharwal, Clark 2018, SciTail: A Textual Entailment Dataset from Science Question Answering",
)
