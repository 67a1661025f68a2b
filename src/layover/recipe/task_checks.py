"""Checks of the tasks of a recipe: data, hold-outs, windows and settings without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from layover import kinds, metrics
from layover.errors import Problem, nearest
from layover.recipe.data_languages import DataLanguages
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.language_checks import languages_of
from layover.recipe.schema import Document, TaskSettings
from layover.tasks import FROM_TRAINING, Paths, Task

FRAME = 4
"""Special tokens around a question and its context."""


def check_training_data(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return tasks that cannot train on the examples of another task: kind and labels must be the same."""
    problems = []
    for name, task in known.items():
        owner = known.get(task.train_task or "")
        if owner is None:
            continue
        settings = document.tasks.get(name, TaskSettings())
        message = ""
        if owner.train_task is not None:
            message = f"{owner.name} has no training data of its own; name {owner.train_task}, which it trains on"
        elif _outputs(task) != _outputs(owner):
            here, there = (f"{side.kind} [{', '.join(_outputs(side)[1])}]" for side in (task, owner))
            message = (
                f"{name} is {here}, but {owner.name} is {there}: kind and labels, in their order, must be the same"
            )
        elif "train" in settings.files:
            message = f"{name} trains on {owner.name} and reads no files of its own; set tasks.{owner.name}.files.train"
        if message:
            problems.append(source.problem(("tasks", name, "train_task"), message))
    return problems


def _outputs(task: Task) -> tuple[str, tuple[str, ...]]:
    """Return kind and labels of a task's head; two tasks can share a head if both are equal."""
    return task.kind, (FROM_TRAINING,) if task.labels_from_training else task.labels


