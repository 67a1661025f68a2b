"""Tasks that a recipe declares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from layover import kinds
from layover.data.formats import AUTO, SEPARATORS, Layout, reads
from layover.data.formats import names as formats
from layover.data.languages import UNKNOWN
from layover.data.reading import PLACE
from layover.data.right_choice import Form
from layover.errors import DataError, nearest
from layover.kinds.retrieval import MINED, PUBLISHED, PUBLISHED_MINING
from layover.metrics._scheme import SchemeName
from layover.settings import ColumnNumber
from layover.tasks._labels import as_text
from layover.tasks._language_names import LanguageName
from layover.tasks._named import Paths, format_of
from layover.tasks._own_values import check_codes, check_encoding, check_separator
from layover.tasks._task import Task

FROM_TRAINING = "from training"


def _several(value: object) -> object:
    """Return one tag as a list of it; numbers and booleans in YAML are text, as those of `labels` are."""
    return as_text(value if isinstance(value, (list, tuple)) else [value])


class OwnTask(BaseModel):
    """The declaration of a task of one's own; its files stand beside it in the recipe.

    Which fields are used depends on the kind: `text`, `label` (classification; choice with `choices`), `text` (mlm),
    `tokens`, `tags` (tagging), `id`, `question`, `context`, `answers` (span), `text`, `mined`, `id` (retrieval).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    labels: Annotated[tuple[str, ...] | Literal["from training"], BeforeValidator(as_text)] = ()
    """In the order of the head's outputs. For spans: one label if questions may have no answer. For tagging also `from
    training`: the tags of the training file, where a typo cannot be told from a label."""
    metrics: tuple[str, ...] = ()
    """The kind's usual ones when not given."""
    scheme: SchemeName | None = None
    """tagging: how the tags say where spans begin and end; found from the labels when not given."""
    outside: Annotated[tuple[str, ...], BeforeValidator(_several)] | None = None
    """tagging: the tag, or the tags, of words that are in no span; found from the labels when not given."""
    train_task: str | None = None
    """A task with the same kind and labels whose training data it uses."""
    stages: tuple[Literal["intermediate", "target"], ...] | None = None
    """All that the kind can be when not given: both, but for retrieval, which is not trained, a target."""
    languages: Literal["all"] | tuple[LanguageName, ...] = ()
    """The languages it is evaluated in, for files named with `{language}`; `all` are those that there are files of,
    which a recipe replaces by their names."""
    train_language: LanguageName | None = None
    """The language of the training data, and of every file whose language nothing else says; unknown when not given."""
    summary: str = "declared in the recipe"

    format: str | None = None
    """jsonl, json, csv, tsv, text, lines, conll, conllu, squad, word_tag, ccgbank; by the file's extension when not
    given."""
    header: tuple[str, ...] | None = None
    """Names of the columns, for csv, tsv and conll files without a header line."""
    separator: Annotated[str, BeforeValidator(check_separator)] | None = None
    """csv, tsv, conll: what stands between the columns: `tab`, `comma`, `semicolon` or one character; for conll also
    `whitespace`. A comma in csv, a tab in tsv and conll when not given."""
    encoding: Annotated[str | None, BeforeValidator(check_encoding)] = None
    """Of files of text, as Python names it: latin-1, cp1252, utf-16 ...; UTF-8 when not given."""
    errors: Literal["strict", "replace"] = "strict"
    """`replace` reads bytes that are not in the encoding as U+FFFD, and counts their lines; else they are errors."""
    quoting: bool = True
    """csv, tsv: whether double quotes wrap values."""
    multiline: bool | None = None
    """csv, tsv: whether a quoted value may run over lines. Where it is not given, it may not in tsv, and in csv it may
    unless one of its lines looks like a row."""
    comments: str | None = None
    """conll: what a comment line begins with, `""` where there are none; by their shape where it is not given."""
    where: Annotated[dict[str, str | dict[str, str]], BeforeValidator(as_text)] = Field(default_factory=dict)
    """Column -> value of the rows that count, or the values by language; `{language}` is filled in: so one file may
    hold several languages."""

    text: tuple[str, ...] = ()
    """One column or two, or templates of columns: `"{premise} What was the {question}?"`."""
    label: str = "label"
    """choice: the column that says which choice is right, see `label_as`; or the column of the right choice, one of
    `choices`."""
    codes: Annotated[Literal["labels"] | tuple[str, ...] | dict[str, str], BeforeValidator(check_codes)] | None = None
    """classification, tagging: the labels that numbers in the files stand for: `labels`, their places from 0 on; a list
    in the order of the numbers; or number -> label."""
    label_as: Form | None = None
    """choice: how the right one is written: `number` (from 0), `number from 1`, `letter`, `text`. When not given, what
    all rows of a file can be, and an error where that is two."""
    choice_names: str | None = None
    """choice: the column with the names of the choices, one of which `label` has."""
    choices: str | tuple[str, ...] = ()
    """The columns of the choices, or the one that holds a list of them."""
    tokens: ColumnNumber | str = 0
    tags: ColumnNumber | str = 1
    id: str = "id"
    question: str = "question"
    context: str = "context"
    answers: str = "answers"
    mined: bool = False
    """retrieval: sentences have ids (`id`) and a file of gold pairs; otherwise line i translates line i."""


