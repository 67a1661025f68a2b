"""The task of a recipe's declaration."""

from __future__ import annotations

from layover import kinds
from layover.data.formats import AUTO, FileLayout
from layover.data.languages import UNKNOWN
from layover.errors import DataError
from layover.tasks._own import OwnTask
from layover.tasks._own_mistakes import mistakes
from layover.tasks._task import Task


def declare(name: str, declaration: OwnTask) -> Task:
    """Return the task of a declaration.

    Raises:
        DataError: lists all mistakes: an unknown kind, format or metric, a missing field, a field without effect.
    """
    if problems := mistakes(declaration):
        messages = [f"{path[0]}: {message}" for path, message in problems]
        raise DataError(f"{name}: {'; '.join(messages)}")
    if declaration.languages == "all":
        raise DataError(f"{name}: languages: `all` needs the files of a recipe; write the languages")
    evaluated = declaration.languages
    kind = kinds.get(declaration.kind)
    languages = {"validation": evaluated, "test": evaluated}
    if kind.trained and declaration.train_language is not None:
        languages = {"train": (declaration.train_language,), **languages}
    fields = kind.declared(declaration)
    metrics = declaration.metrics or fields.pop("metrics", kind.metrics)
    return Task(
        **{**fields, "metrics": metrics},
        name=name,
        kind=declaration.kind,
        summary=declaration.summary,
        stages=declaration.stages or (("intermediate", "target") if kind.trained else ("target",)),
        languages=languages,
        one_language=declaration.train_language or UNKNOWN,
        train_task=declaration.train_task,
        layout=_layout(declaration),
        where=declaration.where,
    )


def _layout(own: OwnTask) -> FileLayout:
    return FileLayout(
        format=own.format or AUTO,
        header=own.header,
        separator=own.separator,
        quoting=own.quoting,
        multiline=own.multiline,
        comments=own.comments,
        encoding=own.encoding,
        errors=own.errors,
        plain=True,
    )