def check_training(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return settings that do not fit their task: metrics, files, settings without effect."""
    problems = []
    for name, settings in document.tasks.items():
        task = known.get(name)
        if task is not None and settings.metric is not None and settings.metric not in task.metrics:
            hint = nearest(settings.metric, task.metrics)
            problems.append(
                source.problem(("tasks", name, "metric"), f"{settings.metric!r} is not a metric of {name}; {hint}")
            )
        elif settings.metric is not None and task is not None and not metrics.get(settings.metric).higher_is_better:
            fitting = ", ".join(name for name in task.metrics if metrics.get(name).higher_is_better)
            message = f"lower is better for {settings.metric}, so it cannot be the main metric; use one of: {fitting}"
            problems.append(source.problem(("tasks", name, "metric"), message))
        problems += [
            source.problem(("tasks", name, field), reason) for field, reason in _unused(name, task, document, known)
        ]
        if task is not None and settings.no_answer is not None and not task.may_have_no_answer():
            questions = task.of_kind.asks_of_context
            message = f"every question of {name} has an answer" if questions else f"{name} is a task of {task.kind}"
            message = f"{message}; no_answer is for span tasks with a label"
            problems.append(source.problem(("tasks", name, "no_answer"), message))
        if task is not None and settings.threshold is not None and task.of_kind.label_threshold is None:
            fitting = ", ".join(kind for kind in kinds.names() if kinds.get(kind).label_threshold is not None)
            problems.append(
                source.problem(
                    ("tasks", name, "threshold"), f"{name} is a task of {task.kind}; threshold is for {fitting}"
                )
            )
    for name, settings in document.tasks.items():
        paths = settings.files.get("train")
        if isinstance(paths, dict) and len(paths) > 1:
            message = "a task trains on one language; name one file, or declare a task for each language"
            problems.append(source.problem(("tasks", name, "files", "train"), message))
    return problems


def check_windows(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return strides that are too large for the windows of long contexts."""
    return [source.problem(loc, message) for loc, message in _windows(document, known).items()]


def _unused(name: str, task: Task | None, document: Document, known: dict[str, Task]) -> list[tuple[str, str]]:
    """Return the settings of a task that have no effect, each with an advice."""
    settings = document.tasks[name]
    unused: list[tuple[str, str]] = []
    if task is None:
        return unused
    if settings.without and task.train_task is not None:
        unused.append(("without", f"{name} trains on {task.train_task}; set tasks.{task.train_task}.without instead"))
    elif name in settings.without:
        unused.append(("without", f"{name} cannot leave out its own development and test data"))
    swept = document.swept()
    alone = {*swept} | {whole.train_task for other, whole in known.items() if other in swept}
    wholes = [other for other, whole in known.items() if name in {part.name for part in whole.sources}]
    if wholes and name not in alone:
        for field in ("limit", "holdout", "select", "without", "class_weights", "augment"):
            if _is_set(settings, field):
                message = f"{name} is only a part of {wholes[0]}; set tasks.{wholes[0]}.{field} instead"
                unused.append((field, message))
    return unused


def _is_set(settings: TaskSettings, field: str) -> bool:
    """Return whether a recipe sets a field; `select: null` counts."""
    return bool(getattr(settings, field)) or (field == "select" and field in settings.model_fields_set)


def check_retrieval(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return training settings of tasks that are not trained, and retrieval settings of other tasks."""
    problems = []
    for name, task in known.items():
        settings = document.tasks.get(name, TaskSettings())
        if not task.of_kind.sides:
            if settings.retrieval is not None:
                message = f"{name} is a task of {task.kind}; these settings are for retrieval"
                problems.append(source.problem(("tasks", name, "retrieval"), message))
            continue
        for field in ("batch", "epochs", "holdout", "limit", "select", "without", "augment"):
            if _is_set(settings, field):
                reason = "retrieval is not trained" if field != "limit" else "fewer sentences make the task easier"
                problems.append(source.problem(("tasks", name, field), f"is not allowed for {name}: {reason}"))
        for split, paths in settings.files.items():
            loc = ("tasks", name, "files", split)
            is_one_file = not isinstance(paths, dict) and not any("{language}" in path for path in _as_tuple(paths))
            if split == "train":
                problems.append(source.problem(loc, f"{name} is not trained, so these files are not read; remove them"))
            elif is_one_file and len(task.languages_of(split)) != 1:
                message = "the language of these files is unknown; write {sw: [A, B]}, or {language} in the paths"
                problems.append(source.problem(loc, message))
    return problems


def _as_tuple(paths: Paths) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else paths


def _windows(document: Document, known: dict[str, Task]) -> dict[Loc, str]:
    """Return path -> message for each stride that fills the window of a task that is read in windows."""
    messages: dict[Loc, str] = {}
    swept = document.swept()
    for name, task in known.items():
        chain = [other for other in (name, task.train_task) if other in document.tasks]
        is_set = any(document.tasks[other].stride or document.tasks[other].max_length for other in chain)
        if not task.of_kind.windowed or not (is_set or name in swept):
            continue
        length, where = _setting(document, chain, "max_length")
        stride, at = _setting(document, chain, "stride")
        if stride >= length - FRAME:
            written = at if at is not None else where or ("train", "stride")
            messages.setdefault(
                written,
                f"a stride of {stride} leaves no room in max_length {length} of {name}; use a stride below "
                f"{length - FRAME}, or a larger max_length",
            )
    return messages


def _setting(document: Document, chain: list[str], field: Literal["max_length", "stride"]) -> tuple[int, Loc | None]:
    """Return the value of a setting for a task, and the path where it is written; None for a default."""
    for name in chain:
        value = getattr(document.tasks[name], field)
        if value is not None:
            return int(value), ("tasks", name, field)
    return int(getattr(document.train, field)), ("train", field) if field in document.train.model_fields_set else None


def check_holdouts(document: Document, known: Mapping[str, Task], source: RecipeFile) -> list[Problem]:
    """Return hold-outs that have no effect, that leave no training data, or that replace a validation file."""
    problems, languages = [], languages_of(document, known)
    for name, settings in document.tasks.items():
        task, holdout = known.get(name), settings.holdout
        if task is None or holdout is None or task.of_kind.sides:
            continue
        loc: Loc = ("tasks", name, "holdout")
        if task.train_task is not None:
            message = f"{name} trains on {task.train_task}; set tasks.{task.train_task}.holdout instead"
            problems.append(source.problem(loc, message))
            continue
        language = languages.training(task)
        count = None if "train" in settings.files else task.count("train", language)
        if count is not None and holdout >= count:
            message = f"a hold-out of {holdout} takes all {count} training examples of {name}; use a smaller number"
            problems.append(source.problem(loc, message))
        problems += [source.problem(loc, message) for message in _unread(task, settings, language, languages)]
    return problems


def _unread(task: Task, settings: TaskSettings, language: str, languages: DataLanguages) -> Iterator[str]:
    """Yield the reason why a validation file of the training language is not read."""
    named = settings.files.get("validation")
    by_language = isinstance(named, Mapping)
    available = tuple(named) if isinstance(named, Mapping) else task.languages_of("validation", languages.files(task))
    if named is not None and language in available:
        where = f"files.validation.{language}" if by_language else "files.validation"
        yield (
            f"replaces {where}, which is then not read; remove one of them ({language} is the language of the training "
            "data)"
        )
