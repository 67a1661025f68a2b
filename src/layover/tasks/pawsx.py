"""PAWS-X: do two sentences with nearly the same words mean the same; 7 languages, trained on English PAWS.

The training sets of the other languages are machine translations. The official files have tabs and no quotes; a reader
of quoted csv loses rows, as happened in the hub's google/xtreme. XTREME's own files have quotes.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import PARAPHRASE

LANGUAGES = ("de", "en", "es", "fr", "ja", "ko", "zh")
XTREME = ("sentence1", "sentence2", "label")
OFFICIAL = FileLayout(format="tsv", quoting=False)


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="google-research-datasets/paws-x", config="{language}", split=split),)


def _xtreme(name: str, optional: int = 0) -> FileSource:
    """Return XTREME's own file; its test files have no labels."""
    layout = FileLayout(format="tsv", header=XTREME, optional=optional)
    return FileSource(path=f"pawsx/{name}-{{language}}.tsv", layout=layout)


TASK = Task(
    name="pawsx",
    kind="classification",
    summary="paraphrase, 7 languages",
    labels=("0", "1"),
    meanings=dict(PARAPHRASE),
    metrics=("accuracy",),
    columns={"first": "sentence1", "second": "sentence2", "label": "label"},
    languages={"train": ("en",), "validation": LANGUAGES, "test": LANGUAGES},
    hub={split: _hub(split) for split in ("train", "validation", "test")},
    files={
        "train": (FileSource(path="x-final/{language}/train.tsv", layout=OFFICIAL), _xtreme("train")),
        "validation": (FileSource(path="x-final/{language}/dev_2k.tsv", layout=OFFICIAL), _xtreme("dev")),
        "test": (FileSource(path="x-final/{language}/test_2k.tsv", layout=OFFICIAL), _xtreme("test", optional=1)),
    },
    counts={"train": 49_401, "validation": 2_000, "test": 2_000},
    xtreme=LANGUAGES,
    licence="free for any purpose, with acknowledgement of Google",
    citation="Yang, Zhang, Tar, Baldridge 2019, arXiv:1908.11828",
)
