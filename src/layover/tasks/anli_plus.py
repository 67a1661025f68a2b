"""ANLI+: ANLI, MultiNLI and SNLI as one task with one head, as in Phang et al. 2020.

All examples count equally, so each data set contributes in proportion to its size.
"""

from __future__ import annotations

from layover.tasks import Task
from layover.tasks.anli import TASK as ANLI
from layover.tasks.mnli import TASK as MNLI
from layover.tasks.snli import TASK as SNLI

TASK = Task(
    name="anli_plus",
    kind="classification",
    summary="ANLI, MultiNLI and SNLI together, English",
    stages=("intermediate",),
    labels=ANLI.labels,
    meanings=ANLI.meanings,
    metrics=("accuracy",),
    columns=ANLI.columns,
    languages={"train": ("en",), "validation": ("en",)},
    parts=(ANLI, MNLI, SNLI),
    counts={"train": 1_104_934, "validation": 22_857},
    licence="the licences of its parts; ANLI: CC-BY-NC-4.0",
    citation="Phang et al. 2020, arXiv:2005.13013",
)
