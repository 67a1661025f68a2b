"""CommonsenseQA: which of five words or phrases answers a question of general knowledge."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

LETTERS = {letter: str(index) for index, letter in enumerate("ABCDE")}


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="tau/commonsense_qa", config="default", split=split, aliases=LETTERS),)


def _files(*names: str) -> tuple[FileSource, ...]:
    columns: dict[str, str | tuple[str, ...]] = {"first": "question", "choices": "choices", "label": "answer"}
    layout = FileLayout(format="commonsenseqa")
    return tuple(FileSource(path=f"commonsenseqa/{name}.jsonl", layout=layout, columns=columns) for name in names)


TASK = Task(
    name="commonsenseqa",
    kind="choice",
    summary="commonsense questions, 5 answers, English",
    stages=("intermediate",),
    metrics=("accuracy",),
    columns={"first": "question", "choices": "choices.text", "label": "answerKey"},
    languages={"train": ("en",), "validation": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("validation")},
    files={"train": _files("train_rand_split", "train"), "validation": _files("dev_rand_split", "valid")},
    counts={"train": 9_741, "validation": 1_221},
    licence="MIT",
    citation="Talmor, Herzig, Lourie, Berant 2019, arXiv:1811.00937",
)
