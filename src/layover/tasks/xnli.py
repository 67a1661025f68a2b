"""XNLI: natural language inference in 15 languages, trained on English MultiNLI.

XTREME's `test-XX.tsv` have no labels. All languages have the same 5,010 pairs in the same order. So
`xglue-de-test.txt`, XGLUE's labelled copy of the German test file, provides the labels of each language by row number,
if it is in the same folder; it must have the same number of rows. The archive XNLI-1.0 has its own labels.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import NLI

LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
COLUMNS = ("premise", "hypothesis", "label")


def _archive(split: str) -> FileSource:
    """Return the official file of all languages."""
    return FileSource(
        path=f"XNLI-1.0/xnli.{split}.tsv",
        layout=FileLayout(format="tsv", quoting=False),
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
            FileSource(path="xnli/dev-{language}.tsv", layout=FileLayout(format="tsv", header=COLUMNS)),
            _archive("dev"),
        ),
        "test": (
            _archive("test"),
            FileSource(
                path="xnli/test-{language}.tsv",
                layout=FileLayout(format="tsv", header=COLUMNS, optional=1),
                gold="xnli/xglue-de-test.txt",
                gold_layout=FileLayout(format="tsv", header=COLUMNS, quoting=False),
            ),
        ),
    },
    counts={"validation": 2_490, "test": 5_010},
    xtreme=LANGUAGES,
    licence="CC-BY-NC-4.0",
    citation="Conneau et al. 2018, arXiv:1809.05053",
)
