"""Tasks that a recipe declares."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from layover import kinds
from layover.data.label_texts import as_text
from layover.errors import LayoverError
from layover.kinds._keys import Keys
from layover.tasks._language_names import LanguageName
from layover.tasks._own_values import check_encoding, check_separator


class CommonKeys(Keys):
    """What the declaration of a task of one's own has, whatever its kind; its files stand beside it in the recipe."""

    kind: str
    metrics: tuple[str, ...] = ()
    """The kind's usual ones when not given."""
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


def _keys_of_kinds() -> tuple[type[Keys], ...]:
    """Return the classes of keys of all kinds, each once; of a plug-in that cannot be imported its use tells."""
    found: dict[type[Keys], None] = {}
    for name in kinds.names():
        with suppress(LayoverError):
            found |= dict.fromkeys(kinds.get(name).keys)
    return tuple(one for one in found if not any(one is not other and issubclass(other, one) for other in found))


if TYPE_CHECKING:

    class OwnTask(CommonKeys):
        """The declaration of a task of one's own: what all have, and the keys of every kind (`Kind.keys`)."""

        def __init__(self, **values: Any) -> None: ...

else:
    OwnTask = type("OwnTask", (*_keys_of_kinds(), CommonKeys), {"__module__": __name__, "__doc__": CommonKeys.__doc__})
