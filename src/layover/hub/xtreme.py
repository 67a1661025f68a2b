"""XTREME's submission: a folder of prediction files per task, written out of the store, and scored from any place."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from layover import kinds, metrics
from layover.errors import DataError, LayoverError, nearest
from layover.hub.predicted import Predicted
from layover.kinds._submission import Submission
from layover.plan import Cell, Plan, partial
from layover.plan.nodes import spec_at
from layover.plan.rounds import UNCHOSEN
from layover.specs.score import ScoreSpec
from layover.store import Store
from layover.tasks import Task, official

Answers = Sequence[Any]
"""One per example, as metrics take them."""


def file_name(task: Task, language: str) -> str:
    """Return what the official layout calls a file of predictions."""
    return f"test-{language}.{_form(task).suffix}"


def _form(task: Task) -> Submission:
    form = task.of_kind.submission
    if form is None:
        raise LayoverError(f"{task.name}: XTREME has no file of predictions for {task.kind}")
    return form


def write_submission(plan: Plan, store: Store, directory: Path) -> list[Path]:
    """Write the predictions of a sweep's XTREME tasks on the test data, a folder per task, and return the files.

    Args:
        plan: Each of its targets has one cell; narrow the sweep by overrides.
        store: Where the cells are finished.
        directory: Must not exist.

    Raises:
        LayoverError: no target is XTREME's, a target has several cells, one is not finished or was not predicted on the
            whole test split, or the directory exists.
    """
    if directory.exists():
        raise LayoverError(f"{directory} exists; name another directory, or remove it first")
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
        work.rename(directory)  # there whole or not at all
    return [directory / path for path in texts]


def _cells(plan: Plan) -> list[Cell]:
    known = official()
    for pending in plan.pending:
        if pending.target in known:
            raise LayoverError(f"{pending.label}: {UNCHOSEN}; run the recipe first")
    wanted = [cell for cell in plan.cells if cell.target in known]
    if not wanted:
        raise LayoverError(f"no target of the recipe is a task of XTREME: {', '.join(known)}")
    found: dict[str, Cell] = {}
    for cell in wanted:
        if cell.target in found:
            both = f"{found[cell.target].label} and {cell.label}"
            raise LayoverError(
                f"{cell.target} has several cells, {both}: narrow the sweep by overrides, sweep.method=[...] "
                "sweep.intermediate=[...] sweep.seed=[...]"
            )
        found[cell.target] = cell
    return list(found.values())


def _predicted(cell: Cell, scored: ScoreSpec, task: Task, store: Store) -> list[tuple[str, Answers, Sequence[Any]]]:
    """Return the answers and the examples of every language of a cell."""
    found = Predicted.of(cell, scored, store)
    # XTREME-R's languages are none that the benchmark asks for
    return [(language, *found.answers(language)) for language in scored.predictions if language in task.xtreme]


def _check_whole(plan: Plan, scored: ScoreSpec, language: str, count: int) -> None:
    task = plan.recipe.tasks[scored.name]
    if scored.split != "test":
        raise LayoverError(f"{task.name}: the {scored.split} split was predicted; a submission needs eval.split: test")
    published, part = task.count("test", language), partial(plan, scored).get(language)
    if published is None and part is not None:
        raise LayoverError(f"{task.name}: {language} is {part}; a submission needs the whole official test split")
    if published not in {None, count}:
        raise LayoverError(
            f"{task.name}: {count} test examples of {language} were predicted, but there are {published}; "
            "a submission needs all of them, without limit"
        )


def score_submission(directory: Path, data_root: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Return task -> language -> metric -> value of a folder of prediction files, by the gold of the official files.

    Args:
        directory: With a folder per task, as XTREME asks for; tasks and languages may be missing.
        data_root: The official test files with labels.

    Raises:
        DataError: a file that no task has, a prediction too many or too few, or no gold.
    """
    known = official()
    folders = sorted(path for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []
    if not folders:
        raise DataError(f"{directory}: no folder of a task in it; there are {', '.join(known)}")
    found: dict[str, dict[str, dict[str, float]]] = {}
    for folder in folders:
        if folder.name not in known:
            raise DataError(f"{folder}: no task of XTREME; {nearest(folder.name, known)}")
        task = known[folder.name]
        names = {file_name(task, language): language for language in task.languages_of("test")}
        for path in sorted(folder.iterdir()):
            if path.name not in names:
                raise DataError(f"{path}: {task.name} has no such file; {nearest(path.name, names)}")
            found.setdefault(task.name, {})[names[path.name]] = _score(task, names[path.name], path, data_root)
    return found


def _score(task: Task, language: str, path: Path, data_root: Path) -> dict[str, float]:
    location = task.locate("test", language, root=data_root)
    if location is None:
        looked = ", ".join(task.candidates("test", language))
        raise DataError(f"{task.name}: no test data for {language} below {data_root}; looked for {looked}")
    kind, examples = kinds.get(task.kind), task.read(location)
    golds = [kind.gold(example) for example in examples]
    if None in golds:
        raise DataError(f"{location.describe()}: has no gold, so nothing can be scored with it")
    form = _form(task)
    answers, names = form.read(path, examples, task.columns, task.labels), form.metrics(task.metrics, task.columns)
    return {name: metrics.get(name).for_task(task.rules())(answers, golds, language) for name in names}


def lacking(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the languages of XTREME, by task of the sweep, for which a submission has no file."""
    found = {}
    for cell in _cells(plan):
        scored, codes = spec_at(plan.nodes, cell.score, ScoreSpec), plan.recipe.tasks[cell.target].xtreme
        found[cell.target] = tuple(code for code in codes if code not in scored.predictions)
    return {task: codes for task, codes in found.items() if codes}
