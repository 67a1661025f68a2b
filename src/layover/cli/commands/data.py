"""data: the data of tasks: found, counted, looked at."""

from __future__ import annotations

import json as codec
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, say, table
from layover.cli.shared import DEFAULT_STORE, JsonOption, StoreOption
from layover.errors import DataError, LayoverError, ModelError, nearest

if TYPE_CHECKING:
    from layover.data.tally import Sort
    from layover.data.task import HubSource, Place
    from layover.data.tokenizer import Tokenizer
    from layover.tasks import Census, Overlap, Paths, Task

ORDER = 75
LABELS_SHOWN = 5
NAMES_SHOWN = 6
WIDTH = 100

group = typer.Typer(help="The data of tasks: found, counted, looked at.", no_args_is_help=True)


RecipeOption = Annotated[Path | None, typer.Option(help="Take the tasks, files and data_root of a recipe.")]
RootOption = Annotated[Path | None, typer.Option(help="Folder of official files; without it, the hub.")]


@group.command()
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TASK...] [OVERRIDE...]",
            help="Tasks as `layover list tasks` says or the recipe has them; `path=value` changes the recipe.",
        ),
    ] = None,
    *,
    recipe: RecipeOption = None,
    data_root: RootOption = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this one; may stand several times.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this one; may stand several times.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Directory or hub id: how long are the rows in tokens.")] = None,
    show: Annotated[int, typer.Option(min=0, help="Examples to print of each file.")] = 3,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Read the data of tasks and hold their numbers against the published ones; the exit code is 1 if any differs."""
    from layover.tasks import take_census

    named, overrides = _parted(names or [])
    asked = _Asked(recipe, data_root, store, overrides)
    loaded = None if tokenizer is None else _tokenizer(tokenizer)
    answers: list[dict[str, Any]] = []
    for task in asked.tasks(named):
        places, missing = asked.places(task, split, language)
        labelled = asked.labelled(task)
        found = [
            take_census(labelled, place, published=published, tokenizer=loaded, show=show)
            for place, published in places
        ]
        answers += [_as_json(labelled, one) for one in found]
        if not json:
            _say(labelled, found, missing)
    if json:
        answer(answers)
    if not all(one["as_published"] for one in answers):
        raise typer.Exit(1)


@group.command()
def overlap(
    task: Annotated[str, typer.Argument(help="The task whose data are searched.")],
    other: Annotated[str, typer.Argument(help="The task whose texts are looked for in them.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[OVERRIDE...]", help="`path=value` changes the recipe.")
    ] = None,
    *,
    recipe: RecipeOption = None,
    data_root: RootOption = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Count the examples of one task whose text (premise, context, sentence) another task has too, split by split."""
    from layover.tasks import SPLITS, find_overlap, texts_in

    asked = _Asked(recipe, data_root, store, overrides or [])
    one, two = asked.task(task), asked.task(other)
    (mine, _), (theirs, _) = (asked.places(each, None, None) for each in (one, two))
    splits = [split for split in SPLITS if any(place.split == split for place, _ in theirs)]
    texts = {split: texts_in(two, (place for place, _ in theirs if place.split == split)) for split in splits}
    found = [(find_overlap(one, place, texts[split]), split) for place, _ in mine for split in splits]
    if json:
        answer([_overlap_as_json(each, split) for each, split in found])
        return
    headers = [task, "language", f"{other}", "examples", "shared", "texts", "shared"]
    say(*table(headers, [[str(value) for value in _overlap_as_json(each, split).values()] for each, split in found]))


