"""The mistakes in the declaration of a recipe's task, each with its field."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from layover import kinds, metrics
from layover.data import templates
from layover.data.formats import SEPARATORS, reads
from layover.data.formats import names as formats
from layover.errors import DataError, nearest
from layover.kinds._keys import FROM_TRAINING, MEANINGS, KeyCheck, Mistakes, Path
from layover.tasks._fields import Paths
from layover.tasks._fit import unfit_labels, unfit_metrics
from layover.tasks._named import format_of
from layover.tasks._own import REFUSED, OwnTask


def mistakes(own: OwnTask, files: Iterable[Paths] = (), unknown: Collection[str] = ()) -> list[tuple[Path, str]]:
    """Return all mistakes in a declaration, each with its field.

    Args:
        own: The declaration.
        files: The paths of all its splits and languages.
        unknown: Fields that are already known to be wrong: they, and checks that read them, are skipped.

    Raises:
        PluginError: its kind is a plug-in that cannot be used.
    """
    if (refused := REFUSED.get(own.kind)) is not None:
        raise refused
    open_fields, problems = set(unknown), list[tuple[Path, str]]()
    for field, value, names in (("kind", own.kind, kinds.names()), ("format", own.format, formats())):
        if field not in open_fields and value is not None and value not in names:
            problems.append(((field,), f"no {field} is called {value!r}; {nearest(value, names)}"))
            open_fields.add(field)
    further: list[tuple[Path, str]] = []
    checks = (*(kinds.get(own.kind).checks if "kind" not in open_fields else ()), *_CHECKS)
    for check in checks:
        if not open_fields & set(check.reads):
            further += check.find(own)
    if "kind" not in open_fields:
        messages = idle(own, files, of_files="format" not in open_fields)
        further += [((field,), message) for field, message in messages.items()]
    return problems + [(path, message) for path, message in dict.fromkeys(further) if path[0] not in open_fields]


def idle(own: OwnTask, files: Iterable[Paths] = (), *, of_files: bool = True) -> dict[str, str]:
    """Return the declared fields without effect, each with the reason.

    Args:
        own: The declaration, of any kind.
        files: The paths of all its splits and languages.
        of_files: Whether to check the settings of formats.
    """
    reasons, kind = {}, kinds.get(own.kind)
    if own.where and kind.sides:
        reasons["where"] = f"{own.kind} always uses all rows of both files, so `where` has no effect; remove it"
    reasons |= _foreign(own) | kind.idle(own)
    used = _formats(own, files) if of_files else ()
    read = frozenset[str]().union(*map(reads, used))
    every = {name: reads(name) for name in formats()}
    settings = frozenset[str]().union(*every.values())
    for key in sorted(settings & own.model_fields_set - read) if used else ():
        no_table = key == "separator" and own.separator == "whitespace"  # tables cannot have this separator
        others = ", ".join(name for name, its in every.items() if key in its and not (no_table and "quoting" in its))
        reasons[key] = (
            f"{', '.join(used)} files do not have this setting; remove it, or declare a `format` that has it: {others}"
        )
    if "separator" not in reasons and (problem := _wrong_separator(own, used)):
        reasons["separator"] = problem
    return reasons


def _foreign(own: OwnTask) -> dict[str, str]:
    """Return the declared fields of other kinds, each with a message that names these kinds."""
    every = {name: kinds.get(name).declared_by for name in (*kinds.usable(), own.kind)}
    silent = {field for field, value in own if value is None or value is False or value == ()}
    given = own.model_fields_set - silent
    messages = {}
    for field in sorted(given & frozenset[str]().union(*every.values()) - every[own.kind]):
        owners = [name for name, fields in every.items() if field in fields]
        together = " and ".join([", ".join(owners[:-1]), owners[-1]] if len(owners) > 1 else owners)
        messages[field] = f"it is a field of {together}, not of {own.kind}; remove it"
    return messages


def _wrong_separator(own: OwnTask, used: Iterable[str]) -> str:
    """Return a message about a separator that a table cannot have, or an empty text."""
    tables = [name for name in used if "quoting" in reads(name)]
    if own.separator is None or not tables:
        return ""
    if own.separator == "whitespace":
        return f"{', '.join(tables)} files cannot have whitespace as separator; write one character, or use conll"
    if len(own.separator) > 1 and own.separator not in SEPARATORS and own.quoting:
        return f"{own.separator!r} is longer than one character; declare `quoting: false` too"
    return ""


def _formats(own: OwnTask, files: Iterable[Paths]) -> tuple[str, ...]:
    """Return the formats of all files; empty if one is unknown, which another check reports."""
    if own.format is not None:
        return (own.format,) if own.format in formats() else ()
    try:
        return tuple(sorted({format_of(own.kind, paths) for paths in files}))
    except DataError:
        return ()


def _templates(own: OwnTask) -> Mistakes:
    for path, text in kinds.get(own.kind).read_as_text(own):
        if problem := templates.mistake(text):
            yield path, problem


def _twice(own: OwnTask) -> Mistakes:
    """Yield the values that are repeated in a list, each with its index."""
    languages = () if own.languages == "all" else own.languages
    lists: dict[str, tuple[str, ...]] = {
        "header": own.header or (),
        "stages": own.stages or (),
        "metrics": own.metrics,
        "languages": languages,
    }
    for field, values in lists.items():
        for place, value in enumerate(values):
            if value in values[:place]:
                header = f"`header` names the column {value!r} twice; rename one"
                yield (field, place), header if field == "header" else f"{value!r} appears twice; remove one"


def _stages(own: OwnTask) -> Mistakes:
    if own.stages == ():
        yield ("stages",), "the list is empty; write intermediate, target or both"
    elif own.stages is not None and not kinds.get(own.kind).trained and "intermediate" in own.stages:
        yield ("stages",), f"{own.kind} is not trained; write only target"


def _labels(own: Any) -> Mistakes:
    if "labels" in kinds.get(own.kind).declared_by:
        from_training = own.labels == FROM_TRAINING
        for problem in unfit_labels(own.kind, own.declared_labels(), from_training=from_training):
            yield ("labels",), problem


def _metrics(own: Any) -> Mistakes:
    pairs = kinds.get(own.kind).sides and own.mined
    columns = [*(["id"] if pairs else []), "text"]
    named = [name for name in own.metrics if name in metrics.names()]
    for name in own.metrics:
        if name not in named:
            yield ("metrics",), f"no metric is called {name!r}; {nearest(name, metrics.names())}"
    for problem in unfit_metrics(own.kind, named, columns, mined=pairs) if named else ():
        yield ("metrics",), problem


_CHECKS = (
    KeyCheck(_templates, ("kind",)),
    KeyCheck(_twice, ()),
    KeyCheck(_stages, ("kind", "stages")),
    KeyCheck(_labels, ("kind", "labels")),
    MEANINGS,
    KeyCheck(_metrics, ("kind", "metrics", "mined")),
)
"""The checks for all kinds; see `Kind.checks`."""
