"""From the declaration of a recipe to its task."""

from __future__ import annotations

from layover import kinds
from layover.data.formats import AUTO, Layout
from layover.data.languages import UNKNOWN
from layover.errors import DataError
from layover.kinds.retrieval import MINED, PUBLISHED, PUBLISHED_MINING
from layover.tasks._own import FROM_TRAINING, OwnTask
from layover.tasks._own_mistakes import mistakes
from layover.tasks._task import Task


def declare(name: str, declaration: OwnTask) -> Task:
    """Return the task of a declaration.

    Raises:
        DataError: what is wrong with it, all of it: an unknown kind, format or metric, a field that the kind needs and
            is not given, one that would decide nothing.
    """
    if found := mistakes(declaration):
        told = [f"{path[0]}: {message}" for path, message in found]
        raise DataError(f"{name}: {'; '.join(told)}")
    if declaration.languages == "all":
        raise DataError(f"{name}: languages: all are the languages of files, which only a recipe names")
    evaluated = declaration.languages
    kind = kinds.get(declaration.kind)
    languages = {"validation": evaluated, "test": evaluated}
    if kind.trained and declaration.train_language is not None:
        languages = {"train": (declaration.train_language,), **languages}
    return Task(
        name=name,
        kind=declaration.kind,
        summary=declaration.summary,
        stages=declaration.stages or (("intermediate", "target") if kind.trained else ("target",)),
        labels=() if declaration.labels == FROM_TRAINING else declaration.labels,
        labels_from_training=declaration.labels == FROM_TRAINING,
        scheme=declaration.scheme,
        outside=declaration.outside,
        metrics=declaration.metrics or ((MINED,) if declaration.mined else kind.metrics),
        columns=_columns(declaration),
        languages=languages,
        one_language=declaration.train_language or UNKNOWN,
        train_task=declaration.train_task,
        layout=_layout(declaration),
        where=declaration.where,
        codes=_codes(declaration),
        right=(declaration.label_as or "auto") if declaration.kind == "choice" else None,
        retrieval=PUBLISHED_MINING if declaration.mined else PUBLISHED,
    )


def _columns(own: OwnTask) -> dict[str, str | tuple[str, ...]]:
    """Return field of the kind -> column."""
    if own.kind in {"classification", "mlm"}:
        gold = {"label": own.label} if own.kind == "classification" else {}
        return {**gold, **dict(zip(("first", "second"), own.text, strict=False))}
    if own.kind == "choice":
        named = {} if own.choice_names is None else {"names": own.choice_names}
        return {"first": own.text[0], "choices": own.choices, "label": own.label, **named}
    if own.kind == "tagging":
        # without a header the columns of a conll file are called by their number
        return {"tokens": str(own.tokens), "tags": str(own.tags)}
    if own.kind == "retrieval":
        texts = own.text or ("text",)
        return {"id": own.id, "text": texts[0]} if own.mined else dict(zip(("text", "other"), texts, strict=False))
    return {"id": own.id, "question": own.question, "context": own.context, "answers": own.answers}


def _layout(own: OwnTask) -> Layout:
    return Layout(
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


def _codes(own: OwnTask) -> dict[str, str]:
    """Return written number -> label."""
    if own.codes is None or isinstance(own.codes, dict):
        return dict(own.codes or {})
    named = own.labels if own.codes == "labels" else own.codes
    return {str(number): label for number, label in enumerate(named)}
