"""XQuAD: 1,190 questions of the SQuAD v1.1 development set in 12 languages, trained on English SQuAD.

XTREME-R added Romanian: a recipe can name it, `eval: {languages: [ro]}`, but no average of XTREME includes it.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

XTREME = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")

TASK = Task(
    name="xquad",
    kind="span",
    summary="extractive question answering, 11 languages and Romanian",
    stages=("target",),
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={"test": (*XTREME, "ro")},
    train_task="squad",
    # the hub calls its only split "validation"
    hub={"test": (HubSource(path="google/xquad", config="xquad.{language}", split="validation"),)},
    files={"test": (FileSource(path="xquad/xquad.{language}.json", layout=FileLayout(format="squad")),)},
    counts={"test": 1_190},
    xtreme=XTREME,
    shares=dict.fromkeys(("squad", "squad_v2"), ("validation",)),  # although XTREME selects weights on this split
    licence="CC-BY-SA-4.0",
    citation="Artetxe, Ruder, Yogatama 2020, arXiv:1910.11856",
)