def _parted(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of tasks, and the overrides: those with a `=`."""
    return [one for one in arguments if "=" not in one], [one for one in arguments if "=" in one]


def _overlap_as_json(one: Overlap, split: str) -> dict[str, Any]:
    return {
        "split": one.place.split,
        "language": one.place.language,
        "other_split": split,
        "examples": one.examples,
        "shared_examples": one.shared,
        "texts": one.texts,
        "shared_texts": one.shared_texts,
    }


class _Asked:
    """Where the asked tasks and their data come from: a recipe, or the built-in tasks and a folder."""

    def __init__(self, recipe: Path | None, data_root: Path | None, store: Path, overrides: Sequence[str] = ()) -> None:
        from layover.plan.data import DataRules
        from layover.plan.hub import Revisions
        from layover.recipe import load
        from layover.store import FileHashes, Memory
        from layover.store.memory import LABELS

        # with the commits that runs on this store were told
        self._memory = Memory(store / LABELS) if store.is_dir() else Memory()
        self._revisions = Revisions(self._memory)
        self.recipe, self.root, self._rules = None, data_root, None
        if recipe is None:
            if overrides:
                raise LayoverError(f"{overrides[0]} changes a recipe, but none is given; name it with --recipe")
            return
        found = load(recipe, overrides)
        if data_root is not None:
            document = found.document.model_copy(update={"data_root": str(data_root)})
            found = found.model_copy(update={"document": document})
        elif found.document.data_root is not None:
            self.root = Path(found.document.data_root)
        self.recipe, self._rules = found, DataRules(found, self._revisions, FileHashes())

    def task(self, name: str) -> Task:
        """Return the one task of a name.

        Raises:
            LayoverError: there is none, or the name is that of several.
        """
        found = self.tasks([name])
        if len(found) != 1:
            raise LayoverError(f"{name} is several tasks; name one of them: {', '.join(one.name for one in found)}")
        return found[0]

    def tasks(self, names: list[str]) -> list[Task]:
        from layover import tasks

        if self.recipe is None:
            if not names:
                raise LayoverError("name a task, or a recipe with --recipe; `layover list tasks` shows them")
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
            one for one in known.values() if not self._borrows(one)
        ]

    def places(
        self, task: Task, splits: list[str] | None, wanted: list[str] | None
    ) -> tuple[list[tuple[Place, int | None]], list[str]]:
        """Return what is found, each with its published number, and the `split language` for which there is nothing.

        Raises:
            DataError: there is nothing at all; it says what was looked for, and where to get it.
        """
        from layover.tasks import SPLITS

        if self._borrows(task):
            raise DataError(f"{task.name} has no data of its own: it trains on those of {task.train_task}")
        files = self._files(task)
        found, missing, looked = [], [], []
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
                    found.append((place, published))
        if not found:
            every = [f"{split} {language}" for split in SPLITS for language in task.languages_of(split, files)]
            raise DataError(_nowhere(task, self.root, looked) if missing else _nothing_like_it(task, every))
        return found, missing

    def locate(self, task: Task, split: str, language: str) -> tuple[Place | None, int | None]:
        """Return where the data are, those of the hub at a commit, and the published number.

        Raises:
            ModelError: neither the hub nor what it told before names the commit.
        """
        from layover.plan.hub import told

        if self._rules is not None and self.recipe is not None and task.name in self.recipe.tasks:
            place, published = self._rules.locate(task, split, language), self._rules.count(task, split, language)
        else:
            place, published = task.locate(split, language, root=self.root), task.count(split, language)
            place = None if place is None else place.pinned(self._commit)
        if self._revisions.unresolved:
            raise ModelError(told(self._revisions.unresolved))
        self._memory.save()
        return place, published

    def _commit(self, source: HubSource) -> str:
        return self._revisions.commit(source.path, source.revision, "dataset") or source.revision

    def labelled(self, task: Task) -> Task:
        """Return the task with the labels of its training data, where it takes them from there and they are found."""
        owner = self._task(task.train_task) if task.train_task is not None else task
        for language in owner.languages_of("train", self._files(owner)) if task.labels_from_training else ():
            place, _ = self.locate(owner, "train", language)
            if place is not None:
                return task.model_copy(update={"labels": owner.labels_in(place)})
        return task

    def _borrows(self, task: Task) -> bool:
        """Return whether all data of a task are those of another one."""
        return task.train_task is not None and not (task.files or task.hub or self._files(task))

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
    tried = f"; looked for {_some(names)}" if root is not None else ""
    return f"{task.name}: no data {where}{tried}" + (f". {task.obtain}" if task.obtain else "")


def _nothing_like_it(task: Task, every: list[str]) -> str:
    return f"{task.name} has no such data; there is {_some(every)}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")


def _tokenizer(name: str) -> Tokenizer:
    from layover.plan import tokenizers
    from layover.sandbox import encoders

    return tokenizers.load(str(encoders.folder_of(name) or name), None)


def _as_json(task: Task, one: Census) -> dict[str, Any]:
    from layover.tasks import QUANTILES

    lengths = None if one.lengths is None else dict(zip(map(str, QUANTILES), one.lengths, strict=True))
    return {
        "task": task.name,
        "split": one.location.split,
        "language": one.location.language,
        "source": one.location.describe(),
        "read_as": one.told or None,
        "examples": one.examples,
        "published": one.published,
        "as_published": one.as_published,
        "gold": one.gold,
        "rows": one.rows,
        "left_out": [left.as_json() for left in one.left_out],
        "not_as_written": [each.as_json() for each in one.otherwise],
        "languages": {column: dict(counts) for column, counts in one.languages.items()},
        "labels": one.labels,
        "unlearnable": one.unlearnable,
        "tags": _tags_as_json(task),
        "tokens_per_row": lengths,
        "shown": one.shown,
    }


def _tags_as_json(task: Task) -> dict[str, Any] | None:
    """Return how tags are read as spans; None where no metric asks for it."""
    tags = task.tags()
    return None if tags is None else {"scheme": tags.name, "written": tags.sample, "outside": list(tags.outside)}


def _say(task: Task, found: list[Census], missing: list[str]) -> None:
    say(f"{task.name}: {task.kind}, {task.summary}; {task.licence or 'licence not known'}")
    for line in _head(task, found):
        say(line)
    counted = any(one.lengths for one in found)
    tokens = ["tokens: least", "half", "95 %", "99 %", "most"] if counted else []
    headers = ["split", "language", "examples", "published", "gold", *tokens, "labels"]
    rows = []
    for one in found:
        lengths = map(str, one.lengths or ())
        published = "?" if one.published is None else str(one.published)
        known = [one.location.split, one.location.language, str(one.examples), published, str(one.gold)]
        rows.append([*known, *lengths, _labels(one)])
    say(*table(headers, rows))
    for one in found:
        if not one.as_published:
            say(f"{one.location.split} {one.location.language}: {one.examples} examples, but {one.published} published")
        for line in _accounted(task, one):
            say(f"{one.location.split} {one.location.language}: {line}")
        if one.unlearnable:
            words = f"{one.unlearnable} of {sum(one.labels.values())} gold tags are not in the training data"
            say(f"{one.location.split} {one.location.language}: {words} and count as wrong")
    if task.labels_from_training and not task.labels:
        say("the labels are those of the training data, which are not here")
    if missing:
        say(f"not found: {', '.join(missing)}")
    for one in found:
        for example in one.shown:
            text = codec.dumps(example, ensure_ascii=False)
            text = text if len(text) <= WIDTH else f"{text[:WIDTH]}..."
            say(f"  {one.location.split} {one.location.language}  {text}")
    say()


def _head(task: Task, found: list[Census]) -> list[str]:
    """Return how the files are read: tags, numbers, what the content decided, values that are not read as written."""
    from layover.data.tally import told

    lines = []
    if task.kind == "tagging" and task.labels:
        tags = task.tags()
        lines.append(f"tags: {tags.describe() if tags is not None else 'each word is scored alone'}")
    if task.codes:
        lines.append(f"numbers in the files: {_some([f'{code} is {label}' for code, label in task.codes.items()])}")
    elif any(one.numbered for one in found):
        known = f"0 is {task.labels[0]}, 1 is {task.labels[1]}, and so on"
        lines.append(f"numbers in the files are places in `labels`: {known}")
    otherwise = [f"not read as written: {reason}" for one in found for reason in told(one.otherwise, ("read",))]
    return lines + list(dict.fromkeys([*(one.told for one in found if one.told), *otherwise]))


SORTS: dict[Sort, str] = {
    "lost": "not used",
    "asked": "left out as asked for",
    "line": "skipped",
    "kept": "used, but",
}


def _accounted(task: Task, one: Census) -> list[str]:
    """Return what of the rows is not used and why, a line for each sort of reason."""
    from layover.data.tally import languages_told, told

    lines = [
        f"{one.rows} rows; {words}: {'; '.join(reasons)}"
        for sort, words in SORTS.items()
        if (reasons := told(one.left_out, (sort,)))
    ]
    return [*lines, *languages_told(one.languages, task.name, one.location.language)]


def _labels(one: Census) -> str:
    total = sum(one.labels.values())
    shares = [f"{label} {100 * count / total:.1f} %" for label, count in list(one.labels.items())[:LABELS_SHOWN]]
    more = len(one.labels) - LABELS_SHOWN
    return ", ".join(shares) + (f", {more} more" if more > 0 else "")
