"""STSb Multi MT: the STS benchmark in English and in machine translations into nine languages, with all scores."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks.stsb import CITATION, COUNTS, METRICS, OPTIONS

LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru", "zh")
COLUMNS = ("sentence1", "sentence2", "similarity_score")
LAYOUT = FileLayout(format="csv", header=COLUMNS)


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="PhilipMay/stsb_multi_mt", config="{language}", split=split),)


def _file(name: str) -> tuple[FileSource, ...]:
    return (FileSource(path=f"stsb-multi-mt/data/stsb-{{language}}-{name}.csv", layout=LAYOUT),)


TASK = Task(
    name="stsb_multi_mt",
    kind="regression",
    summary="similarity of two sentences, 10 languages",
    metrics=METRICS,
    columns=dict(zip(("first", "second", "label"), COLUMNS, strict=True)),
    options=OPTIONS,
    languages={"train": ("en",), "validation": LANGUAGES, "test": LANGUAGES},
    hub={"train": _hub("train"), "validation": _hub("dev"), "test": _hub("test")},
    files={"train": _file("train"), "validation": _file("dev"), "test": _file("test")},
    counts=dict(COUNTS),
    licence="its own licence and the licences of its sources; see https://github.com/PhilipMay/stsb-multi-mt",
    citation=f"May 2021, https://github.com/PhilipMay/stsb-multi-mt; {CITATION}",
)
