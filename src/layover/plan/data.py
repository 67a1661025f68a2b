"""The rules of a recipe for the training, development and test data of each task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from layover import kinds, perturbations
from layover.class_weights import ClassWeights, canonical
from layover.data.augment import Augment
from layover.data.languages import UNKNOWN
from layover.data.masking import PERCENT
from layover.data.subset import Subset
from layover.data.task import HubSource, Place
from layover.errors import DataError, nearest
from layover.kinds.retrieval import Search
from layover.objectives import Attack, Objective
from layover.plan.hub import Revisions
from layover.recipe import Recipe, Select
from layover.recipe.data_languages import DataLanguages
from layover.recipe.language_checks import unsaid
from layover.specs._perturbed import PerturbedTexts
from layover.tasks import Paths, Task

V = TypeVar("V", int, float)
Number = Literal["max_length", "stride", "batch", "epochs", "mlm_probability"]


@dataclass(frozen=True)
class Portion:
    """The located data of one (split, language) of a task, and the part that is used."""

    task: Task
    split: str
    language: str
    location: Place
    subset: Subset
    count: int | None
    """Published number of examples; None for the user's own files."""
    without: tuple[Place, ...] = ()
    """Data whose texts are removed."""
    augment: Augment | None = None
    """How the examples are copied with synonyms."""
    perturbed: PerturbedTexts | None = None
    """How its texts are changed; None for the texts of the data."""


