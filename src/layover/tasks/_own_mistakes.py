"""What is wrong with the declaration of a recipe's task: every mistake, each at its field."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from layover import kinds, metrics
from layover.data import templates
from layover.data.formats import SEPARATORS, reads
from layover.data.formats import names as formats
from layover.errors import DataError, nearest
from layover.kinds._keys import FROM_TRAINING, MEANINGS, Check, Mistakes, Path
from layover.tasks._fields import Paths
from layover.tasks._fit import unfit_labels, unfit_metrics
from layover.tasks._named import format_of
from layover.tasks._own import REFUSED, OwnTask


def mistakes(own: OwnTask, files: Iterable[Paths] = (), unknown: Collection[str] = ()) -> list[tuple[Path, str]]:
    """Return every mistake of a declaration and where it is; of one field the first that each check finds.

    Args:
        own: The declaration.
        files: The paths of all its splits and languages.
        unknown: Fields that are wrong already: nothing is said of them, nor of what follows from them.

    Raises:
        PluginError: its kind is a plug-in that cannot be used.
    """
    if (refused := REFUSED.get(own.kind)) is not None:
        raise refused
    open_fields, found = set(unknown), list[tuple[Path, str]]()
    for field, said, names in (("kind", own.kind, kinds.names()), ("format", own.format, formats())):
        if field not in open_fields and said is not None and said not in names:
            found.append(((field,), f"no {field} is called {said!r}; {nearest(said, names)}"))
            open_fields.add(field)
    further: list[tuple[Path, str]] = []
    checks = (*(kinds.get(own.kind).checks if "kind" not in open_fields else ()), *_CHECKS)
    for check in checks:
        if not open_fields & set(check.reads):
            further += check.find(own)
    if "kind" not in open_fields:
        told = idle(own, files, of_files="format" not in open_fields)
        further += [((field,), message) for field, message in told.items()]
    return found + [(path, message) for path, message in dict.fromkeys(further) if path[0] not in open_fields]


def idle(own: OwnTask, files: Iterable[Paths] = (), *, of_files: bool = True) -> dict[str, str]:
    """Return the fields that are given and would decide nothing, each with the reason.

    Args:
        own: The declaration, of any kind.
        files: The paths of all its splits and languages.
        of_files: Whether the settings of formats are looked at.
    """
    found, kind = {}, kinds.get(own.kind)
    if own.where and kind.sides:
        found["where"] = f"the sides of {own.kind} are whole files; no rows of them are chosen"
    found |= _foreign(own) | kind.idle(own)
    used = _formats(own, files) if of_files else ()
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


def _foreign(own: OwnTask) -> dict[str, str]:
    """Return the fields of other kinds that say something, each with the kinds it is for."""
    every = {name: kinds.get(name).declared_by for name in (*kinds.usable(), own.kind)}
    silent = {field for field, value in own if value is None or value is False or value == ()}
    given = own.model_fields_set - silent
    found = {}
    for field in sorted(given & frozenset[str]().union(*every.values()) - every[own.kind]):
        owners = [name for name, fields in every.items() if field in fields]
        together = " and ".join([", ".join(owners[:-1]), owners[-1]] if len(owners) > 1 else owners)
        found[field] = f"it belongs to {together}, not to {own.kind}"
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


def _templates(own: OwnTask) -> Mistakes:
    for path, text in kinds.get(own.kind).read_as_text(own):
        if problem := templates.mistake(text):
            yield path, problem


def _twice(own: OwnTask) -> Mistakes:
    """Yield what stands twice in a list, or is none where a list must not be."""
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
                named = f"`header` names the column {value!r} twice; rename one"
                yield (field, place), named if field == "header" else f"{value!r} stands twice"


def _stages(own: OwnTask) -> Mistakes:
    if own.stages == ():
        yield ("stages",), "is empty; write intermediate, target or both"
    elif own.stages is not None and not kinds.get(own.kind).trained and "intermediate" in own.stages:
        yield ("stages",), f"{own.kind} is not trained, so it can only be a target"


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
    Check(_templates, ("kind",)),
    Check(_twice, ()),
    Check(_stages, ("kind", "stages")),
    Check(_labels, ("kind", "labels")),
    MEANINGS,
    Check(_metrics, ("kind", "metrics", "mined")),
)
"""Those of all kinds; see `Kind.checks`."""
