"""Tasks that a recipe declares."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from layover import kinds
from layover.data.formats import AUTO, Layout
from layover.data.formats import names as formats
from layover.errors import DataError, nearest
from layover.tasks._task import Task


class OwnTask(BaseModel):
    """The declaration of a task of one's own; its files stand beside it in the recipe.

    Which fields are used depends on the kind: `text`, `label` (classification; choice with `choices`), `text`
    (mlm), `tokens`, `tags` (tagging), `id`, `question`, `context`, `answers` (span).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    labels: tuple[str, ...] = ()
    """In the order of the head's outputs. For spans: one label if questions may have no answer."""
    metrics: tuple[str, ...] = ()
    """The kind's usual ones when not given."""
    train_task: str | None = None
    """A task with the same kind and labels whose training data it uses."""
    stages: tuple[Literal["intermediate", "target"], ...] = ("intermediate", "target")
    languages: tuple[str, ...] = ()
    """The languages it is evaluated in, for files named with `{language}`."""
    train_language: str = "en"
    summary: str = "declared in the recipe"

    format: str | None = None
    """jsonl, csv, tsv, text, conll, conllu or squad; by the file's extension when not given."""
    header: tuple[str, ...] | None = None
    """Names of the columns, for csv, tsv and conll files without a header line."""
    separator: Literal["tab", "whitespace"] = "tab"
    """conll: what stands between the columns."""
    quoting: bool = True
    """csv, tsv: whether double quotes wrap values."""

    text: tuple[str, ...] = ()
    """One column or two, or templates of columns: `"{premise} What was the {question}?"`."""
    label: str = "label"
    choices: str | tuple[str, ...] = ()
    """The columns of the choices, or the one that holds a list of them."""
    tokens: int | str = 0
    tags: int | str = 1
    id: str = "id"
    question: str = "question"
    context: str = "context"
    answers: str = "answers"


def declare(name: str, declaration: OwnTask) -> Task:
    """Return the task of a declaration.

    Raises:
        DataError: an unknown kind, format or metric, or a field that the kind needs and is not given.
    """
    if declaration.kind not in kinds.names():
        raise DataError(f"no kind is called {declaration.kind!r}; {nearest(declaration.kind, kinds.names())}")
    evaluated = declaration.languages
    return Task(
        name=name,
        kind=declaration.kind,
        summary=declaration.summary,
        stages=declaration.stages,
        labels=declaration.labels,
        metrics=declaration.metrics or kinds.get(declaration.kind).metrics,
        columns=_columns(name, declaration),
        languages={"train": (declaration.train_language,), "validation": evaluated, "test": evaluated},
        train_task=declaration.train_task,
        layout=_layout(declaration),
    )


def _columns(name: str, own: OwnTask) -> dict[str, str | tuple[str, ...]]:
    if own.kind in {"classification", "mlm"}:
        if len(own.text) not in {1, 2}:
            raise DataError(f"{name}: `text` names one column or two, not {len(own.text)}")
        gold = {"label": own.label} if own.kind == "classification" else {}
        return {**gold, **dict(zip(("first", "second"), own.text, strict=False))}
    if own.kind == "choice":
        if len(own.text) != 1 or not own.choices:
            raise DataError(f"{name}: choice needs one column in `text`, and `choices`")
        return {"first": own.text[0], "choices": own.choices, "label": own.label}
    if own.kind == "tagging":
        # without a header the columns of a conll file are called by their number
        return {"tokens": str(own.tokens), "tags": str(own.tags)}
    return {"id": own.id, "question": own.question, "context": own.context, "answers": own.answers}


def _layout(own: OwnTask) -> Layout:
    if own.format is not None and own.format not in formats():
        raise DataError(f"no format is called {own.format!r}; {nearest(own.format, formats())}")
    return Layout(format=own.format or AUTO, header=own.header, separator=own.separator, quoting=own.quoting)