class DataRules:
    """Finds the data of each task of a recipe.

    A task trains on its own data or on the data of its `train_task`. A setting comes from `tasks.NAME` of the task,
    else of the task that it trains on, else from `train`.
    """

    def __init__(self, recipe: Recipe, revisions: Revisions, hash_file: Callable[[Path], str]) -> None:
        self._recipe = recipe
        self._languages = DataLanguages(recipe.tasks, recipe.settings, recipe.document.train.select)
        self._revisions = revisions
        self._hash_file = hash_file
        root = recipe.document.data_root
        self._root = Path(root) if root is not None else None

    def contents(self, place: Place) -> frozenset[str]:
        """Return the identities of the files that the rows of a place come from (`Location.contents`)."""
        return place.contents(self._hash_file)

    def overlapping(self, portion: Portion, others: Iterable[Portion]) -> bool:
        """Return whether a portion and another one share rows; names of tasks and splits do not matter."""
        own = self.contents(portion.location)
        return any(
            own & self.contents(other.location) and {portion.subset.part, other.subset.part} != {"rest", "held"}
            for other in others
        )

    def owner(self, task: Task) -> Task:
        """Return the task whose training examples `task` uses."""
        return self._languages.owner(task)

    def number(self, task: Task, field: Number, default: V) -> V:
        """Return a setting of the task, else of the task it trains on, else the default."""
        values = (getattr(settings, field) for settings in self._languages.chain(task))
        return next((value for value in values if value is not None), default)

    def usual_epochs(self, task: Task) -> float:
        """Return the epochs that the task declares, else the epochs of the task it trains on, else 0."""
        return task.epochs or self.owner(task).epochs or 0.0

    def hidden_percent(self, task: Task) -> int:
        """Return the percentage of tokens that are masked in training."""
        return round(100 * self.number(task, "mlm_probability", PERCENT / 100))

    def class_weights(self, task: Task) -> ClassWeights | None:
        """Return the weights of the gold labels in the loss of a task; None if all weights are equal."""
        if not kinds.get(task.kind).classes:
            return None
        named = (settings for settings in self._languages.chain(task) if "class_weights" in settings.model_fields_set)
        return canonical(next(named, self._recipe.document.train).class_weights)

    def metric(self, task: Task) -> str:
        """Return the metric that selects weights and appears in the table."""
        return self._recipe.settings(task.name).metric or task.metrics[0]

    def _limit(self, task: Task, split: str) -> int | None:
        for settings in self._languages.chain(task):
            for name, value in settings.limit.items():
                if name == split:
                    return value
        return None

    def train_language(self, task: Task) -> str:
        """Return the language of the training data: `und` if unknown, English if there are several."""
        return self._languages.training(task)

    def train(self, task: Task) -> Portion:
        """Return the training data of a task.

        Raises:
            DataError: there are none; the message lists the file names that were tried.
        """
        owner = self.owner(task)
        language = self.train_language(task)
        location = self.locate(owner, "train", language)
        if location is None:
            raise self._nothing(owner, "train", language)
        holdout = self._recipe.settings(owner.name).holdout
        subset = Subset(self._limit(task, "train"), holdout, "rest" if holdout else "all")
        count, augment = self.count(owner, "train", language), self._augment(task)
        return Portion(owner, "train", language, location, subset, count, self._without(owner), augment)

    def _augment(self, task: Task) -> Augment | None:
        """Return how the training examples of a task are copied: by its own setting, else as its owner says."""
        named = (settings.augment for settings in self._languages.chain(task) if "augment" in settings.model_fields_set)
        settings = next(named, None)
        if settings is None:
            return None
        path = (self._root or Path()) / settings.synonyms
        kept = task.of_kind.kept_tags(task.labels, task.rules())
        return Augment(self._hash_file(path), settings.copies, settings.seed, kept, path)

    def with_files(self, objective: Objective) -> Objective:
        """Return an objective with the paths and hashes of its files."""

        def located(name: str) -> tuple[Path, str]:
            path = (self._root or Path()) / name
            return path, self._hash_file(path)

        return objective.with_files(located)

    def replaced(self, names: Iterable[str]) -> list[str]:
        """Return a note for each task whose hold-out replaces the validation data that the task declares."""
        notes = []
        for name in dict.fromkeys(self.owner(self._recipe.tasks[name]).name for name in names):
            task, holdout = self._recipe.tasks[name], self._recipe.settings(name).holdout
            language = self.train_language(task)
            if holdout is not None and self.locate(task, "validation", language) is not None:
                notes.append(
                    f"{name}: {holdout} training examples (holdout) replace its validation data ({language}), "
                    "which are not used"
                )
        return notes

    def selection(self, task: Task) -> Select | None:
        """Return how the weights of a task's training are selected; None keeps the last weights."""
        return self._languages.selection(task)

    def unknown_languages(self, names: Iterable[str]) -> list[str]:
        """Return a note for each task whose training data are in an unknown language."""
        return unsaid(names, self._recipe.tasks, self._languages)

    def development(self, task: Task) -> Portion | None:
        """Return the data on which the weights of a task's training are selected; None without selection.

        Raises:
            DataError: there are none.
        """
        select = self.selection(task)
        return None if select is None else self.select(task, select.split, select.language)

    def select(self, task: Task, split: str, language: str | None) -> Portion:
        """Return the development data of a task: its own, or a hold-out of its training data.

        Without a `language`: the language of the training data, else English, else the only available language.

        Raises:
            DataError: there are none.
        """
        owner = self.owner(task)
        usual = self.train_language(task)
        for code in self._languages.developing(task, split, language):
            portion = self._portion(task, split, code)
            if portion is None and owner is not task:
                portion = self._portion(owner, split, code, limit_of=task)
            if portion is not None and portion.task.merged:
                raise DataError(
                    f"{task.name}: it has other labels than {owner.name}, which it trains on, so its data cannot "
                    "select weights; select on the validation split"
                )
            if portion is not None:
                return replace(portion, without=self._without(portion.task))
        raise self._nothing(task, split, language or usual)

    def leaves_out(self, task: Task, other: str) -> bool:
        """Return whether a task trains without the texts of the development and test data of `other`."""
        return other in self._recipe.settings(self.owner(task).name).without

    def _without(self, task: Task) -> tuple[Place, ...]:
        """Return the development and test files whose texts a recipe removes, in every available language.

        A hold-out is not among them: it is training data of its task.
        """
        without: list[Place] = []
        for name in self._recipe.settings(task.name).without:
            other = self._recipe.tasks[name]
            pairs = [(split, code) for split in ("validation", "test") for code in self._languages_of(other, split)]
            places = [self.locate(other, split, code) for split, code in pairs]
            if not any(places):
                raise self._nothing(other, "test", " ".join(dict.fromkeys(code for _, code in pairs)))
            without += [place for place in places if place is not None]
        return tuple(without)

    def evaluated(self, task: Task) -> tuple[str, dict[str, Portion], dict[str, str]]:
        """Return the evaluated split of a target, its data by language, and why other languages are absent."""
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

    def attacks(self, task: Task) -> dict[str, Attack]:
        """Return the attacks on the scored data of a task, by label."""
        own = self._recipe.settings(task.name).eval.attack
        labels = self._recipe.document.eval.attack if own is None else own
        attacks = [Attack.of(label) for label in labels]
        return {attack.label: attack for attack in attacks}

    def perturbed(self, task: Task, scored: Mapping[str, Portion]) -> dict[str, dict[str, Portion]]:
        """Return label of a perturbation -> language -> the scored data with changed texts."""
        settings, document = self._recipe.settings(task.name).eval, self._recipe.document.eval
        labels = document.perturb if settings.perturb is None else settings.perturb
        outside = tuple(sorted(task.of_kind.changeable(task.labels, task.rules()))) if labels else ()
        return {
            label: {
                language: replace(
                    portion,
                    perturbed=PerturbedTexts(perturbations.of(label), document.perturb_seed, language, outside),
                )
                for language, portion in scored.items()
            }
            for label in labels
        }

    def threshold(
        self, task: Task, scored: Iterable[Portion]
    ) -> tuple[Literal["validation", "scored"] | float | None, Portion | None]:
        """Return how a target's threshold (for no answer or for labels) is set, and the data whose gold sets it.

        None if there is none to set: every question has an answer, or labels use the default probability.

        Raises:
            DataError: there are no validation data, or they are scored and the recipe does not say `scored`.
        """
        settings = self._recipe.settings(task.name)
        if task.may_have_no_answer():
            key, number, threshold = "no_answer", "0", "the threshold for no answer"
            wanted = "validation" if settings.no_answer is None else settings.no_answer
        elif settings.threshold not in (None, task.of_kind.label_threshold):
            key, number, threshold, wanted = "threshold", "0.5", "the threshold of labels", settings.threshold
        else:
            return None, None
        if wanted != "validation":
            return wanted, None
        other = f"set a number, tasks.{task.name}.{key}: {number}, or set {key}: scored"
        select = self.selection(task)
        decided = select is None or self._languages.developing(task, "validation", None)
        try:
            portion = self.select(task, "validation", None if select is None or decided else select.language)
        except DataError as error:
            raise DataError(f"{error}; or do not tune {threshold}: {other}") from None
        if self.overlapping(portion, scored):
            raise DataError(
                f"{task.name}: the validation data are scored, so {threshold} is not tuned on them by default; "
                f"{other}, and the record will say so"
            )
        return "validation", portion

    def tuning(self, task: Task, languages: Iterable[str]) -> dict[str, Portion]:
        """Return the validation data of the languages that have any, for a threshold."""
        portions = {language: self._portion(task, "validation", language) for language in languages}
        return {language: portion for language, portion in portions.items() if portion is not None}

    def asks_threshold(self, task: Task) -> bool:
        """Return whether the recipe itself sets a threshold, or how to find it."""
        settings = self._recipe.settings(task.name).retrieval
        return settings is not None and settings.threshold is not None

    def search(self, task: Task) -> Search:
        """Return how a retrieval task embeds and compares sentences: the recipe's settings, else the task's."""
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
        """Return the published number of examples; None if unknown, and for files that the recipe names."""
        named = any(split in self._files(part) for part in (task, *task.sources))
        return None if named else task.count(split, language)

    def _languages_of(self, task: Task, split: str, *, by_name: bool = True) -> tuple[str, ...]:
        return self._languages.of(task, split, by_name=by_name)

    def _files(self, task: Task) -> Mapping[str, Paths | Mapping[str, Paths]]:
        return self._languages.files(task)

    def locate(self, task: Task, split: str, language: str) -> Place | None:
        """Return where the data are, with the commit of hub data if it can be resolved; None if there are none."""
        files = self._files(task)
        if task.parts and split not in files:  # each part has its own files and revision
            return task.join([self.locate(self._recipe.tasks[part.name], split, language) for part in task.parts])
        if task.crosses is not None and split not in files:
            source, codes = self._recipe.tasks[task.crosses.name], task.languages_in(split, language)
            return task.cross(language, [self.locate(source, split, code) for code in codes])
        place = task.locate(split, language, root=self._root, files=files or None)
        return None if place is None else place.pinned(lambda source: self._commit(task, source))

    def _commit(self, task: Task, source: HubSource) -> str:
        named = self._recipe.settings(task.name).revision or source.revision
        return self._revisions.commit(source.path, named, "dataset") or named

    def _nothing(self, task: Task, split: str, language: str) -> DataError:
        candidates = task.candidates(split, language)
        where = f"below {self._root}" if self._root else "in the task's declaration"
        there = self._files_there(task)
        hint = f"; there: {', '.join(there)}" if there else ""
        tried = f" (looked for {', '.join(candidates)})" if candidates else ""
        known = self._languages_of(task, split)
        close = f"; {nearest(language, known)}" if known and language not in known else ""
        holdout = f", or hold out training examples with tasks.{task.name}.holdout" if split == "validation" else ""
        obtain = f". {task.obtain}" if task.obtain else ""
        wanted, reader = "" if language == UNKNOWN else f" for {language}", task.crosses or task
        return DataError(
            f"{task.name}: no {split} data{wanted} {where}{tried}{hint}{close}; "
            f"name a file with tasks.{reader.name}.files.{split}{holdout}{obtain}"
        )

    def _files_there(self, task: Task) -> list[str]:
        folder = self._root / task.name if self._root is not None else None
        if folder is None or not folder.is_dir():
            return []
        return sorted(f"{task.name}/{file.name}" for file in folder.iterdir() if file.is_file())[:8]
