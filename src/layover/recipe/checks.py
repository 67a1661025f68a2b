"""Checks of a well-formed recipe: names on the axes, pairs that mean something, settings that fit together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from layover import compositions, kinds, metrics
from layover.data.languages import UNKNOWN
from layover.errors import Problem, nearest
from layover.numerics import cannot_be_quantised
from layover.recipe.expected import shown
from layover.recipe.resolved import ResolvedMethod
from layover.recipe.schema import AND, AXES, MOST_CELLS, NO_INTERMEDIATE, Document, TaskSettings
from layover.recipe.source import Loc, Source
from layover.tasks import FROM_TRAINING, Paths, Task

FRAME = 4
"""Special tokens around a question and its context."""


def check_sweep(document: Document, source: Source) -> list[Problem]:
    """Return what is wrong with the axes: unknown models and methods, values twice, rules that match nothing."""
    problems: list[Problem] = []
    # what is written counts: a model whose settings are wrong is a model all the same
    named: dict[str, Collection[str]] = {
        axis: names
        for axis, section in (("model", "models"), ("method", "methods"))
        if (names := source.names(section))
    }
    for axis in AXES:
        values = _written(document, axis)
        for index, value in enumerate(values):
            loc: Loc = ("sweep", axis, index)
            if axis in named and value not in named[axis]:
                hint = nearest(str(value), named[axis])
                problems.append(source.problem(loc, f"unknown {axis} {value!r}; {hint}"))
            if value in values[:index]:
                problems.append(source.problem(loc, f"{value!r} stands twice"))
    if (cells := document.sweep.cells()) > MOST_CELLS:
        message = f"the axes make {cells:,} cells, but a sweep has {MOST_CELLS:,} at most; write several recipes"
        problems.append(source.problem(("sweep",), message))
    for index, rule in enumerate(document.sweep.exclude):
        if not rule:
            problems.append(source.problem(("sweep", "exclude", index), "an empty rule would leave out every cell"))
        for axis, wanted in rule.items():
            loc = ("sweep", "exclude", index, axis)
            if axis not in AXES:
                problems.append(source.problem(loc, f"unknown axis; {nearest(axis, AXES)}"))
                continue
            values = document.sweep.values(axis)
            for value in wanted if isinstance(wanted, list) else [wanted]:
                there = value in values and not isinstance(value, bool)
                if not there and not _left_out_by_override(source, axis):
                    problems.append(source.problem(loc, _not_on(axis, value, values)))
    return problems


def _not_on(axis: str, value: object, values: Collection[object]) -> str:
    """Return that a value is not on an axis, and which one may be meant."""
    written = [str(one) for one in values]
    if str(value) not in written:
        return f"{shown(value)} is not on the axis {axis}; {nearest(str(value), written)}"
    kind, how = ("text", "without quotes") if isinstance(value, str) else ("a number", "in quotes")
    return f"{shown(value)} is {kind}, and not on the axis {axis}; write it {how}"


def _written(document: Document, axis: str) -> tuple[Any, ...]:
    """Return the values of an axis as they stand there, one that stands twice twice."""
    values: tuple[Any, ...] = getattr(document.sweep, axis)
    return tuple(value if isinstance(value, (str, int)) else AND.join(value) for value in values)


def check_lists(document: Document, methods: Mapping[str, ResolvedMethod], source: Source) -> list[Problem]:
    """Return lists of intermediates that name one twice, or that no method of the sweep can compose."""
    problems = []
    used = [methods[name] for name in document.sweep.method if name in methods]
    taking = [method for method in used if method.composition.takes_several and method.module.trains_encoder]
    for index, names in enumerate(document.sweep.intermediates().values()):
        loc: Loc = ("sweep", "intermediate", index)
        for place, name in enumerate(names) if len(names) > 1 else ():
            if name == NO_INTERMEDIATE or name in names[:place]:
                said = "has no place in a list" if name == NO_INTERMEDIATE else "stands twice in one list"
                problems.append(source.problem((*loc, place), f"{name!r} {said}"))
        if len(names) > 1 and used and not taking:
            able = ", ".join(name for name in compositions.usable() if compositions.get(name).takes_several)
            message = "no method of the sweep composes separately learned modules"
            problems.append(source.problem(loc, f"{message}; one with compose: {able} does, or train a mixture"))
    for name in document.sweep.method if not _left_out_by_override(source, "intermediate") else ():
        learned = document.sweep.learned()
        for other in methods[name].composition.named() if name in methods else ():
            if other not in learned:
                loc = ("methods", name, "compose", "weights", other)
                problems.append(
                    source.problem(loc, f"{other!r} is no intermediate of the sweep; {nearest(other, learned)}")
                )
    return problems


def check_precisions(document: Document, methods: Mapping[str, ResolvedMethod], source: Source) -> list[Problem]:
    """Return methods that change weights of which their precision leaves too little."""
    problems = []
    for name, method in methods.items():
        whole, folds = method.module.whole, method.composition.folds
        if reason := cannot_be_quantised(method.precision, whole=whole, folds=folds):
            what, field = (method.module.name, "module") if whole else (method.composition.name, "compose")
            if document.methods[name].precision is not None:
                field = "precision"
            message = f"{what} does not go with {method.precision}: {reason}"
            problems.append(source.problem(("methods", name, field), f"{message} (a method may have its own)"))
    return problems


def _left_out_by_override(source: Source, axis: str) -> bool:
    """An axis narrowed on the command line may leave rules of `exclude` without anything to match."""
    return source.where(("sweep", axis)).startswith("command line")


def check_pairs(document: Document, known: dict[str, Task], source: Source) -> list[Problem]:
    """Return where a task stands on an axis it is not for, or a language is not one of its task's."""
    problems = []
    named = [("target", index, name) for index, name in enumerate(document.sweep.target)]
    for index, names in enumerate(document.sweep.intermediates().values()):
        named += [("intermediate", index, name) for name in names]
    for axis, index, name in named:
        task = known.get(name)
        if task is not None and axis not in task.stages:
            message = f"{name} cannot be used as {axis}: it is declared for {', '.join(task.stages)}"
            problems.append(source.problem(("sweep", axis, index), message))
    for loc, names, languages in _language_lists(document):
        valid = {language for name in names if name in known for language in _languages(known[name], document)}
        for index, language in enumerate(languages):
            if language in languages[:index]:
                problems.append(source.problem((*loc, index), f"{language!r} stands twice"))
            elif valid and language not in valid:
                problems.append(
                    source.problem((*loc, index), f"unknown language {language!r}; {nearest(language, valid)}")
                )
    return problems


