"""The languages of a task's data, and the development data that select its weights.

These rules read the recipe only and never the files, so that `check` and `plan` give the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from layover.recipe.schema import Select, TaskSettings
from layover.tasks import Paths, Task

ENGLISH = "en"


class DataLanguages:
    """Answers questions about the languages of tasks.

    Args:
        tasks: Every task that the recipe uses, by name.
        settings: Name of a task -> its settings in the recipe.
        select: How the weights of a training are selected, unless its task has its own setting.
    """

    def __init__(
        self, tasks: Mapping[str, Task], settings: Callable[[str], TaskSettings], select: Select | None
    ) -> None:
        self._tasks, self._settings, self._select = tasks, settings, select

    def owner(self, task: Task) -> Task:
        """Return the task whose training examples `task` uses."""
        return self._tasks[task.train_task] if task.train_task is not None else task

    def chain(self, task: Task) -> tuple[TaskSettings, ...]:
        """Return the settings of a task: its own first, then the settings of the task it trains on."""
        return tuple(self._settings(name) for name in dict.fromkeys((task.name, self.owner(task).name)))

    def files(self, task: Task) -> Mapping[str, Paths | Mapping[str, Paths]]:
        """Return the files that the recipe names for a task, by split."""
        return {str(split): paths for split, paths in self._settings(task.name).files.items()}

    def training(self, task: Task) -> str:
        """Return the language of the training data, `und` if it is unknown; English where there is a choice."""
        owner = self.owner(task)
        languages = owner.languages_of("train", self.files(owner))
        if ENGLISH in languages or not languages:
            return ENGLISH if ENGLISH in languages else owner.one_language
        return languages[0]

    def of(self, task: Task, split: str, *, by_name: bool = True) -> tuple[str, ...]:
        """Return the languages of a split: declared in the task, or with files in the recipe.

        Args:
            task: The task.
            split: The split.
            by_name: Whether the recipe names the languages. Without it, a task of XTREME has XTREME's languages only,
                so that the mean over all languages is the same as there, and a task of many pairs has its usual ones.
        """
        held = split == "validation" and self._settings(task.name).holdout is not None
        files = self.files(task)
        languages = task.languages_of(split, files)
        if (task.xtreme or task.usual) and not by_name:
            named = files.get(split)
            usual = {*(task.xtreme or task.usual), *(named if isinstance(named, Mapping) else ())}
            languages = tuple(language for language in languages if language in usual)
        return tuple(dict.fromkeys((*languages, *((self.training(task),) if held else ()))))

    def selection(self, task: Task) -> Select | None:
        """Return how the weights of a task's training are selected; None keeps the last weights.

        Each field comes from the first of these that sets it: `tasks.NAME.select` of the task, `select` of the task it
        trains on, `train.select`.
        """
        fields: dict[str, object] = {}
        for settings in self.chain(task):
            if "select" in settings.model_fields_set:
                if settings.select is None:
                    return None if not fields else Select.model_validate(fields)
                fields = _merged(settings.select.model_dump(include=settings.select.model_fields_set), fields)
        if self._select is not None:
            fields = _merged(self._select.model_dump(), fields)
        return Select.model_validate(fields) if fields or self._select is not None else None

    def developing(self, task: Task, split: str, language: str | None) -> tuple[str, ...]:
        """Return the languages whose development data may select; the first language with data selects.

        Args:
            task: The task that is trained.
            split: The split of the development data.
            language: The language that the recipe names. If None: the language of the training data, else English,
                else the only language with development data.
        """
        if language is not None:
            return (language,)
        available = self.with_development(task, split)
        only = available if len(available) == 1 else ()
        wanted = dict.fromkeys((self.training(task), ENGLISH, *only))
        return tuple(code for code in wanted if code in available)

    def with_development(self, task: Task, split: str) -> tuple[str, ...]:
        """Return the languages in which a task, or the task it trains on, may have development data."""
        return tuple(dict.fromkeys((*self.of(task, split), *self.of(self.owner(task), split))))


def _merged(general: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a selection; `patience` and `average` exclude each other, and the task's own one counts."""
    rest = dict(general)
    for name, other in (("patience", "average"), ("average", "patience")):
        if own.get(name) is not None:
            rest.pop(other, None)
    return {**rest, **own}
