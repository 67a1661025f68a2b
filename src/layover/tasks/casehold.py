"""CaseHOLD: which of five holdings fits the citation in a court decision; a task of LexGLUE."""

from __future__ import annotations

from layover.tasks import Task
from layover.tasks._lexglue import LANGUAGES, files, hub

TASK = Task(
    name="casehold",
    kind="choice",
    summary="legal holdings, 5 choices, English",
    metrics=("accuracy",),
    columns={"first": "context", "choices": "endings", "label": "label"},
    languages=LANGUAGES,
    hub=hub("case_hold"),
    files=files("casehold"),
    counts={"train": 45_000, "validation": 3_900, "test": 3_600},
    licence="CC-BY-4.0 (LexGLUE)",
    citation="Zheng, Guha, Anderson, Henderson, Ho 2021, arXiv:2104.08671; splits: LexGLUE, arXiv:2110.00976",
)
