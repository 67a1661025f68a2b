"""Submissions to XTREME: a folder of prediction files per task, written from the store, and scores of such a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from layover import kinds, metrics
from layover.errors import DataError, LayoverError, nearest
from layover.kinds._submission import Submission
from layover.plan import Cell, Plan, partial
from layover.plan.nodes import spec_at
from layover.plan.rounds import UNCHOSEN
from layover.report.predicted import Predicted
from layover.specs.score import ScoreSpec
from layover.store import Store
from layover.tasks import Task, official

Answers = Sequence[Any]
"""An answer per example, in the form for metrics."""


def file_name(task: Task, language: str) -> str:
    """Return the name of a file of predictions in the official layout."""
    return f"test-{language}.{_form(task).suffix}"


def _form(task: Task) -> Submission:
    form = task.of_kind.submission
    if form is None:
        raise LayoverError(f"{task.name}: XTREME has no form of a prediction file for the kind {task.kind}")
    return form


def write_submission(plan: Plan, store: Store, directory: Path) -> list[Path]:
    """Write the predictions of a sweep's XTREME tasks on the test data, a folder per task, and return the files.

    Args:
        plan: The plan of the recipe; each of its targets has a single cell.
        store: The store with the finished cells.
        directory: The new directory; it must not exist.

    Raises:
        LayoverError: no target is a task of XTREME, a target has several cells, a cell is not finished or was not
            predicted on the whole test split, or the directory exists.
    """
    if directory.exists():
        raise LayoverError(f"{directory} already exists; name another folder, or remove this one first")
    texts: dict[Path, str] = {}
    for cell in _cells(plan):
        task, scored = plan.recipe.tasks[cell.target], spec_at(plan.nodes, cell.score, ScoreSpec)
        for language, answers, examples in _predicted(cell, scored, task, store):
            _check_whole(plan, scored, language, len(examples))
            texts[Path(task.name) / file_name(task, language)] = _form(task).text(answers, examples, task.columns)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".layover.") as temporary:
        work = Path(temporary) / directory.name
        for path, text in texts.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text, encoding="utf-8")
        work.rename(directory)  # atomic: the directory has all files, or does not exist
    return [directory / path for path in texts]


def _cells(plan: Plan) -> list[Cell]:
    known = official()
    for pending in plan.pending:
        if pending.target in known:
            raise LayoverError(f"{pending.label}: {UNCHOSEN}; run the recipe first")
    wanted = [cell for cell in plan.cells if cell.target in known]
    if not wanted:
        raise LayoverError(f"no target of the recipe is a task of XTREME: {', '.join(known)}")
    by_target: dict[str, Cell] = {}
    for cell in wanted:
        if cell.target in by_target:
            both = f"{by_target[cell.target].label} and {cell.label}"
            raise LayoverError(
                f"{cell.target} has several cells, {both}; narrow the sweep by overrides: sweep.method=[...] "
                "sweep.intermediate=[...] sweep.seed=[...]"
            )
        by_target[cell.target] = cell
    return list(by_target.values())


def _predicted(cell: Cell, scored: ScoreSpec, task: Task, store: Store) -> list[tuple[str, Answers, Sequence[Any]]]:
    """Return the answers and the examples of every language of a cell."""
    predicted = Predicted.of(cell, scored, store)
    # the benchmark does not include the additional languages of XTREME-R
    return [(language, *predicted.answers(language)) for language in scored.predictions if language in task.xtreme]


def _check_whole(plan: Plan, scored: ScoreSpec, language: str, count: int) -> None:
    task = plan.recipe.tasks[scored.name]
    if scored.split != "test":
        raise LayoverError(f"{task.name}: the {scored.split} split was predicted; a submission needs eval.split: test")
    published, part = task.count("test", language), partial(plan, scored).get(language)
    if published is None and part is not None:
        raise LayoverError(f"{task.name}: {language} is {part}; a submission needs the whole official test split")
    if published not in {None, count}:
        raise LayoverError(
            f"{task.name}: {count} test examples of {language} were predicted, but the official test split has "
            f"{published}; a submission needs all of them, without `limit`"
        )


def score_submission(directory: Path, data_root: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Return task -> language -> metric -> value of a folder of prediction files, by the gold of the official files.

    Args:
        directory: A folder per task in XTREME's layout; tasks and languages may be missing.
        data_root: The folder of the official test files with labels.

    Raises:
        DataError: a file belongs to no task, has too many or too few predictions, or has no gold.
    """
    known = official()
    folders = sorted(path for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []
    if not folders:
        raise DataError(f"{directory}: it has no folder of a task; the tasks are {', '.join(known)}")
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for folder in folders:
        if folder.name not in known:
            raise DataError(f"{folder}: XTREME has no task of this name; {nearest(folder.name, known)}")
        task = known[folder.name]
        names = {file_name(task, language): language for language in task.languages_of("test")}
        for path in sorted(folder.iterdir()):
            if path.name not in names:
                raise DataError(f"{path}: {task.name} has no file of this name; {nearest(path.name, names)}")
            scores.setdefault(task.name, {})[names[path.name]] = _score(task, names[path.name], path, data_root)
    return scores


def _score(task: Task, language: str, path: Path, data_root: Path) -> dict[str, float]:
    location = task.locate("test", language, root=data_root)
    if location is None:
        looked = ", ".join(task.candidates("test", language))
        raise DataError(f"{task.name}: {data_root} has no test data for {language}; Layover looked for {looked}")
    kind, examples = kinds.get(task.kind), task.read(location)
    golds = [kind.gold(example) for example in examples]
    if None in golds:
        raise DataError(
            f"{location.describe()}: an example has no gold label, so nothing can be scored; use labelled data"
        )
    form = _form(task)
    answers, names = form.read(path, examples, task.columns, task.labels), form.metrics(task.metrics, task.columns)
    return {name: metrics.get(name).for_task(task.rules())(answers, golds, language) for name in names}


def lacking(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the languages of XTREME without a file in a submission, by task of the sweep."""
    absent = {}
    for cell in _cells(plan):
        scored, codes = spec_at(plan.nodes, cell.score, ScoreSpec), plan.recipe.tasks[cell.target].xtreme
        absent[cell.target] = tuple(code for code in codes if code not in scored.predictions)
    return {task: codes for task, codes in absent.items() if codes}
