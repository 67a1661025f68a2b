"""XNLI: natural language inference in 15 languages, trained on English MultiNLI.

XTREME's `test-XX.tsv` come without labels. All languages have the same 5,010 pairs in the same order, so
`xglue-de-test.txt`, XGLUE's labelled copy of the German test file, labels each of them by row number; where it
lies beside them it is used, and must have as many rows. The archive XNLI-1.0 has its labels itself.
"""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import NLI

LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
COLUMNS = ("premise", "hypothesis", "label")


def _archive(split: str) -> FileSource:
    """Return the official file of all languages."""
    return FileSource(
        path=f"XNLI-1.0/xnli.{split}.tsv",
        layout=Layout(format="tsv", quoting=False),
        columns={"first": "sentence1", "second": "sentence2", "label": "gold_label"},
        where={"language": "{language}"},
        languages=LANGUAGES,
    )


TASK = Task(
    name="xnli",
    kind="classification",
    summary="natural language inference, 15 languages",
    stages=("target",),
    labels=("entailment", "neutral", "contradiction"),
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
    languages={"validation": LANGUAGES, "test": LANGUAGES},
    train_task="mnli",
    hub={
        "validation": (HubSource(path="facebook/xnli", config="{language}", split="validation"),),
        "test": (HubSource(path="facebook/xnli", config="{language}", split="test"),),
    },
    files={
        "validation": (
            FileSource(path="xnli/dev-{language}.tsv", layout=Layout(format="tsv", header=COLUMNS)),
            _archive("dev"),
        ),
        "test": (
            _archive("test"),
            FileSource(
                path="xnli/test-{language}.tsv",
                layout=Layout(format="tsv", header=COLUMNS, optional=1),
                gold="xnli/xglue-de-test.txt",
                gold_layout=Layout(format="tsv", header=COLUMNS, quoting=False),
            ),
        ),
    },
    counts={"validation": 2_490, "test": 5_010},
    xtreme=LANGUAGES,
    licence="CC-BY-NC-4.0",
    citation="Conneau et al. 2018, arXiv:1809.05053",
)
