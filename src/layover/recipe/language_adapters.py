"""Language adapters of a recipe: resolved, and checked against the methods that use them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from layover import compositions, kinds, modules, tasks
from layover.errors import Problem, nearest
from layover.files.archives import is_file
from layover.modules import AdapterDrop, Module
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.learned import LanguageSettings
from layover.recipe.resolved import LanguageAdapters, ResolvedMethod
from layover.recipe.schema import Document, TaskSettings
from layover.recipe.validation import validate
from layover.tasks import OwnTask, Task

HERE: Loc = ("languages",)


def resolve_languages(
    document: Document, known: Mapping[str, Task], source: RecipeFile
) -> tuple[LanguageAdapters | None, list[Problem]]:
    """Return the language adapters of a recipe, and their problems; None without adapters or with a problem."""
    settings = document.languages
    if settings is None:
        return None, []
    module, problems = _module(settings, source)
    texts: dict[str, Task] = {}
    for language, named in settings.text.items():
        task, problem = _text(language, named, document, known, source)
        problems += [problem] if problem else []
        if task is not None:
            texts[language] = task
    if module is None or problems:
        return None, problems
    train, dropout = document.train, document.train.dropout
    method = ResolvedMethod(
        name="languages",
        module=module,
        composition=compositions.get("warm")(),
        continues_head=False,
        lr=module.default_lr if settings.lr is None else settings.lr,
        dropout=module.default_dropout if dropout is None else dropout,
        weight_decay=train.weight_decay,
        precision=train.precision,
        adapterdrop=AdapterDrop(),
    )
    own = {text.name: _settings(language, document) for language, text in texts.items()}
    adapters = LanguageAdapters(
        method=method, texts=texts, settings=own, fallback=settings.fallback, seed=settings.seed
    )
    return adapters, problems


def check_fallback(document: Document, source: RecipeFile) -> list[Problem]:
    """Return a problem if the fallback language has no text."""
    settings = document.languages
    if settings is None or settings.fallback is None or settings.fallback in settings.text:
        return []
    message = f"{settings.fallback!r} has no text, so it has no adapter; {nearest(settings.fallback, settings.text)}"
    return [source.problem((*HERE, "fallback"), message)]


def _module(settings: LanguageSettings, source: RecipeFile) -> tuple[Module | None, list[Problem]]:
    loc: Loc = (*HERE, "module")
    if settings.module not in modules.names():
        hint = nearest(settings.module, modules.names())
        return None, [source.problem(loc, f"unknown module {settings.module!r}; {hint}")]
    model = modules.get(settings.module)
    module, problems = validate(
        model, settings.model_extra or {}, source, HERE, also=tuple(LanguageSettings.model_fields)
    )
    if module is not None and (reason := _cannot_be_below(module)):
        return None, [source.problem(loc, f"{module.name} cannot be a language adapter: {reason}")]
    return module, problems


def _cannot_be_below(module: Module) -> str:
    """Return the reason why a module cannot act below others, or an empty text."""
    if not module.trains_encoder:
        return "it trains no part of the encoder"
    return "it is a copy of the whole encoder, and combines with no other module" if module.whole else module.alone


def _text(
    language: str, named: str, document: Document, known: Mapping[str, Task], source: RecipeFile
) -> tuple[Task | None, Problem | None]:
    """Return the task of learning a language from its text, or the problem of the text."""
    name, message = f"language/{language}", ""
    task = known.get(named) or (tasks.get(named) if named in tasks.names() else None)
    if task is not None:
        message = _no_text(task, language, document)
        task = task.model_copy(update={"name": name, "languages": {"train": (language,)}})
    elif _there(Path(document.data_root or "") / named):
        task = tasks.declare(name, OwnTask(kind="mlm", text=("text",), train_language=language))
    elif named not in document.tasks:  # other checks report a task with a wrong declaration
        valid = [other for other in (*tasks.names(), *known) if kinds.get(_kind_of(other, known)).teaches_language]
        where = f"below {document.data_root}" if document.data_root else "here"
        message = f"{named!r} is neither a file {where} nor a task; {nearest(named, valid)}"
    if name in document.tasks:
        message = f"tasks.{name} has the name of this adapter's own training; rename the task"
    if message:
        return None, source.problem((*HERE, "text", language), message)
    return task, None


def _there(path: Path) -> bool:
    try:
        return is_file(path)
    except OSError:  # the name is too long, or the folder cannot be read
        return False


def _no_text(task: Task, language: str, document: Document) -> str:
    """Return the reason why a language cannot be learned from a task's training data, or an empty text."""
    if not task.of_kind.teaches_language:
        return f"{task.name} is a task of {task.kind}; a language adapter learns from text, kind mlm"
    if task.train_task is not None:
        return f"{task.name} trains on {task.train_task}; name {task.train_task}"
    files = {str(split): paths for split, paths in _settings_of(task.name, document).files.items()}
    languages = task.languages_of("train", files)
    if language in languages:
        return ""
    return f"{task.name} has no training data in {language!r}; {nearest(language, languages)}"


def _kind_of(name: str, known: Mapping[str, Task]) -> str:
    return known[name].kind if name in known else tasks.get(name).kind


def _settings_of(name: str, document: Document) -> TaskSettings:
    return document.tasks.get(name, TaskSettings())


def _settings(language: str, document: Document) -> TaskSettings:
    """Return the settings of the training on a text: from `languages`, then from the task that the text names."""
    settings = document.languages
    if settings is None:
        return TaskSettings()
    named = settings.text[language]
    if named in tasks.names() or named in document.tasks:
        return _settings_of(named, document).model_copy(update=settings.task_settings())
    return TaskSettings.model_validate({"files": {"train": named}, **settings.task_settings()})


def check_languages(document: Document, methods: Mapping[str, ResolvedMethod], source: RecipeFile) -> list[Problem]:
    """Return methods that do not work with language adapters, and adapters that no method uses."""
    problems = []
    for name, method in methods.items():
        if reason := method.module.only_for_languages():
            problems.append(source.problem(("methods", name), f"{reason}; use the module under `languages`"))
        if not method.languages:
            continue
        loc: Loc = ("methods", name, "languages")
        if document.languages is None:
            message = "the recipe has no section `languages`; add one with the module and the text of each language"
            problems.append(source.problem(loc, message))
        elif method.module.trains_encoder and (reason := _cannot_be_below(method.module)):
            message = f"a language adapter cannot act below {method.module.name}: {reason}"
            problems.append(source.problem(loc, message))
    used = any(methods[name].languages for name in document.sweep.method if name in methods)
    narrowed = source.where(("sweep", "method")).startswith("command line")
    if document.languages is not None and not used and not narrowed:
        message = (
            "no method of the sweep uses these adapters; set `languages: true` in a method, or remove this section"
        )
        problems.append(source.problem(HERE, message))
    return problems
