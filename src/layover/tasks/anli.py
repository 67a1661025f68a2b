"""ANLI: natural language inference that people wrote against better and better models in three rounds, all together."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import NLI

ROUNDS = (1, 2, 3)
PLACES = ("anli/anli_v1.0.zip/anli_v1.0", "anli/anli_v1.0")
LETTERS = {"e": "entailment", "n": "neutral", "c": "contradiction"}


def _hub(split: str) -> tuple[HubSource, ...]:
    # `datasets` joins splits that are written with +
    return (HubSource(path="facebook/anli", config="plain_text", split="+".join(f"{split}_r{r}" for r in ROUNDS)),)


def _files(split: str) -> tuple[FileSource, ...]:
    """Return the files of the official archive, packed or unpacked."""
    columns: dict[str, str | tuple[str, ...]] = {"first": "context", "second": "hypothesis", "label": "label"}
    sources = []
    for place in PLACES:
        first, *more = (f"{place}/R{number}/{split}.jsonl" for number in ROUNDS)
        layout = FileLayout(format="jsonl")
        sources.append(FileSource(path=first, more=tuple(more), layout=layout, columns=columns, aliases=LETTERS))
    return tuple(sources)


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
