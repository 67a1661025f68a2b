"""The keys of tasks that a recipe declares."""

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
    """The keys of every declared task, of any kind; its files are in the recipe, next to the declaration."""

    kind: str
    metrics: tuple[str, ...] = ()
    """Metrics of the task; the usual metrics of the kind if empty."""
    train_task: str | None = None
    """A task with the same kind and labels whose training data this task uses."""
    stages: tuple[Literal["intermediate", "target"], ...] | None = None
    """Stages of the task. If None, all stages of the kind: both; only target for retrieval, which is not trained."""
    languages: Literal["all"] | tuple[LanguageName, ...] = ()
    """The languages of evaluation, for files named with `{language}`; `all` means every language with a file; the
    recipe replaces it with the names."""
    train_language: LanguageName | None = None
    """The language of the training data, and of every file without another declared language; unknown if None."""
    summary: str = "declared in the recipe"

    format: str | None = None
    """jsonl, json, csv, tsv, text, lines, conll, conllu, squad, word_tag, ccgbank; if None, by the extension."""
    header: tuple[str, ...] | None = None
    """Names of the columns, for csv, tsv and conll files without a header line."""
    separator: Annotated[str, BeforeValidator(check_separator)] | None = None
    """csv, tsv, conll: separator of the columns: `tab`, `comma`, `semicolon` or one character; for conll also
    `whitespace`. Default: a comma in csv, a tab in tsv and conll."""
    encoding: Annotated[str | None, BeforeValidator(check_encoding)] = None
    """Encoding of text files, by its Python name: latin-1, cp1252, utf-16 ...; UTF-8 if None."""
    errors: Literal["strict", "replace"] = "strict"
    """`replace`: bytes that are invalid in the encoding become U+FFFD, and their lines are counted; `strict`: they are
    errors."""
    quoting: bool = True
    """csv, tsv: whether double quotes enclose values."""
    multiline: bool | None = None
    """csv, tsv: whether a quoted value may run over several lines. If None: in tsv it may not; in csv it may, unless
    one of its lines looks like a row."""
    comments: str | None = None
    """conll: prefix of comment lines; `""` if the file has no comments. If None, their form decides."""
    where: Annotated[dict[str, str | dict[str, str]], BeforeValidator(as_text)] = Field(default_factory=dict)
    """Column -> value of the rows that count, or the values by language; `{language}` is filled in, so one file may
    hold several languages."""


Refused = dict[str, PluginError]
"""Kind of a plug-in -> the error why its keys conflict with the keys of others."""


def _keys_of_kinds() -> tuple[tuple[type[Keys], ...], Refused]:
    """Return the classes of keys of all kinds, each once, and the refused plug-ins.

    If a plug-in cannot be imported, its first use reports the error.
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
    kept = [keys for name, its in plugged.items() if not reasons[name] for keys in its]
    return _leaves((*own, *kept)), {name: _refusal(name, reason) for name, reason in reasons.items() if reason}


def _refusal(name: str, reason: str) -> PluginError:
    plugin = plugins.find(plugins.KINDS, name)
    return PluginError(f"{name if plugin is None else plugin.described} cannot be used: {reason}")


def _leaves(classes: Iterable[type[Keys]]) -> tuple[type[Keys], ...]:
    """Return the classes without subclasses among the given classes, each once."""
    distinct = dict.fromkeys(classes)
    return tuple(cls for cls in distinct if not any(cls is not other and issubclass(other, cls) for other in distinct))


def _unfit(own: tuple[type[Keys], ...], its: tuple[type[Keys], ...]) -> str:
    """Return the reason why classes of keys would break or change the declarations of other kinds, or an empty text."""
    if reason := _clash(own, its):
        return f"{reason} of Layover; rename it"
    for keys in its:
        if keys in own:
            continue
        if keys.model_config != Keys.model_config or keys.__pydantic_decorators__.model_validators:
            return f"{keys.__name__} checks or configures the declarations of all kinds; use `checks` of the kind"
        shared = {base for base in keys.__mro__ if base in {*own, Keys} and base is not keys}
        if changed := sorted(_behaviour(keys) & {name for base in shared for name in vars(base)}):
            return f"{keys.__name__} changes {', '.join(changed)}, which other kinds use; rename it"
    return _apart((*own, *its), "other kinds")


def _apart(classes: tuple[type[Keys], ...], owners: str) -> str:
    """Return the reason why the classes cannot have a common subclass, or an empty text."""
    try:
        type("OwnTask", _leaves(classes), {"__module__": __name__})
    except (TypeError, NameError, PydanticUserError) as error:
        return f"its `keys` conflict with the keys of {owners}: {printable(str(error).splitlines()[0])}"
    return ""


def _behaviour(cls: type[Keys]) -> set[str]:
    return {name for name, value in vars(cls).items() if callable(value) and not name.startswith("_")}


def _clash_of_plugins(name: str, fitting: Mapping[str, tuple[type[Keys], ...]]) -> str:
    for other, classes in fitting.items():
        if other != name and (reason := _clash(classes, fitting[name])):
            return f"{reason} of the plug-in {other!r}; uninstall one of the two, or ask its author to rename the key"
        if other != name and (reason := _apart((*classes, *fitting[name], CommonKeys), f"the plug-in {other!r}")):
            return reason
    return ""


def _clash(own: Iterable[type[Keys]], its: Iterable[type[Keys]]) -> str:
    """Return a message about a key that both declare differently (default value included), or an empty text."""
    known = {key: (cls, field) for cls in own for key, field in cls.model_fields.items()}
    for cls in its:
        for key, field in cls.model_fields.items():
            if key not in known:
                continue
            if _definition(known[key][1]) != _definition(field) or _validates(cls, key, known[key][0]):
                return f"its key {key!r} ({cls.__name__}) differs in type, default or check from the same key"
    return ""


def _definition(field: FieldInfo) -> tuple[str, ...]:
    """Return the properties of a key that decide its values, as text."""
    return tuple(
        repr(value)
        for value in (field.annotation, field.metadata, field.default, field.default_factory, field.validation_alias)
    )


def _validates(cls: type[Keys], key: str, other: type[Keys]) -> bool:
    """Return whether two classes have different validators of a key."""

    def validators(keys: type[Keys]) -> set[str]:
        decorators = keys.__pydantic_decorators__.field_validators.items()
        return {name for name, validator in decorators if {key, "*"} & {*validator.info.fields}}

    return validators(cls) != validators(other)


_KEYS, REFUSED = _keys_of_kinds()


if TYPE_CHECKING:

    class OwnTask(CommonKeys):
        """The declaration of a recipe's task: the common keys, and the keys of every kind (`Kind.keys`)."""

        def __init__(self, **values: Any) -> None: ...

else:
    OwnTask = type("OwnTask", (*_KEYS, CommonKeys), {"__module__": __name__, "__doc__": CommonKeys.__doc__})