def declare(name: str, declaration: OwnTask) -> Task:
    """Return the task of a declaration.

    Raises:
        DataError: an unknown kind, format or metric, a field that the kind needs and is not given, or one that would
            decide nothing.
    """
    if declaration.kind not in kinds.names():
        raise DataError(f"no kind is called {declaration.kind!r}; {nearest(declaration.kind, kinds.names())}")
    for key, message in idle(declaration).items():
        raise DataError(f"{name}: {key}: {message}")
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
        columns=_columns(name, declaration),
        languages=languages,
        one_language=declaration.train_language or UNKNOWN,
        train_task=declaration.train_task,
        layout=_layout(name, declaration),
        where=declaration.where,
        codes=_codes(name, declaration),
        right=(declaration.label_as or "auto") if declaration.kind == "choice" else None,
        retrieval=PUBLISHED_MINING if declaration.mined else PUBLISHED,
    )


def idle(own: OwnTask, files: Iterable[Paths] = ()) -> dict[str, str]:
    """Return the fields that are given and would decide nothing, each with the reason.

    Args:
        own: The declaration, of any kind.
        files: The paths of all its splits and languages.
    """
    found = {}
    if own.mined and own.kind != "retrieval":
        found["mined"] = f"it belongs to retrieval, not to {own.kind}"
    if own.where and own.kind == "retrieval":
        found["where"] = "the sides of retrieval are whole files; no rows of them are chosen"
    found |= _idle_gold(own)
    used = _formats(own, files)
    read = frozenset[str]().union(*map(reads, used))
    every = {name: reads(name) for name in formats()}
    settings = frozenset[str]().union(*every.values())
    for key in sorted(settings & own.model_fields_set - read) if used else ():
        alone = key == "separator" and own.separator == "whitespace"  # which no table has
        others = ", ".join(name for name, its in every.items() if key in its and not (alone and "quoting" in its))
        found[key] = f"{', '.join(used)} files have no such setting; remove it, or name the `format`: {others} have it"
    if "separator" not in found and (problem := _wrong_separator(own, used)):
        found["separator"] = problem
    return found


def _idle_gold(own: OwnTask) -> dict[str, str]:
    """Return the fields about the gold that would decide nothing, each with the reason."""
    of_choices = {"label_as": own.label_as, "choice_names": own.choice_names}
    given = [key for key, value in of_choices.items() if value is not None]
    found = {}
    if own.codes is not None and own.kind not in {"classification", "tagging"}:
        found["codes"] = f"it belongs to classification and tagging, not to {own.kind}"
    if own.kind != "choice":
        return found | dict.fromkeys(given, f"it belongs to choice, not to {own.kind}")
    if len(given) > 1:
        found["label_as"] = "with `choice_names` the right choice is one of these names; remove one of the two"
    if isinstance(own.choices, tuple) and own.label in own.choices:
        found |= dict.fromkeys(given, f"the column {own.label!r} of `choices` is the right one; remove this key")
    return found


