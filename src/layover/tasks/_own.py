"""Tasks that a recipe declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PydanticUserError
from pydantic.fields import FieldInfo

from layover import kinds, plugins
from layover.data.labels import as_text
from layover.errors import LayoverError, PluginError, printable
from layover.kinds._keys import Keys
from layover.tasks._own_values import LanguageName, check_encoding, check_separator


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


Refused = dict[str, PluginError]
"""Kind of a plug-in -> why its keys cannot stand beside those of others."""


def _keys_of_kinds() -> tuple[tuple[type[Keys], ...], Refused]:
    """Return the classes of keys of all kinds, each once, and the plug-ins whose keys are left out.

    Of a plug-in that cannot be imported its use tells.
    """
    own: list[type[Keys]] = []
    plugged: dict[str, tuple[type[Keys], ...]] = {}
    for name in kinds.names():
        with suppress(LayoverError):
            if plugins.find(plugins.KINDS, name) is None:
                own += kinds.get(name).keys
            else:
                plugged[name] = kinds.get(name).keys
    reasons = {name: _unfit((*own, CommonKeys), its) for name, its in plugged.items()}
    fitting = {name: its for name, its in plugged.items() if not reasons[name]}
    reasons |= {name: _clash_of_plugins(name, fitting) for name in fitting}
    kept = [one for name, its in plugged.items() if not reasons[name] for one in its]
    return _leaves((*own, *kept)), {name: _refusal(name, reason) for name, reason in reasons.items() if reason}


def _refusal(name: str, reason: str) -> PluginError:
    found = plugins.find(plugins.KINDS, name)
    return PluginError(f"{name if found is None else found.described} cannot be used: {reason}")


def _leaves(classes: Iterable[type[Keys]]) -> tuple[type[Keys], ...]:
    """Return the classes, each once, that no other one of them is below."""
    found = dict.fromkeys(classes)
    return tuple(one for one in found if not any(one is not other and issubclass(other, one) for other in found))


def _unfit(own: tuple[type[Keys], ...], its: tuple[type[Keys], ...]) -> str:
    """Return why classes of keys would break or change the declarations of other kinds; empty where they do not."""
    if reason := _clash(own, its):
        return f"{reason} of Layover's own; call it something else"
    for one in its:
        if one not in own and (one.model_config != Keys.model_config or one.__pydantic_decorators__.model_validators):
            return f"{one.__name__} checks or configures the declarations of all kinds; use `checks` of the kind"
        shared = {base for base in one.__mro__ if base in {*own, Keys} and base is not one}
        if one not in own and (changed := sorted(_behaviour(one) & {name for base in shared for name in vars(base)})):
            return f"{one.__name__} changes {', '.join(changed)}, which other kinds use; call it something else"
    return _apart((*own, *its), "other kinds")


def _apart(classes: tuple[type[Keys], ...], whose: str) -> str:
    """Return why no class can be below all of some; empty where one can."""
    try:
        type("OwnTask", _leaves(classes), {"__module__": __name__})
    except (TypeError, NameError, PydanticUserError) as error:
        return f"its `keys` do not go together with those of {whose}: {printable(str(error).splitlines()[0])}"
    return ""


def _behaviour(cls: type[Keys]) -> set[str]:
    return {name for name, value in vars(cls).items() if callable(value) and not name.startswith("_")}


def _clash_of_plugins(name: str, fitting: Mapping[str, tuple[type[Keys], ...]]) -> str:
    for other, those in fitting.items():
        if other != name and (reason := _clash(those, fitting[name])):
            return f"{reason} of the plug-in {other!r}; uninstall one of them, or have the key renamed"
        if other != name and (reason := _apart((*those, *fitting[name], CommonKeys), f"the plug-in {other!r}")):
            return reason
    return ""


def _clash(own: Iterable[type[Keys]], its: Iterable[type[Keys]]) -> str:
    """Return which key is declared in another way, the default value included; empty where none is."""
    known = {key: (cls, field) for cls in own for key, field in cls.model_fields.items()}
    for cls in its:
        for key, field in cls.model_fields.items():
            if key in known and (_decided(known[key][1]) != _decided(field) or _validates(cls, key, known[key][0])):
                return f"its key {key!r} ({cls.__name__}) has another type, default or check than that"
    return ""


def _decided(field: FieldInfo) -> tuple[str, ...]:
    """Return what decides the values of a key."""
    return tuple(
        repr(one)
        for one in (field.annotation, field.metadata, field.default, field.default_factory, field.validation_alias)
    )


def _validates(cls: type[Keys], key: str, other: type[Keys]) -> bool:
    """Return whether a class has a validator of a key that another class has not."""

    def of(one: type[Keys]) -> set[str]:
        those = one.__pydantic_decorators__.field_validators.items()
        return {name for name, found in those if {key, "*"} & {*found.info.fields}}

    return of(cls) != of(other)


_KEYS, REFUSED = _keys_of_kinds()


if TYPE_CHECKING:

    class OwnTask(CommonKeys):
        """The declaration of a task of one's own: what all have, and the keys of every kind (`Kind.keys`)."""

        def __init__(self, **values: Any) -> None: ...

else:
    OwnTask = type("OwnTask", (*_KEYS, CommonKeys), {"__module__": __name__, "__doc__": CommonKeys.__doc__})
