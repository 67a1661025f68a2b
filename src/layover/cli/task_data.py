"""The data of the requested tasks, from a recipe, or from the built-in tasks and a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layover.errors import DataError, LayoverError, ModelError, first_few, nearest

if TYPE_CHECKING:
    from layover.data.task import HubSource, Place
    from layover.tasks import Paths, Task

NAMES_SHOWN = 6


class TaskData:
    """The source of the requested tasks and their data: a recipe, or the built-in tasks and a folder."""

    def __init__(self, recipe: Path | None, data_root: Path | None, store: Path, overrides: Sequence[str] = ()) -> None:
        from layover.plan.data import DataRules
        from layover.plan.hub import Revisions
        from layover.recipe import load
        from layover.store import FileHashes, Memory
        from layover.store.memory import LABELS

        # the store remembers the hub commits of its runs
        self._memory = Memory(store / LABELS) if store.is_dir() else Memory()
        self._revisions = Revisions(self._memory)
        self.recipe, self.root, self._rules = None, data_root, None
        if recipe is None:
            if overrides:
                raise LayoverError(f"{overrides[0]} changes a recipe, but none is given; name it with --recipe")
            return
        checked = load(recipe, overrides)
        if data_root is not None:
            document = checked.document.model_copy(update={"data_root": str(data_root)})
            checked = checked.model_copy(update={"document": document})
        elif checked.document.data_root is not None:
            self.root = Path(checked.document.data_root)
        self.recipe, self._rules = checked, DataRules(checked, self._revisions, FileHashes())

    def task(self, name: str) -> Task:
        """Return the task of a name.

        Raises:
            LayoverError: no task has the name, or several tasks share it.
        """
        tasks = self.tasks([name])
        if len(tasks) != 1:
            raise LayoverError(f"{name} is several tasks; name one of them: {', '.join(task.name for task in tasks)}")
        return tasks[0]

    def tasks(self, names: list[str]) -> list[Task]:
        from layover import tasks

        if self.recipe is None:
            if not names:
                raise LayoverError("name a task, or a recipe with --recipe; `layover list tasks` shows the tasks")
            return [tasks.get(name) for name in names]
        known = self.recipe.tasks
        names = [task for name in names for task in self.recipe.members(name)]
        built_in = tasks.names()
        for name in names:
            if name not in known and name not in built_in:
                near = nearest(name, known)
                hint = near if near.startswith("did you mean") else nearest(name, (*known, *built_in))
                raise LayoverError(f"the recipe has no task {name!r}; {hint}")
        return [known.get(name) or tasks.get(name) for name in names] or [
            task for task in known.values() if not self._borrows(task)
        ]

    def places(
        self, task: Task, splits: list[str] | None, wanted: list[str] | None
    ) -> tuple[list[tuple[Place, int | None]], list[str]]:
        """Return each place with its published number of examples, and each `split language` without data.

        Raises:
            DataError: there are no data at all; the message names the paths that were tried and a source.
        """
        from layover.tasks import SPLITS

        if self._borrows(task):
            raise DataError(f"{task.name} has no data of its own: it trains on the data of {task.train_task}")
        files = self._files(task)
        places, missing, looked = [], [], []
        for split in splits or SPLITS:
            if split not in SPLITS:
                raise LayoverError(f"no split is called {split!r}; {nearest(split, SPLITS)}")
            declared = task.languages_of(split, files)
            for language in (code for code in declared if code in (wanted or declared)):
                place, published = self.locate(task, split, language)
                if place is None:
                    missing.append(f"{split} {language}")
                    looked += task.candidates(split, language)[:1]
                else:
                    places.append((place, published))
        if not places:
            every = [f"{split} {language}" for split in SPLITS for language in task.languages_of(split, files)]
            raise DataError(_nowhere(task, self.root, looked) if missing else _no_match(task, every))
        return places, missing

    def locate(self, task: Task, split: str, language: str) -> tuple[Place | None, int | None]:
        """Return the place of the data (on the hub, at a commit) and the published number of examples.

        Raises:
            ModelError: the commit is unknown, to the hub and to the store.
        """
        from layover.plan.hub import unresolved_message

        if self._rules is not None and self.recipe is not None and task.name in self.recipe.tasks:
            place, published = self._rules.locate(task, split, language), self._rules.count(task, split, language)
        else:
            place, published = task.locate(split, language, root=self.root), task.count(split, language)
            place = None if place is None else place.pinned(self._commit)
        if self._revisions.unresolved:
            raise ModelError(unresolved_message(self._revisions.unresolved))
        self._memory.save()
        return place, published

    def _commit(self, source: HubSource) -> str:
        return self._revisions.commit(source.path, source.revision, "dataset") or source.revision

    def labelled(self, task: Task) -> Task:
        """Return the task; labels that come from its training data are filled in if the data exist."""
        owner = self._task(task.train_task) if task.train_task is not None else task
        for language in owner.languages_of("train", self._files(owner)) if task.labels_from_training else ():
            place, _ = self.locate(owner, "train", language)
            if place is not None:
                return task.model_copy(update={"labels": owner.labels_in(place)})
        return task

    def _borrows(self, task: Task) -> bool:
        """Return whether a task has no data of its own and trains on the data of another task."""
        return task.train_task is not None and not (task.files or task.hub or task.sources or self._files(task))

    def _task(self, name: str) -> Task:
        from layover import tasks

        known = {} if self.recipe is None else self.recipe.tasks
        return known.get(name) or tasks.get(name)

    def _files(self, task: Task) -> dict[str, Paths | dict[str, Paths]]:
        own = {} if self.recipe is None else self.recipe.settings(task.name).files
        return {str(split): paths for split, paths in own.items()}


def _nowhere(task: Task, root: Path | None, looked: list[str]) -> str:
    where = "on the hub" if root is None else f"below {root}"
    names = list(dict.fromkeys(looked))
    tried = f"; looked for {first_few(names, NAMES_SHOWN)}" if root is not None else ""
    return f"{task.name}: no data {where}{tried}" + (f". {task.obtain}" if task.obtain else "")


def _no_match(task: Task, every: list[str]) -> str:
    return f"{task.name} has no data for this split and language; it has {first_few(every, NAMES_SHOWN)}"