def _languages(task: Task, document: Document) -> set[str]:
    """Return the languages that a task declares, and those that the recipe has files for."""
    files = {str(split): paths for split, paths in document.tasks.get(task.name, TaskSettings()).files.items()}
    named = {language for split in files for language in task.languages_of(split, files)}
    return {*task.all_languages(), *named} - {UNKNOWN}


def _language_lists(document: Document) -> list[tuple[Loc, tuple[str, ...], tuple[str, ...]]]:
    lists: list[tuple[Loc, tuple[str, ...], tuple[str, ...]]] = []
    if document.eval.languages != "all":
        lists.append((("eval", "languages"), document.sweep.target, document.eval.languages))
    for name, settings in document.tasks.items():
        if settings.eval.languages is not None and settings.eval.languages != "all":
            lists.append((("tasks", name, "eval", "languages"), (name,), settings.eval.languages))
    return lists


def check_training_data(document: Document, known: dict[str, Task], source: Source) -> list[Problem]:
    """A task that trains on another's examples takes over their label codes: kind and labels must be the same."""
    problems = []
    for name, task in known.items():
        owner = known.get(task.train_task or "")
        if owner is None:
            continue
        settings = document.tasks.get(name, TaskSettings())
        message = ""
        if owner.train_task is not None:
            message = f"{owner.name} has no training data of its own, it trains on {owner.train_task}"
        elif _outputs(task) != _outputs(owner):
            here, there = (f"{one.kind} [{', '.join(_outputs(one)[1])}]" for one in (task, owner))
            message = (
                f"{name} is {here}, but {owner.name} is {there}: kind and labels, in their order, must be the same"
            )
        elif "train" in settings.files:
            message = (
                f"{name} trains on {owner.name}, so its own files.train would not be used; name it for {owner.name}"
            )
        if message:
            problems.append(source.problem(("tasks", name, "train_task"), message))
    return problems


def _outputs(task: Task) -> tuple[str, tuple[str, ...]]:
    """Return what a head must have in common with another: kind and labels."""
    return task.kind, (FROM_TRAINING,) if task.labels_from_training else task.labels


def check_training(document: Document, known: dict[str, Task], source: Source) -> list[Problem]:
    """Return settings of tasks that do not fit: metrics, files, what nothing would obey."""
    problems = []
    for name, settings in document.tasks.items():
        task = known.get(name)
        if task is not None and settings.metric is not None and settings.metric not in task.metrics:
            hint = nearest(settings.metric, task.metrics)
            problems.append(
                source.problem(("tasks", name, "metric"), f"{name} is not scored by {settings.metric!r}; {hint}")
            )
        elif settings.metric is not None and task is not None and not metrics.get(settings.metric).higher_is_better:
            fitting = ", ".join(name for name in task.metrics if metrics.get(name).higher_is_better)
            message = (
                f"of {settings.metric} lower is better, so it cannot select or stand in the table; one of: {fitting}"
            )
            problems.append(source.problem(("tasks", name, "metric"), message))
        problems += [
            source.problem(("tasks", name, field), said) for field, said in _unused(name, task, document, known)
        ]
        if task is not None and settings.no_answer is not None and not task.may_have_no_answer():
            asks = task.of_kind.asks_of_context
            message = f"every question of {name} has an answer" if asks else f"{name} is {task.kind}"
            problems.append(source.problem(("tasks", name, "no_answer"), f"{message}; this is for spans with a label"))
        if task is not None and settings.threshold is not None and task.of_kind.label_threshold is None:
            fitting = ", ".join(kind for kind in kinds.names() if kinds.get(kind).label_threshold is not None)
            problems.append(
                source.problem(("tasks", name, "threshold"), f"{name} is {task.kind}; this is for {fitting}")
            )
    for name, settings in document.tasks.items():
        paths = settings.files.get("train")
        if isinstance(paths, dict) and len(paths) > 1:
            message = "a task trains on one language; name one file, or declare a task for each language"
            problems.append(source.problem(("tasks", name, "files", "train"), message))
    return problems


