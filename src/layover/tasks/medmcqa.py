"""MedMCQA: questions of Indian medical entrance exams, four answers.

The official files count the right answer from 1, the hub from 0.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="openlifescienceai/medmcqa", config="default", split=split),)


def _files(name: str) -> tuple[FileSource, ...]:
    from_one = {str(number): str(number - 1) for number in range(1, 5)}
    return (FileSource(path=f"medmcqa/{name}.json", layout=FileLayout(format="jsonl"), aliases=from_one),)


TASK = Task(
    name="medmcqa",
    kind="choice",
    summary="medical exam questions, 4 answers, English",
    metrics=("accuracy",),
    columns={"first": "question", "choices": ("opa", "opb", "opc", "opd"), "label": "cop"},
    languages={"train": ("en",), "validation": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("validation")},
    files={"train": _files("train"), "validation": _files("dev")},
    counts={"train": 182_822, "validation": 4_183},
    licence="Apache-2.0",
    citation="Pal, Umapathi, Sankarasubbu 2022, arXiv:2203.14371",
)
