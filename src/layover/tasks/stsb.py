"""STS-B: how similar two sentences are, 0 to 5; English, a task of GLUE.

GLUE withholds the scores of its test split. So the validation split is scored, and a hold-out of the training data
selects the weights. `stsb_multi_mt` has the scores of the same test pairs.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.identity import Json
from layover.tasks import FileSource, HubSource, Task

OPTIONS: dict[str, Json] = {"range": [0.0, 5.0]}
METRICS = ("pearson", "spearman")
COUNTS = {"train": 5_749, "validation": 1_500, "test": 1_379}
CITATION = "Cer, Diab, Agirre, Lopez-Gazpio, Specia 2017, SemEval-2017 Task 1, arXiv:1708.00055"
"""Shared with `stsb_multi_mt`: 8,628 pairs of sentences, with a human score of their similarity, 0 to 5."""

FILE_COLUMNS = {"first": "sentence1", "second": "sentence2", "label": "score"}
LAYOUT = FileLayout(format="tsv", quoting=False)


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="nyu-mll/glue", config="stsb", split=split),)


def _file(name: str) -> tuple[FileSource, ...]:
    return (FileSource(path=f"STS-B/{name}.tsv", layout=LAYOUT, columns=FILE_COLUMNS),)


TASK = Task(
    name="stsb",
    kind="regression",
    summary="similarity of two sentences, English",
    metrics=METRICS,
    columns={"first": "sentence1", "second": "sentence2", "label": "label"},
    options=OPTIONS,
    languages={"train": ("en",), "validation": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("validation")},
    files={"train": _file("train"), "validation": _file("dev")},
    counts={split: COUNTS[split] for split in ("train", "validation")},
    licence="the licences of its sources; see the page of the STS benchmark",
    citation=f"{CITATION}; split: GLUE, arXiv:1804.07461",
)
