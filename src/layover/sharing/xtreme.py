"""XTREME's submission: a folder of prediction files per task, written out of the store, and scored from any place."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from layover import kinds, metrics
from layover.data.formats import Layout, read
from layover.errors import DataError, LayoverError, nearest
from layover.kinds.retrieval import mined
from layover.metrics._retrieval import ENGLISH, LANGUAGE
from layover.plan import Cell, Plan, partial
from layover.plan.nodes import spec_at
from layover.plan.pending import UNCHOSEN
from layover.sharing.predicted import Predicted
from layover.specs.score import ScoreSpec
from layover.store import Store
from layover.tasks import Task, official

Answers = Sequence[Any]
"""One per example, as metrics take them."""


def file_name(task: Task, language: str) -> str:
    """Return what the official layout calls a file of predictions."""
    return f"test-{language}.{'json' if task.kind == 'span' else 'tsv'}"


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
            texts[Path(task.name) / file_name(task, language)] = WRITERS[task.kind](task, answers, examples)
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


def _labels(task: Task, answers: Answers, examples: Sequence[Any]) -> str:  # noqa: ARG001
    return "".join(f"{answer}\n" for answer in answers)


def _tags(task: Task, answers: Answers, examples: Sequence[Any]) -> str:  # noqa: ARG001
    return "\n".join("".join(f"{tag}\n" for tag in tags) for tags in answers)


def _texts(task: Task, answers: Answers, examples: Sequence[Any]) -> str:  # noqa: ARG001
    found = {example.id: answer for example, answer in zip(examples, answers, strict=True)}
    return json.dumps(found, ensure_ascii=False, indent=0) + "\n"


def _sentences(task: Task, answers: Answers, examples: Sequence[Any]) -> str:
    """Return the pairs that were found, or for every English sentence the line of its translation, from 0 on.

    XTREME gives away Tatoeba's English sentences in alphabetical order: the lines follow it.
    """
    if mined(task.columns):
        pairs = zip(examples, answers, strict=True)
        return "".join(f"{one.id}\t{other}\n" for one, other in pairs if one.side == LANGUAGE and other is not None)
    return "".join(f"{answers[row]}\n" for row in _alphabetical(examples))


def _alphabetical(examples: Sequence[Any]) -> list[int]:
    """Return the rows of the English sentences in XTREME's order."""
    english = [row for row, example in enumerate(examples) if example.side == ENGLISH]
    return sorted(english, key=lambda row: examples[row].text)


WRITERS: Mapping[str, Callable[[Task, Answers, Sequence[Any]], str]] = {
    "classification": _labels,
    "tagging": _tags,
    "span": _texts,
    "retrieval": _sentences,
}


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
    answers = READERS[task.kind](task, path, examples)
    # a submission answers Tatoeba's English sentences only
    aligned = task.kind == "retrieval" and not mined(task.columns)
    names = task.metrics[:1] if aligned else task.metrics
    return {name: metrics.get(name).for_task(task.rules())(answers, golds, language) for name in names}


def _read_labels(task: Task, path: Path, examples: Sequence[Any]) -> Answers:
    answers = [str(row.values["text"]).strip() for row in read(path, Layout(format="lines"))]
    wrong = sorted(set(answers) - set(task.labels))
    if wrong:
        raise DataError(f"{path}: {wrong[0]!r} is not a label; {nearest(wrong[0], task.labels)}")
    return _as_many(answers, path, len(examples))


def _read_tags(task: Task, path: Path, examples: Sequence[Any]) -> Answers:  # noqa: ARG001
    rows = list(read(path, Layout(format="conll", header=("tags",))))
    answers = _as_many([tuple(row.values["tags"]) for row in rows], path, len(examples))
    for row, tags, example in zip(rows, answers, examples, strict=True):
        if len(tags) != len(example.tokens):
            raise DataError(f"{row.where()}: {len(tags)} tags for a sentence of {len(example.tokens)} words")
    return answers


def _read_texts(task: Task, path: Path, examples: Sequence[Any]) -> Answers:  # noqa: ARG001
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    missing = [example.id for example in examples if example.id not in found]
    if missing or len(found) != len(examples):
        what = f"no answer to {missing[0]}" if missing else f"{len(found)} answers to {len(examples)} questions"
        raise DataError(f"{path}: {what}")
    return [str(found[example.id]) for example in examples]


def _read_sentences(task: Task, path: Path, examples: Sequence[Any]) -> Answers:
    answers: list[str | None] = [None] * len(examples)
    if mined(task.columns):
        rows = {(example.side, example.id): row for row, example in enumerate(examples)}
        for pair in read(path, Layout(format="tsv", header=(LANGUAGE, ENGLISH), quoting=False)):
            for side, other in ((LANGUAGE, ENGLISH), (ENGLISH, LANGUAGE)):
                place = rows.get((side, pair.values[side]))
                if place is None:
                    raise DataError(f"{pair.where()}: no {side} sentence has the id {pair.values[side]!r}")
                answers[place] = pair.values[other]
        return answers
    order = _alphabetical(examples)
    lines = [str(row.values["text"]).strip() for row in read(path, Layout(format="lines"))]
    for place, line in zip(order, _as_many(lines, path, len(order)), strict=True):
        answers[place] = line
    return answers


def _as_many(answers: list[Any], path: Path, count: int) -> list[Any]:
    if len(answers) != count:
        raise DataError(f"{path}: {len(answers)} predictions, but there are {count} examples")
    return answers


READERS: Mapping[str, Callable[[Task, Path, Sequence[Any]], Answers]] = {
    "classification": _read_labels,
    "tagging": _read_tags,
    "span": _read_texts,
    "retrieval": _read_sentences,
}


def lacking(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the languages of XTREME, by task of the sweep, for which a submission has no file."""
    found = {}
    for cell in _cells(plan):
        scored, codes = spec_at(plan.nodes, cell.score, ScoreSpec), plan.recipe.tasks[cell.target].xtreme
        found[cell.target] = tuple(code for code in codes if code not in scored.predictions)
    return {task: codes for task, codes in found.items() if codes}
