"""The part of a plan for language adapters: which one acts on which text, and where there is none."""

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
    """The one that it has learned."""
    key: str


AdapterOf = Callable[[str], Adapter | None]
"""Language of a text -> the adapter that acts on it, None in a method that has none."""


class Judged(Protocol):
    """What of a target is scored."""

    def languages(self) -> tuple[str, ...]:
        """Return the languages of all text that is read for it."""
        ...


def used(adapter_of: AdapterOf, languages: Iterable[str]) -> dict[str, str] | None:
    """Return by language whose adapter acts on its text, as a record says it; None in a method that has none."""
    found = {language: adapter_of(language) for language in languages}
    names = {language: adapter.language for language, adapter in sorted(found.items()) if adapter is not None}
    return names or None


def problems(
    recipe: Recipe, rules: DataRules, combinations: Iterable[Combination], judged: Mapping[str, Judged]
) -> list[Problem]:
    """Return the languages that a method with adapters meets and that have none.

    Args:
        recipe: A checked recipe.
        rules: Of this recipe.
        combinations: Of its sweep.
        judged: Target -> what of it is scored; those that are missing are told elsewhere.
    """
    adapters = recipe.languages
    if adapters is None:
        return []
    found, there = _mixed_languages(recipe, rules, combinations), ", ".join(adapters.texts)
    trained, read = _trained(recipe, rules, combinations), _read(recipe, rules, combinations, judged)
    for language, names in _by_language(trained).items():
        if language not in adapters.texts:
            message = f"{', '.join(names)}: trained in {language}, of which languages.text has nothing (only {there})"
            if language == UNKNOWN:
                said = " and ".join(f"tasks.{name}.train_language" for name in names)
                message = f"{', '.join(names)}: the language of the training data is not known; set {said}"
            found.append(recipe.source.problem(("languages", "text"), message))
    for language, names in _by_language(read).items():
        if language == UNKNOWN:
            message = f"the language of a file of {', '.join(names)} is not known; name the file as {{sw: FILE}}"
            found.append(recipe.source.problem(("languages", "text"), message))
        elif adapters.adapter_of(language) is None:
            message = (
                f"no adapter for {language}, which {', '.join(names)} is scored or selected on: name a text of it, "
                f"say whose adapter takes its place (languages.fallback: {next(iter(adapters.texts))}), or leave the "
                "language out with eval.languages"
            )
            found.append(recipe.source.problem(("languages", "text"), message))
    return found


def _mixed_languages(recipe: Recipe, rules: DataRules, combinations: Iterable[Combination]) -> list[Problem]:
    """Return the mixtures whose tasks train in several languages: one adapter acts below one training."""
    found = []
    used = {
        name
        for _, method, names, _, _ in combinations
        if recipe.methods[method].languages
        for name in recipe.learned(names)
    }
    for name in sorted(used):
        spoken = {rules.train_language(recipe.tasks[task]) for task in recipe.members(name)}
        if len(spoken) > 1:
            message = (
                f"its tasks train in {', '.join(sorted(spoken))}; a method with languages: true needs one language"
            )
            found.append(recipe.source.problem(("mixtures", name, "tasks"), message))
    return found


def notes(
    recipe: Recipe, rules: DataRules, combinations: Iterable[Combination], judged: Mapping[str, Judged]
) -> list[str]:
    """Return where the adapter of another language acts."""
    adapters = recipe.languages
    if adapters is None:
        return []
    lacking = sorted(language for language in _by_language(_read(recipe, rules, combinations, judged))
                     if language not in adapters.texts)  # fmt: skip
    methods = ", ".join(name for name in recipe.document.sweep.method if recipe.methods[name].languages)
    said = f"no text of {' '.join(lacking)}: the adapter of {adapters.fallback} acts there"
    return [f"{methods}: {said}"] if lacking else []


def _trained(recipe: Recipe, rules: DataRules, combinations: Iterable[Combination]) -> Iterator[tuple[str, str]]:
    """Yield the training language of every task that a method with adapters trains, and the task."""
    for task, trained in _tasks(recipe, combinations):
        if trained:
            yield rules.train_language(task), task.name


def _read(
    recipe: Recipe, rules: DataRules, combinations: Iterable[Combination], judged: Mapping[str, Judged]
) -> Iterator[tuple[str, str]]:
    """Yield every language that something is predicted in by a method with adapters, and the task."""
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
    found: dict[str, list[str]] = {}
    for language, name in dict.fromkeys(pairs):
        found.setdefault(language, []).append(name)
    return found
