"""Which data a task trains on, is selected on and is tested on: the recipe's rules, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from layover import kinds
from layover.class_weights import ClassWeights, canonical
from layover.data.languages import UNKNOWN
from layover.data.masking import PERCENT
from layover.data.subset import Subset
from layover.data.task import HubSource, Place
from layover.errors import DataError, nearest
from layover.kinds.retrieval import Search
from layover.plan.hub import Revisions
from layover.recipe import Recipe, Select
from layover.recipe.data_languages import DataLanguages
from layover.recipe.language_checks import unsaid
from layover.tasks import Paths, Task

V = TypeVar("V", int, float)
Number = Literal["max_length", "stride", "batch", "epochs", "mlm_probability"]


@dataclass(frozen=True)
class Portion:
    """One (split, language) of a task, located, and the part of it that is used."""

    task: Task
    split: str
    language: str
    location: Place
    subset: Subset
    count: int | None
    """Published number of examples; None for files of the user's own."""
    without: tuple[Place, ...] = ()
    """Data whose texts are left out."""


class DataRules:
    """Answers where examples come from, for one recipe.

    A task trains on its own data or on those of its `train_task`; `tasks.NAME` of the recipe speaks first for the
    task itself, then for the one it trains on, then `train`.
    """

    def __init__(self, recipe: Recipe, revisions: Revisions, hash_file: Callable[[Path], str]) -> None:
        self._recipe = recipe
        self._languages = DataLanguages(recipe.tasks, recipe.settings, recipe.document.train.select)
        self._revisions = revisions
        self._hash_file = hash_file
        root = recipe.document.data_root
        self._root = Path(root) if root is not None else None

    def contents(self, place: Place) -> frozenset[str]:
        """Return which rows a place has; see `Location.contents`."""
        return place.contents(self._hash_file)

    def overlapping(self, one: Portion, others: Iterable[Portion]) -> bool:
        """Return whether some rows of a portion are among those of others, under whatever name they are read."""
        mine = self.contents(one.location)
        return any(
            mine & self.contents(other.location) and {one.subset.part, other.subset.part} != {"rest", "held"}
            for other in others
        )

    def owner(self, task: Task) -> Task:
        """Return the task whose training examples `task` uses."""
        return self._languages.owner(task)

    def number(self, task: Task, field: Number, default: V) -> V:
        """Return a setting of the task, of the task it trains on, or the default."""
        values = (getattr(settings, field) for settings in self._languages.chain(task))
        return next((value for value in values if value is not None), default)

    def usual_epochs(self, task: Task) -> float:
        """Return the task's own number of passes, or that of the task it trains on; 0 where neither has one."""
        return task.epochs or self.owner(task).epochs or 0.0

    def hidden_percent(self, task: Task) -> int:
        """Return the share of the tokens that are to be guessed in training."""
        return round(100 * self.number(task, "mlm_probability", PERCENT / 100))

    def class_weights(self, task: Task) -> ClassWeights | None:
        """Return what the gold labels of a task count in its loss; None where all count alike."""
        if not kinds.get(task.kind).classes:
            return None
        said = (one for one in self._languages.chain(task) if "class_weights" in one.model_fields_set)
        return canonical(next(said, self._recipe.document.train).class_weights)

    def metric(self, task: Task) -> str:
        """Return the metric that selects and stands in the table."""
        return self._recipe.settings(task.name).metric or task.metrics[0]

    def _limit(self, task: Task, split: str) -> int | None:
        for settings in self._languages.chain(task):
            for name, value in settings.limit.items():
                if name == split:
                    return value
        return None

    def train_language(self, task: Task) -> str:
        """Return the language of the training data, `und` if it is unknown; English where there is a choice."""
        return self._languages.training(task)

    def train(self, task: Task) -> Portion:
        """Return the training data of a task.

        Raises:
            DataError: there are none, with the names that were looked for.
        """
        owner = self.owner(task)
        language = self.train_language(task)
        location = self.locate(owner, "train", language)
        if location is None:
            raise self._nothing(owner, "train", language)
        holdout = self._recipe.settings(owner.name).holdout
        subset = Subset(self._limit(task, "train"), holdout, "rest" if holdout else "all")
        count = self.count(owner, "train", language)
        return Portion(owner, "train", language, location, subset, count, self._without(owner))

    def replaced(self, names: Iterable[str]) -> list[str]:
        """Return where a hold-out takes the place of validation data that a task of Layover declares, for people."""
        found = []
        for name in dict.fromkeys(self.owner(self._recipe.tasks[name]).name for name in names):
            task, holdout = self._recipe.tasks[name], self._recipe.settings(name).holdout
            language = self.train_language(task)
            if holdout is not None and self.locate(task, "validation", language) is not None:
                held = f"{holdout} training examples (holdout) take the place of its validation data"
                found.append(f"{name}: {held} ({language}), which are not used")
        return found

    def selection(self, task: Task) -> Select | None:
        """Return how the weights of a task's training are selected; None keeps the last ones."""
        return self._languages.selection(task)

    def unsaid(self, names: Iterable[str]) -> list[str]:
        """Return a note for each task whose training data are in an unknown language."""
        return unsaid(names, self._recipe.tasks, self._languages)

    def development(self, task: Task) -> Portion | None:
        """Return the data on which the weights of a task's training are selected, None where nothing selects.

        Raises:
            DataError: there are none.
        """
        select = self.selection(task)
        return None if select is None else self.select(task, select.split, select.language)

    def select(self, task: Task, split: str, language: str | None) -> Portion:
        """Return the development data of a task: its own, or a hold-out of its training data.

        Without a `language`: as the training data if there are some, else English, else the only language there is.

        Raises:
            DataError: there are none.
        """
        owner = self.owner(task)
        usual = self.train_language(task)
        for code in self._languages.developing(task, split, language):
            portion = self._portion(task, split, code)
            if portion is None and owner is not task:
                portion = self._portion(owner, split, code, limit_of=task)
            if portion is not None:
                return replace(portion, without=self._without(portion.task))
        raise self._nothing(task, split, language or usual)

    def leaves_out(self, task: Task, other: str) -> bool:
        """Return whether a task trains without the texts of the development and test data of `other`."""
        return other in self._recipe.settings(self.owner(task).name).without

    def _without(self, task: Task) -> tuple[Place, ...]:
        """Return the development and test files of the tasks that a recipe leaves out, in every language there is.

        A hold-out is none of them: it is training data of its task.
        """
        found: list[Place] = []
        for name in self._recipe.settings(task.name).without:
            other = self._recipe.tasks[name]
            pairs = [(split, code) for split in ("validation", "test") for code in self._languages_of(other, split)]
            places = [self.locate(other, split, code) for split, code in pairs]
            if not any(places):
                raise self._nothing(other, "test", " ".join(dict.fromkeys(code for _, code in pairs)))
            found += [place for place in places if place is not None]
        return tuple(found)

    def evaluated(self, task: Task) -> tuple[str, dict[str, Portion], dict[str, str]]:
        """Return the evaluated split of a target, what there is per language, and why the others are absent."""
        settings = self._recipe.settings(task.name).eval
        split = settings.split or self._recipe.document.eval.split
        wanted = self._recipe.document.eval.languages if settings.languages is None else settings.languages
        languages = self._languages_of(task, split, by_name=False) if wanted == "all" else tuple(wanted)
        portions: dict[str, Portion] = {}
        absent: dict[str, str] = {}
        for language in languages:
            portion = self._portion(task, split, language)
            if portion is None:
                absent[language] = f"no {split} file"
            else:
                portions[language] = portion
        if not portions:
            raise self._nothing(task, split, ", ".join(languages) or "any language")
        return split, portions, absent

    def threshold(
        self, task: Task, scored: Iterable[Portion]
    ) -> tuple[Literal["validation", "scored"] | float | None, Portion | None]:
        """Return how a target's threshold, for no answer or for labels, is found, and the data whose gold sets it.

        None where none decides: every question has an answer, or the usual probability of labels holds.

        Raises:
            DataError: there are no such data, or they are the scored ones without having been asked for.
        """
        settings = self._recipe.settings(task.name)
        if task.may_have_no_answer():
            key, number, what = "no_answer", "0", "the threshold for no answer"
            wanted = "validation" if settings.no_answer is None else settings.no_answer
        elif settings.threshold not in (None, task.of_kind.label_threshold):
            key, number, what, wanted = "threshold", "0.5", "the threshold of labels", settings.threshold
        else:
            return None, None
        if wanted != "validation":
            return wanted, None
        other = f"give a number, tasks.{task.name}.{key}: {number}, or ask for it with {key}: scored"
        select = self.selection(task)
        decided = select is None or self._languages.developing(task, "validation", None)
        try:
            portion = self.select(task, "validation", None if select is None or decided else select.language)
        except DataError as error:
            raise DataError(f"{error}; or do not tune {what}: {other}") from None
        if self.overlapping(portion, scored):
            raise DataError(
                f"{task.name}: the validation data are scored, so {what} cannot be tuned on them unnoticed; {other}, "
                "and the record will say so"
            )
        return "validation", portion

    def tuning(self, task: Task, languages: Iterable[str]) -> dict[str, Portion]:
        """Return the validation data of those of the languages that have any, for a threshold."""
        found = {language: self._portion(task, "validation", language) for language in languages}
        return {language: portion for language, portion in found.items() if portion is not None}

    def asks_threshold(self, task: Task) -> bool:
        """Return whether the recipe itself says how a threshold is found."""
        settings = self._recipe.settings(task.name).retrieval
        return settings is not None and settings.threshold is not None

    def search(self, task: Task) -> Search:
        """Return how a retrieval task embeds and compares: the recipe's settings, else the task's own."""
        return (self._recipe.settings(task.name).retrieval or Search()).over(task.retrieval)

    def _portion(self, task: Task, split: str, language: str, limit_of: Task | None = None) -> Portion | None:
        settings = self._recipe.settings(task.name)
        limit = self._limit(limit_of or task, split)
        if split == "validation" and settings.holdout and language == self.train_language(task):
            location = self.locate(task, "train", language)
            subset = Subset(limit, settings.holdout, "held")
        else:
            location = self.locate(task, split, language)
            subset = Subset(limit)
        if location is None:
            return None
        return Portion(task, split, language, location, subset, self.count(task, split, language))

    def count(self, task: Task, split: str, language: str) -> int | None:
        """Return the published number of examples, None where it is not known and for files of the recipe."""
        named = any(split in self._files(one) for one in (task, *task.parts))
        return None if named else task.count(split, language)

    def _languages_of(self, task: Task, split: str, *, by_name: bool = True) -> tuple[str, ...]:
        return self._languages.of(task, split, by_name=by_name)

    def _files(self, task: Task) -> Mapping[str, Paths | Mapping[str, Paths]]:
        return self._languages.files(task)

    def locate(self, task: Task, split: str, language: str) -> Place | None:
        """Return where the data are, those of the hub at a commit where it can be known; None where there are none."""
        files = self._files(task)
        if task.parts and split not in files:  # each part with its own files and revision
            return task.join([self.locate(self._recipe.tasks[part.name], split, language) for part in task.parts])
        place = task.locate(split, language, root=self._root, files=files or None)
        return None if place is None else place.pinned(lambda source: self._commit(task, source))

    def _commit(self, task: Task, source: HubSource) -> str:
        named = self._recipe.settings(task.name).revision or source.revision
        return self._revisions.commit(source.path, named, "dataset") or named

    def _nothing(self, task: Task, split: str, language: str) -> DataError:
        looked = task.candidates(split, language)
        where = f"below {self._root}" if self._root else "in the task's declaration"
        there = self._files_there(task)
        hint = f"; there: {', '.join(there)}" if there else ""
        tried = f" (looked for {', '.join(looked)})" if looked else ""
        known = self._languages_of(task, split)
        close = f"; {nearest(language, known)}" if known and language not in known else ""
        holdout = f", or hold some training examples out: tasks.{task.name}.holdout" if split == "validation" else ""
        obtain = f". {task.obtain}" if task.obtain else ""
        wanted = "" if language == UNKNOWN else f" for {language}"
        return DataError(
            f"{task.name}: no {split} data{wanted} {where}{tried}{hint}{close}; "
            f"name a file with tasks.{task.name}.files.{split}{holdout}{obtain}"
        )

    def _files_there(self, task: Task) -> list[str]:
        folder = self._root / task.name if self._root is not None else None
        if folder is None or not folder.is_dir():
            return []
        return sorted(f"{task.name}/{file.name}" for file in folder.iterdir() if file.is_file())[:8]
