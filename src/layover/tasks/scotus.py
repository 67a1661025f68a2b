"""SCOTUS: the issue area of an opinion of the US Supreme Court, thousands of words long; a task of LexGLUE.

Labels are the numbers of the Supreme Court Database, 1 (criminal procedure) to 13 (private action).
"""

from __future__ import annotations

from layover.tasks import Task
from layover.tasks._lexglue import LANGUAGES, files, hub

AREAS = (
    *("criminal procedure", "civil rights", "First Amendment", "due process", "privacy", "attorneys", "unions"),
    *("economic activity", "judicial power", "federalism", "interstate relations", "federal taxation"),
)
"""Names of the labels 1 to 12 in the Supreme Court Database. Sources disagree about 13, so it has no name here."""
LABELS = tuple(str(area) for area in range(1, 14))

TASK = Task(
    name="scotus",
    kind="classification",
    summary="issue areas of long court opinions, English",
    labels=LABELS,
    meanings=dict(zip(LABELS, AREAS, strict=False)),
    metrics=("accuracy", "macro_f1"),
    columns={"first": "text", "label": "label"},
    languages=LANGUAGES,
    hub=hub("scotus"),
    files=files("scotus", LABELS),
    counts={"train": 5_000, "validation": 1_400, "test": 1_400},
    licence="CC-BY-4.0 (LexGLUE)",
    citation="Spaeth et al. 2020, Supreme Court Database; task: LexGLUE, Chalkidis et al. 2022, arXiv:2110.00976",
)
