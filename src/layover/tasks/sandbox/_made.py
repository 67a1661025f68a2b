"""Common fields of the sandbox's tasks: files, numbers of examples, languages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from layover.data.formats import FileLayout
from layover.tasks import FileSource, Task
from layover.tasks._fields import SPLITS
from layover_sandbox import sets
from layover_sandbox.files import ensure
from layover_sandbox.sets import ENGLISH, EVERY, LANGUAGES

PLACE = "{language}"
SPOKEN = dict.fromkeys(SPLITS, LANGUAGES)
"""Every split in every language."""
TRANSLATED = dict.fromkeys(SPLITS, tuple(code for code in LANGUAGES if code != ENGLISH))
"""Every split in every language except English, which is always the other side."""


def made(
    name: str,
    *,
    layout: FileLayout,
    languages: Mapping[str, tuple[str, ...]] = EVERY,
    summary: str,
    other: str | None = None,
    gold_layout: FileLayout | None = None,
    **fields: Any,
) -> Task:
    """Return the task `sandbox/NAME` over the data set of that name.

    Args:
        name: Name of the file in `layover_sandbox/sets`.
        layout: Layout of its files, the same as in the corresponding real task.
        languages: Split -> its languages.
        summary: One line.
        other: retrieval: the suffix of the other side's file.
        gold_layout: Layout of the file with the suffix `gold`; None if there is no such file.
        fields: Further fields of `Task`.
    """
    data = sets.get(name)
    splits = {split: languages[split] for split in data.sizes}

    def source(split: str) -> FileSource:
        path = data.path(split, PLACE)
        stem = path.rpartition(".")[0]
        return FileSource(
            path=path,
            layout=layout,
            other=f"{stem}.{other}" if other else None,
            gold=f"{stem}.gold" if gold_layout else None,
            gold_layout=gold_layout,
        )

    return Task(
        name=f"sandbox/{name}",
        summary=f"{summary}, generated",
        languages=splits,
        files={split: (source(split),) for split in splits},
        maker=partial(ensure, name),
        counts=dict(data.counts),
        licence="Apache-2.0",
        citation="layover's sandbox",
        **fields,
    )
