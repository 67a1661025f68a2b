"""One round of ANLI's test data as a task of its own, for models that are trained on MultiNLI."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks.anli import LETTERS, PLACES
from layover.tasks.anli import TASK as ANLI

COLUMNS: dict[str, str | tuple[str, ...]] = {"first": "context", "second": "hypothesis", "label": "label"}


def round_task(number: int, count: int) -> Task:
    """Return the task of a round; `count` is the published number of its test examples.

    It has no validation data, so that weights are selected as for `mnli` and all rounds share one training.
    """
    files = (
        FileSource(
            path=f"{place}/R{number}/test.jsonl", layout=FileLayout(format="jsonl"), columns=COLUMNS, aliases=LETTERS
        )
        for place in PLACES
    )
    return Task(
        name=f"anli_r{number}",
        kind="classification",
        summary=f"adversarial natural language inference, English, test of round {number}",
        stages=("target",),
        labels=ANLI.labels,
        meanings=ANLI.meanings,
        metrics=ANLI.metrics,
        columns=ANLI.columns,
        languages={"test": ("en",)},
        train_task="mnli",
        hub={"test": (HubSource(path="facebook/anli", config="plain_text", split=f"test_r{number}"),)},
        files={"test": tuple(files)},
        counts={"test": count},
        licence=ANLI.licence,
        citation=ANLI.citation,
    )
