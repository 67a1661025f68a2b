"""MLQA: questions about Wikipedia in 7 languages, context and question in one language; trained on English SQuAD."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

LANGUAGES = ("ar", "de", "en", "es", "hi", "vi", "zh")
VALIDATION = {"en": 1_148, "de": 512, "es": 500, "ar": 517, "zh": 504, "vi": 511, "hi": 507}
TEST = {"en": 11_590, "de": 4_517, "es": 5_253, "ar": 5_335, "zh": 5_137, "vi": 5_495, "hi": 4_918}


def files(name: str, context: str, question: str, languages: tuple[str, ...]) -> tuple[FileSource, ...]:
    """Return the official files of a pair of languages, packed or unpacked."""
    file = f"{name}-context-{context}-question-{question}.json"
    paths = (f"mlqa/{file}", f"MLQA_V1/{name}/{file}", f"MLQA_V1.zip/MLQA_V1/{name}/{file}")
    return tuple(FileSource(path=path, layout=FileLayout(format="squad"), languages=languages) for path in paths)


def _files(name: str) -> tuple[FileSource, ...]:
    return files(name, "{language}", "{language}", LANGUAGES)


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="google/xtreme", config="MLQA.{language}.{language}", split=split),)


TASK = Task(
    name="mlqa",
    kind="span",
    summary="extractive question answering, 7 languages",
    stages=("target",),
    metrics=("mlqa_f1", "mlqa_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={"validation": LANGUAGES, "test": LANGUAGES},
    train_task="squad",
    hub={"validation": _hub("validation"), "test": _hub("test")},
    files={"validation": _files("dev"), "test": _files("test")},
    counts={"validation": VALIDATION, "test": TEST},
    xtreme=LANGUAGES,
    licence="CC-BY-SA-3.0",
    citation="Lewis, Oguz, Rinott, Riedel, Schwenk 2020, arXiv:1910.07475",
)
