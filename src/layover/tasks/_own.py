"""Tasks that a recipe declares."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from layover.data.right_choice import Form
from layover.metrics._scheme import SchemeName
from layover.settings import ColumnNumber
from layover.tasks._labels import as_text
from layover.tasks._language_names import LanguageName
from layover.tasks._own_values import check_codes, check_encoding, check_separator

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
    """In the order of the head's outputs. For spans: one label if questions may have no answer. For classification and
    tagging also `from training`: those of the training file, sorted, where a typo cannot be told from a label."""
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