def check_windows(document: Document, known: dict[str, Task], source: Source) -> list[Problem]:
    """Return strides that leave no room in the windows of long contexts."""
    return [source.problem(loc, message) for loc, message in _windows(document, known).items()]


def _unused(name: str, task: Task | None, document: Document, known: dict[str, Task]) -> list[tuple[str, str]]:
    """Return the settings of a task that nothing would obey, each with what to do."""
    settings = document.tasks[name]
    found: list[tuple[str, str]] = []
    if task is None:
        return found
    if settings.without and task.train_task is not None:
        found.append(("without", f"{name} trains on {task.train_task}: set it there, tasks.{task.train_task}.without"))
    elif name in settings.without:
        found.append(("without", f"{name} cannot leave out its own development and test data"))
    swept = document.swept()
    alone = {*swept} | {one.train_task for other, one in known.items() if other in swept}
    wholes = [other for other, one in known.items() if name in {part.name for part in one.parts}]
    if wholes and name not in alone:
        for field in ("limit", "holdout", "select", "without", "class_weights"):
            if _is_set(settings, field):
                message = f"{name} is only a part of {wholes[0]}: set it there, tasks.{wholes[0]}.{field}"
                found.append((field, message))
    return found


def _is_set(settings: TaskSettings, field: str) -> bool:
    """Return whether a recipe says something by a setting; `select: null` does."""
    return bool(getattr(settings, field)) or (field == "select" and field in settings.model_fields_set)


def check_retrieval(document: Document, known: dict[str, Task], source: Source) -> list[Problem]:
    """Return settings of training on tasks that have none, and settings of retrieval on tasks that are trained."""
    problems = []
    for name, task in known.items():
        settings = document.tasks.get(name, TaskSettings())
        if not task.of_kind.sides:
            if settings.retrieval is not None:
                message = f"{name} is a task of {task.kind}; these settings belong to retrieval"
                problems.append(source.problem(("tasks", name, "retrieval"), message))
            continue
        for field in ("batch", "epochs", "holdout", "limit", "select", "without"):
            if _is_set(settings, field):
                message = "retrieval is not trained" if field != "limit" else "fewer sentences are another, easier task"
                problems.append(source.problem(("tasks", name, field), f"has no meaning for {name}: {message}"))
        for split, paths in settings.files.items():
            loc = ("tasks", name, "files", split)
            one = not isinstance(paths, dict) and not any("{language}" in path for path in _as_tuple(paths))
            if split == "train":
                problems.append(source.problem(loc, f"{name} is not trained, so nothing would read these files"))
            elif one and len(task.languages_of(split)) != 1:
                message = "say which language these are: `{sw: [A, B]}`, or `{language}` in the paths"
                problems.append(source.problem(loc, message))
    return problems


def _as_tuple(paths: Paths) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else paths


def _windows(document: Document, known: dict[str, Task]) -> dict[Loc, str]:
    """Return where a stride leaves no room for anything but itself, of the tasks that are read in windows."""
    found: dict[Loc, str] = {}
    swept = document.swept()
    for name, task in known.items():
        chain = [one for one in (name, task.train_task) if one in document.tasks]
        said = any(document.tasks[one].stride or document.tasks[one].max_length for one in chain)
        if not task.of_kind.windowed or not (said or name in swept):
            continue
        length, where = _setting(document, chain, "max_length")
        stride, at = _setting(document, chain, "stride")
        if stride >= length - FRAME:
            written = at if at is not None else where or ("train", "stride")
            found.setdefault(
                written,
                f"a stride of {stride} leaves no room in max_length {length} of {name}; a stride below "
                f"{length - FRAME} does, or a larger max_length",
            )
    return found


def _setting(document: Document, chain: list[str], field: Literal["max_length", "stride"]) -> tuple[int, Loc | None]:
    """Return what holds for a task and where it is written, None where it is a default."""
    for name in chain:
        value = getattr(document.tasks[name], field)
        if value is not None:
            return int(value), ("tasks", name, field)
    return int(getattr(document.train, field)), ("train", field) if field in document.train.model_fields_set else None
