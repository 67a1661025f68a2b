"""Which language the data of a task are in, and on which development data its weights are selected.

These rules look at a recipe only, never at files, so that `check` and `plan` give the same answers.
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
        settings: Name of a task -> the recipe's settings of it.
        select: How every training is selected, where a task says nothing else.
    """

    def __init__(
        self, tasks: Mapping[str, Task], settings: Callable[[str], TaskSettings], select: Select | None
    ) -> None:
        self._tasks, self._settings, self._select = tasks, settings, select

    def owner(self, task: Task) -> Task:
        """Return the task whose training examples `task` uses."""
        return self._tasks[task.train_task] if task.train_task is not None else task

    def chain(self, task: Task) -> tuple[TaskSettings, ...]:
        """Return the settings that hold for a task: its own first, then those of the task it trains on."""
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

    def of(self, task: Task, split: str, *, asked: bool = True) -> tuple[str, ...]:
        """Return the languages of a split: the declared ones, and those that the recipe has files of.

        Those that came after XTREME to one of its tasks are only there when `asked` for: so the mean over all
        languages is over XTREME's.
        """
        held = split == "validation" and self._settings(task.name).holdout is not None
        files = self.files(task)
        languages = task.languages_of(split, files)
        if task.xtreme and not asked:
            named = files.get(split)
            usual = {*task.xtreme, *(named if isinstance(named, Mapping) else ())}
            languages = tuple(language for language in languages if language in usual)
        return tuple(dict.fromkeys((*languages, *((self.training(task),) if held else ()))))

    def selection(self, task: Task) -> Select | None:
        """Return how the weights of a task's training are selected; None keeps the last ones.

        `tasks.NAME.select` speaks first for the task itself, then for the one it trains on, then `train.select`; each
        field for itself.
        """
        found: dict[str, object] = {}
        for settings in self.chain(task):
            if "select" in settings.model_fields_set:
                if settings.select is None:
                    return None if not found else Select.model_validate(found)
                found = {**settings.select.model_dump(include=settings.select.model_fields_set), **found}
        if self._select is not None:
            found = {**self._select.model_dump(), **found}
        return Select.model_validate(found) if found or self._select is not None else None

    def developing(self, task: Task, split: str, language: str | None) -> tuple[str, ...]:
        """Return the languages whose development data may select, the first that has any does.

        Args:
            task: The task that is trained.
            split: Of the development data.
            language: The one that the recipe names. Without it: that of the training data, else English, else the
                only one there is.
        """
        if language is not None:
            return (language,)
        there = self.with_development(task, split)
        only = there if len(there) == 1 else ()
        wanted = dict.fromkeys((self.training(task), ENGLISH, *only))
        return tuple(code for code in wanted if code in there)

    def with_development(self, task: Task, split: str) -> tuple[str, ...]:
        """Return the languages of which a task, or the one it trains on, may have development data."""
        return tuple(dict.fromkeys((*self.of(task, split), *self.of(self.owner(task), split))))
