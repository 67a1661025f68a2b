"""COVID-QA: find the answer to a question in a whole article about COVID-19, in the form of SQuAD.

There is one file and no official split, so a recipe takes validation examples from it with `holdout`; an article is
never on both sides. Answers may begin or end with a space. The copy on the hub has stripped answers with unchanged
offsets, so the task does not read it.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, Task

TASK = Task(
    name="covid_qa",
    kind="span",
    summary="extractive question answering over articles about COVID-19, English",
    stages=("intermediate",),
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={"train": ("en",)},
    files={"train": (FileSource(path="covid_qa/COVID-QA.json", layout=FileLayout(format="squad")),)},
    counts={"train": 2_019},
    licence="Apache-2.0",
    obtain="Put COVID-QA.json, from data/question-answering/ of https://github.com/deepset-ai/COVID-QA, into covid_qa/ "
    "below the data root.",
    citation="Möller, Reina, Jayakumar, Pietsch 2020, COVID-QA, 1st Workshop on NLP for COVID-19 at ACL 2020",
)
