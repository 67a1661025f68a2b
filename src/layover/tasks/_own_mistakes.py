"""What is wrong with the declaration of a recipe's task: every mistake, each at its field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from layover import kinds, metrics
from layover.data import codes, templates
from layover.data.formats import SEPARATORS, reads
from layover.data.formats import names as formats
from layover.errors import DataError, nearest
from layover.metrics._detect import detect
from layover.tasks._fields import Paths
from layover.tasks._fit import unfit_labels, unfit_metrics
from layover.tasks._named import format_of
from layover.tasks._own import FROM_TRAINING, OwnTask

Path = tuple[str | int, ...]
"""A field, and the place or the key in its value."""
Mistakes = Iterator[tuple[Path, str]]


def mistakes(own: OwnTask, files: Iterable[Paths] = (), unknown: Collection[str] = ()) -> list[tuple[Path, str]]:
    """Return every mistake of a declaration and where it is; of one field the first that each check finds.

    Args:
        own: The declaration.
        files: The paths of all its splits and languages.
        unknown: Fields that are wrong already: nothing is said of them, nor of what follows from them.
    """
    open_fields, found = set(unknown), list[tuple[Path, str]]()
    for field, said, names in (("kind", own.kind, kinds.names()), ("format", own.format, formats())):
        if field not in open_fields and said is not None and said not in names:
            found.append(((field,), f"no {field} is called {said!r}; {nearest(said, names)}"))
            open_fields.add(field)
    further: list[tuple[Path, str]] = []
    for check, fields in _CHECKS:
        if not open_fields & set(fields):
            further += check(own)
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
    found = {}
    if own.where and own.kind == "retrieval":
        found["where"] = "the sides of retrieval are whole files; no rows of them are chosen"
    found |= _foreign(own) | _idle_gold(own)
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
    every = {name: kinds.get(name).declared_by for name in kinds.names()}
    silent = {field for field, value in own if value is None or value is False or value == ()}
    given = own.model_fields_set - silent
    found = {}
    for field in sorted(given & frozenset[str]().union(*every.values()) - every[own.kind]):
        owners = [name for name, fields in every.items() if field in fields]
        together = " and ".join([", ".join(owners[:-1]), owners[-1]] if len(owners) > 1 else owners)
        found[field] = f"it belongs to {together}, not to {own.kind}"
    return found


def _idle_gold(own: OwnTask) -> dict[str, str]:
    """Return the fields about the gold that would decide nothing beside another one, each with the reason."""
    of_choices = {"label_as": own.label_as, "choice_names": own.choice_names}
    given = [key for key, value in of_choices.items() if value is not None]
    found = {}
    if own.kind == "retrieval" and "id" in own.model_fields_set and not own.mined:
        found["id"] = "line i translates line i, so no ids are read; with `mined: true` they are"
    if own.kind != "choice":
        return found
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


def _texts(own: OwnTask) -> Mistakes:
    """Yield where there are too few or too many columns of text."""
    count = len(own.text)
    if own.kind in {"classification", "mlm"} and count not in {1, 2}:
        yield ("text",), f"`text` names one column or two, not {count}"
    if own.kind == "choice" and count != 1:
        yield ("text",), f"choice needs one column in `text`, or one template of columns, not {count}"
    most = 1 if own.mined else 2
    if own.kind == "retrieval" and count > most:
        yield ("text",), f"`text` names {count} columns, but {most} at most have a meaning here"


def _choices(own: OwnTask) -> Mistakes:
    if own.kind == "choice" and not own.choices:
        yield ("choices",), "choice needs `choices`: the columns of the choices, or one column that holds a list"


def _templates(own: OwnTask) -> Mistakes:
    for path, text in _read_texts(own):
        if problem := templates.mistake(text):
            yield path, problem


def _gold(own: OwnTask) -> Mistakes:
    """Yield where the gold is read as text."""
    if own.kind == "tagging" and str(own.tokens) == str(own.tags):
        yield ("tokens",), f"the column {str(own.tags)!r} is the gold, and the encoder would read it as text"
    if own.kind not in {"classification", "choice"}:
        return
    for path, text in _read_texts(own):
        if own.label in (text, *templates.places(text)):
            yield path, f"the column {own.label!r} is the gold, and the encoder would read it as text"


def _read_texts(own: OwnTask) -> Iterator[tuple[Path, str]]:
    """Yield the columns, or templates of columns, that the encoder reads as text."""
    fields = kinds.get(own.kind).declared_by
    if "text" in fields:
        yield from ((("text", place), text) for place, text in enumerate(own.text))
    if "context" in fields:
        yield from [(("question",), own.question), (("context",), own.context)]


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


def _labels(own: OwnTask) -> Mistakes:
    if "labels" in kinds.get(own.kind).declared_by:
        from_training = own.labels == FROM_TRAINING
        for problem in unfit_labels(own.kind, _declared_labels(own), from_training=from_training):
            yield ("labels",), problem


def _declared_labels(own: OwnTask) -> tuple[str, ...]:
    return own.labels if isinstance(own.labels, tuple) else ()


def _metrics(own: OwnTask) -> Mistakes:
    columns = [*(["id"] if own.mined else []), "text"]
    named = [name for name in own.metrics if name in metrics.names()]
    for name in own.metrics:
        if name not in named:
            yield ("metrics",), f"no metric is called {name!r}; {nearest(name, metrics.names())}"
    for problem in unfit_metrics(own.kind, named, columns, mined=own.mined) if named else ():
        yield ("metrics",), problem


def _scheme(own: OwnTask) -> Mistakes:
    """Yield that the tags can be read in two ways, or not in the declared one."""
    labels = _declared_labels(own)
    named = own.metrics or kinds.get(own.kind).metrics
    scored = any(name in metrics.names() and metrics.get(name).reads_spans for name in named)
    if own.kind != "tagging" or not scored or len(labels) < 2 or len(set(labels)) < len(labels):
        return
    try:
        detect(labels, scheme=own.scheme, outside=own.outside)
    except DataError as error:
        declared = {"scheme": own.scheme, "outside": own.outside}
        given = [field for field, value in declared.items() if value is not None]
        yield (*given, "labels")[:1], str(error)


def _codes(own: OwnTask) -> Mistakes:
    """Yield codes that stand for something that is no label."""
    if own.codes is None or "codes" not in kinds.get(own.kind).declared_by:
        return
    labels = _declared_labels(own)
    if own.codes == "labels" and own.labels == FROM_TRAINING:
        yield ("codes",), "`codes: labels` numbers declared labels, and these come from the training data"
    numeric = [label for label in labels if codes.number(label) is not None]
    if own.codes == "labels" and numeric:
        listed = ", ".join(f"{place}: {label}" for place, label in list(enumerate(labels))[:3])
        listed += ", ..." if len(labels) > 3 else ""
        message = f"the label {numeric[0]!r} is itself a number, so a number in a file could be a label or a place"
        advice = f"where files have labels remove `codes`, where they have places write them: {{{listed}}}"
        yield ("codes",), f"{message}; {advice}"
    named = own.codes if isinstance(own.codes, dict) else dict(enumerate(own.codes))
    for code, label in named.items() if own.codes != "labels" and own.labels != FROM_TRAINING else ():
        if label not in labels:
            yield ("codes", code), f"{code} is {label!r}, which is no label; {nearest(label, labels)}"


_CHECKS: tuple[tuple[Callable[[OwnTask], Mistakes], tuple[str, ...]], ...] = (
    (_texts, ("kind", "text", "mined")),
    (_choices, ("kind", "choices")),
    (_templates, ("kind",)),
    (_gold, ("kind", "text", "label", "tokens", "tags")),
    (_twice, ()),
    (_stages, ("kind", "stages")),
    (_labels, ("kind", "labels")),
    (_metrics, ("kind", "metrics", "mined")),
    (_scheme, ("kind", "labels", "metrics", "scheme", "outside")),
    (_codes, ("kind", "labels", "codes")),
)
"""Each check, and the fields that it reads."""
