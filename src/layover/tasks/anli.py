"""ANLI: natural language inference written against ever better models in three rounds; all rounds together."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import NLI

ROUNDS = (1, 2, 3)
LETTERS = {"e": "entailment", "n": "neutral", "c": "contradiction"}


def _hub(split: str) -> tuple[HubSource, ...]:
    # `datasets` joins splits that stand in a sum
    return (HubSource(path="facebook/anli", config="plain_text", split="+".join(f"{split}_r{r}" for r in ROUNDS)),)


def _files(split: str) -> tuple[FileSource, ...]:
    """Return the files of the official archive, in it or out of it."""
    columns: dict[str, str | tuple[str, ...]] = {"first": "context", "second": "hypothesis", "label": "label"}
    found = []
    for place in ("anli/anli_v1.0.zip/anli_v1.0", "anli/anli_v1.0"):
        first, *more = (f"{place}/R{number}/{split}.jsonl" for number in ROUNDS)
        layout = Layout(format="jsonl")
        found.append(FileSource(path=first, more=tuple(more), layout=layout, columns=columns, aliases=LETTERS))
    return tuple(found)


TASK = Task(
    name="anli",
    kind="classification",
    summary="adversarial natural language inference, English",
    stages=("intermediate",),
    labels=("entailment", "neutral", "contradiction"),
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("dev"), "test": _hub("test")},
    files={"train": _files("train"), "validation": _files("dev"), "test": _files("test")},
    counts={"train": 162_865, "validation": 3_200, "test": 3_200},
    licence="CC-BY-NC-4.0",
    citation="Nie, Williams, Dinan, Bansal, Weston, Kiela 2020, arXiv:1910.14599",
)
