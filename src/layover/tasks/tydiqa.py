"""TyDi QA, gold passage: questions by people who did not know the answer, 9 languages; trained on the English part.

The development set is XTREME's test set. The official files and the copy on the hub have all languages; the ids begin
with the name of the language.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

NAMES = {
    "ar": "arabic", "bn": "bengali", "en": "english", "fi": "finnish", "id": "indonesian", "ko": "korean",
    "ru": "russian", "sw": "swahili", "te": "telugu",
}  # fmt: skip
BY_ID: dict[str, str | dict[str, str]] = {"id": {language: f"{name}-*" for language, name in NAMES.items()}}
TEST = {"ar": 921, "bn": 113, "en": 440, "fi": 782, "id": 565, "ko": 276, "ru": 812, "sw": 499, "te": 669}
SQUAD = FileLayout(format="squad")


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="google-research-datasets/tydiqa", config="secondary_task", split=split, where=BY_ID),)


def _all(split: str) -> FileSource:
    """Return the official file of all languages."""
    path = f"tydiqa/tydiqa-goldp-v1.1-{split}.json"
    return FileSource(path=path, layout=SQUAD, where=BY_ID, languages=tuple(NAMES))


TASK = Task(
    name="tydiqa",
    kind="span",
    summary="extractive question answering, 9 languages",
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={"train": ("en",), "test": tuple(NAMES)},
    hub={"train": _hub("train"), "test": _hub("validation")},
    files={
        "train": (FileSource(path="tydiqa/tydiqa.goldp.{language}.train.json", layout=SQUAD), _all("train")),
        "test": (
            _all("dev"),
            *(
                FileSource(path=f"tydiqa/{name}_tydiqa_dev.json", layout=SQUAD, languages=(language,))
                for language, name in NAMES.items()
            ),
            FileSource(path="tydiqa/tydiqa.goldp.{language}.dev.json", layout=SQUAD),
        ),
    },
    counts={"train": 3_696, "test": TEST},
    xtreme=tuple(NAMES),
    licence="Apache-2.0",
    citation="Clark et al. 2020, arXiv:2003.05002",
)