def _wrong_separator(own: OwnTask, used: Iterable[str]) -> str:
    """Return why the separator fits none of the formats, empty text where it does."""
    tables = [name for name in used if "quoting" in reads(name)]
    if own.separator is None or not tables:
        return ""
    if own.separator == "whitespace":
        return f"{', '.join(tables)} files have one character between their values; whitespace belongs to conll"
    if len(own.separator) > 1 and own.separator not in SEPARATORS and own.quoting:
        return f"{own.separator!r} is more than a character, which needs `quoting: false`"
    return ""


def _formats(own: OwnTask, files: Iterable[Paths]) -> tuple[str, ...]:
    """Return the formats of all files; none where that of one is unknown, which is told elsewhere."""
    if own.format is not None:
        return (own.format,) if own.format in formats() else ()
    try:
        return tuple(sorted({format_of(own.kind, paths) for paths in files}))
    except DataError:
        return ()


def _columns(name: str, own: OwnTask) -> dict[str, str | tuple[str, ...]]:
    """Return field of the kind -> column.

    Raises:
        DataError: a column is missing, or the gold is the text.
    """
    columns = _named_columns(name, own)
    gold, texts = ("tags", ("tokens",)) if own.kind == "tagging" else ("label", ("first", "second"))
    for text in texts:
        read = columns.get(text)
        if gold in columns and isinstance(read, str) and columns[gold] in (read, *PLACE.findall(read)):
            raise DataError(f"{name}: the column {columns[gold]!r} is the gold, and the encoder would read it as text")
    return columns


def _named_columns(name: str, own: OwnTask) -> dict[str, str | tuple[str, ...]]:
    if own.kind in {"classification", "mlm"}:
        if len(own.text) not in {1, 2}:
            raise DataError(f"{name}: `text` names one column or two, not {len(own.text)}")
        gold = {"label": own.label} if own.kind == "classification" else {}
        return {**gold, **dict(zip(("first", "second"), own.text, strict=False))}
    if own.kind == "choice":
        if len(own.text) != 1 or not own.choices:
            raise DataError(f"{name}: choice needs one column in `text`, and `choices`")
        named = {} if own.choice_names is None else {"names": own.choice_names}
        return {"first": own.text[0], "choices": own.choices, "label": own.label, **named}
    if own.kind == "tagging":
        # without a header the columns of a conll file are called by their number
        return {"tokens": str(own.tokens), "tags": str(own.tags)}
    if own.kind == "retrieval":
        return _retrieval_columns(name, own)
    return {"id": own.id, "question": own.question, "context": own.context, "answers": own.answers}


def _retrieval_columns(name: str, own: OwnTask) -> dict[str, str | tuple[str, ...]]:
    columns = own.text or ("text",)
    most = 1 if own.mined else 2
    if len(columns) > most:
        raise DataError(f"{name}: `text` names {len(columns)} columns, but {most} at most have a meaning here")
    if own.mined:
        return {"id": own.id, "text": columns[0]}
    return dict(zip(("text", "other"), columns, strict=False))


def _layout(name: str, own: OwnTask) -> Layout:
    twice = [column for column, count in Counter(own.header or ()).items() if count > 1]
    if twice:
        raise DataError(f"{name}: `header` names the column {twice[0]!r} twice; rename one")
    if own.format is not None and own.format not in formats():
        raise DataError(f"no format is called {own.format!r}; {nearest(own.format, formats())}")
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


def _codes(name: str, own: OwnTask) -> dict[str, str]:
    """Return written number -> label.

    Raises:
        DataError: one stands for something that is no label.
    """
    if own.codes is None:
        return {}
    if own.codes == "labels":
        if own.labels == FROM_TRAINING:
            raise DataError(f"{name}: `codes: labels` numbers declared labels, and these come from the training data")
        return {str(number): label for number, label in enumerate(own.labels)}
    named = own.codes if isinstance(own.codes, dict) else {str(place): label for place, label in enumerate(own.codes)}
    for code, label in named.items() if own.labels != FROM_TRAINING else ():
        if label not in own.labels:
            raise DataError(f"{name}: codes: {code} is {label!r}, which is no label; {nearest(label, own.labels)}")
    return dict(named)
