"""The part of a plan for language adapters: the adapter of each text, and languages that have none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from layover.data.languages import UNKNOWN
from layover.errors import Problem
from layover.plan.combinations import trained_targets
from layover.plan.data import DataRules
from layover.plan.nodes import Combination
from layover.recipe import Recipe
from layover.tasks import Task


@dataclass(frozen=True)
class Adapter:
    """A language adapter, a finished training."""

    language: str
    """The language of the text that it was trained on."""
    key: str


AdapterOf = Callable[[str], Adapter | None]
"""Language of a text -> the adapter that acts on it; None in a method without adapters."""


class Judged(Protocol):
    """The scored data of a target."""

    def languages(self) -> tuple[str, ...]:
        """Return the languages of all text that is read for it."""
        ...


def used(adapter_of: AdapterOf, languages: Iterable[str]) -> dict[str, str] | None:
    """Return language of a text -> language of its adapter, for a record; None in a method without adapters."""
    adapters = {language: adapter_of(language) for language in languages}
    names = {language: adapter.language for language, adapter in sorted(adapters.items()) if adapter is not None}
    return names or None


def problems(
    recipe: Recipe, rules: DataRules, combinations: Iterable[Combination], judged: Mapping[str, Judged]
) -> list[Problem]:
    """Return the problems of languages without an adapter that a method with adapters reads.

    Args:
        recipe: A checked recipe.
        rules: The data rules of this recipe.
        combinations: The combinations of its sweep.
        judged: Target -> its scored data; missing data are reported elsewhere.
    """
    adapters = recipe.languages
    if adapters is None:
        return []
    mistakes, available = _mixed_languages(recipe, rules, combinations), ", ".join(adapters.texts)
    trained, read = _trained(recipe, rules, combinations), _read(recipe, rules, combinations, judged)
    for language, names in _by_language(trained).items():
        if language not in adapters.texts:
            message = f"{', '.join(names)}: trained in {language}, but languages.text has only {available}"
            if language == UNKNOWN:
                keys = " and ".join(f"tasks.{name}.train_language" for name in names)
                message = f"{', '.join(names)}: the language of the training data is unknown; set {keys}"
            mistakes.append(recipe.source.problem(("languages", "text"), message))
    for language, names in _by_language(read).items():
        if language == UNKNOWN:
            message = f"the language of a file of {', '.join(names)} is unknown; name the file as {{sw: FILE}}"
            mistakes.append(recipe.source.problem(("languages", "text"), message))
        elif adapters.adapter_of(language) is None:
            message = (
                f"{language} has no adapter, but data of {', '.join(names)} are in {language}: name a text of "
                f"{language}, name the adapter to use instead (languages.fallback: {next(iter(adapters.texts))}), or "
                "exclude the language with eval.languages"
            )
            mistakes.append(recipe.source.problem(("languages", "text"), message))
    return mistakes


def _mixed_languages(recipe: Recipe, rules: DataRules, combinations: Iterable[Combination]) -> list[Problem]:
    """Return the problems of mixtures whose tasks train in several languages: a training has one adapter below it."""
    mistakes = []
    learned = {
        name
        for _, method, names, _, _ in combinations
        if recipe.methods[method].languages
        for name in recipe.learned(names)
    }
    for name in sorted(learned):
        spoken = {rules.train_language(recipe.tasks[task]) for task in recipe.members(name)}
        if len(spoken) > 1:
            message = (
                f"its tasks train in {', '.join(sorted(spoken))}; a method with languages: true needs one language"
            )
            mistakes.append(recipe.source.problem(("mixtures", name, "tasks"), message))
    return mistakes


def notes(
    recipe: Recipe, rules: DataRules, combinations: Iterable[Combination], judged: Mapping[str, Judged]
) -> list[str]:
    """Return a note about the languages that use the adapter of another language."""
    adapters = recipe.languages
    if adapters is None:
        return []
    lacking = sorted(language for language in _by_language(_read(recipe, rules, combinations, judged))
                     if language not in adapters.texts)  # fmt: skip
    methods = ", ".join(name for name in recipe.document.sweep.method if recipe.methods[name].languages)
    note = f"{methods}: languages.text has no {' '.join(lacking)}; the adapter of {adapters.fallback} is used instead"
    return [note] if lacking else []


def _trained(recipe: Recipe, rules: DataRules, combinations: Iterable[Combination]) -> Iterator[tuple[str, str]]:
    """Yield the training language of every task that a method with adapters trains, and the task."""
    for task, trained in _tasks(recipe, combinations):
        if trained:
            yield rules.train_language(task), task.name


def _read(
    recipe: Recipe, rules: DataRules, combinations: Iterable[Combination], judged: Mapping[str, Judged]
) -> Iterator[tuple[str, str]]:
    """Yield every language in which a method with adapters predicts, and the task."""
    for task, trained in _tasks(recipe, combinations):
        development = rules.development(task) if trained else None
        if development is not None:
            yield development.language, task.name
        if task.name in judged:
            for language in judged[task.name].languages():
                yield language, task.name


def _tasks(recipe: Recipe, combinations: Iterable[Combination]) -> list[tuple[Task, bool]]:
    """Return the tasks of the cells whose method has language adapters, each once, and whether they are trained."""
    with_adapters = [combination for combination in combinations if recipe.methods[combination.method].languages]
    trained = trained_targets(recipe, with_adapters)
    names: dict[str, bool] = {}
    for _, _, intermediate, target, _ in with_adapters:
        names |= {task: True for name in recipe.learned(intermediate) for task in recipe.members(name)}
        names[target] = names.get(target, False) or target in trained
    return [(recipe.tasks[name], learned) for name, learned in names.items()]


def _by_language(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for language, name in dict.fromkeys(pairs):
        names.setdefault(language, []).append(name)
    return names
