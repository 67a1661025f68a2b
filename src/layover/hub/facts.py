"""The facts on a card, read from the plan and the store."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from layover import __version__, kinds
from layover.data.languages import UNKNOWN
from layover.data.task import HubSource, Joined, Location
from layover.errors import LayoverError, printable
from layover.hub.choose import Wanted
from layover.identity import file_sha256
from layover.objectives import PLAIN
from layover.packages.sections import (
    BaseModelFacts,
    CheckpointFacts,
    CostFacts,
    DataFacts,
    Scores,
    TaskFacts,
    TrainingFacts,
)
from layover.plan import Plan, tokenizers
from layover.plan.nodes import spec_at
from layover.records import Record
from layover.report.costs import cost_of as training_cost
from layover.report.costs import seconds_of
from layover.report.rows import CellRow
from layover.specs import EncoderSpec, ModuleStep
from layover.specs.predict import PredictSpec
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec
from layover.steps.artifacts import TRAINING, load_meta
from layover.store import Store, read_json
from layover.tasks import Task
from layover_sandbox import encoders
from layover_sandbox import files as files_of_sandbox

USUAL_NO_ANSWER = 0.0
"""In logits: a package predicts "no answer" if the null score is above the answer's score."""

OPTIMISATION = ("epochs", "batch", "lr", "warmup", "weight_decay", "clip", "dropout", "precision", "seed")
"""The hyperparameters of a training that a card repeats."""
LIBRARIES = ("torch", "transformers", "peft", "adapters", "safetensors")


def base_of(plan: Plan, encoder: EncoderSpec) -> BaseModelFacts:
    """Return the facts on an encoder."""
    from layover.encoder.digest import count_of, of_encoder
    from layover.encoder.files import config_file, is_random

    name: str | None = plan.recipe.document.models[encoder.label].name
    if name is not None and encoders.folder_of(name) is None and Path(encoder.source).is_dir():
        name = None  # a local path is private, and useless on another machine
    config = config_file(encoder.source, encoder.revision)
    values = read_json(config)
    return BaseModelFacts(
        name=name,
        revision=encoder.revision,
        model_type=values["model_type"],
        num_layers=values["num_hidden_layers"],
        hidden_size=values["hidden_size"],
        intermediate_size=values["intermediate_size"],
        vocabulary=values["vocab_size"],
        parameters=count_of(encoder.source, encoder.revision),
        random=is_random(encoder.source),
        config_sha256=file_sha256(config),
        weights_sha256=of_encoder(encoder.source, encoder.revision),
        tokenizer_sha256=tokenizers.load(encoder.source, encoder.revision).sha256,
    )


def task_of(plan: Plan, store: Store, spec: ModuleStep) -> TaskFacts | None:
    """Return the task of a package's head, or None for a mixture and for a composition without a head."""
    if not spec.of_task:
        return None
    task = plan.recipe.tasks[spec.of_task]
    data = _head_data(plan, spec)
    source, counts, form = spec_at(plan.nodes, data, TokenizeSpec), load_meta(store, data), task.of_kind.head
    try:
        return TaskFacts(
            name=task.name,
            kind=task.kind,
            labels=task.labels,
            columns=task.columns,
            metrics=task.metrics,
            language=source.location.language,
            max_length=source.max_length,
            stride=source.stride if source.stride is not None else plan.recipe.document.train.stride,
            meanings=task.meanings,
            # each choice is a row
            choices=counts["rows"] // counts["examples"] if form is not None and form.competes else None,
        )
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise LayoverError(
            f"{printable(task.name)}: a card cannot contain the task: {reason}; change it in the recipe"
        ) from None


def trained_on(plan: Plan, key: str) -> tuple[str, ...]:
    """Return the tasks of a training; for an imported module the known tasks."""
    spec = spec_at(plan.nodes, key, ModuleStep)
    sets = [spec_at(plan.nodes, data, TokenizeSpec) for data in spec.learns_from()]
    return tuple(dict.fromkeys((*spec.claimed_tasks(), *(data.task.name for data in sets))))


def data_of(plan: Plan, store: Store, keys: Iterable[str]) -> tuple[DataFacts, ...]:
    """Return the training data of trainings, each data set once."""
    sets = dict.fromkeys(data for key in keys for data in plan.nodes[key].spec.learns_from())
    return tuple(fact for data in sets for fact in _set(plan, store, data))


def _set(plan: Plan, store: Store, key: str) -> list[DataFacts]:
    """Return the sources of a tokenized set: a single place, or the places of the tasks that it joins.

    For joined tasks only the sum of their examples is known.
    """
    data = spec_at(plan.nodes, key, TokenizeSpec)
    copies = None if data.augment is None else data.augment.copies
    if isinstance(data.location, Joined):
        tasks = plan.recipe.tasks
        parts = [_data(part, tasks[part.task], key, joined=data.task.name) for part in data.location.parts]
        return [fact.model_copy(update={"copies": copies}) for fact in parts]
    fact = _data(data.location, data.task, key, examples=load_meta(store, key)["examples"] // (copies or 1))
    return [fact.model_copy(update={"copies": copies})]


def _data(part: Location, task: Task, key: str, *, examples: int | None = None, joined: str | None = None) -> DataFacts:
    source = part.source
    hub = source if isinstance(source, HubSource) else None
    paths = () if hub is not None else part.files()
    return DataFacts(
        task=task.name,
        joined=joined,
        split=part.split,
        language=part.language,
        hub=None if hub is None else f"{hub.path}:{hub.config}" if hub.config else hub.path,
        revision=None if hub is None else hub.revision,
        files_sha256=tuple(file_sha256(path) for path in paths),
        licence=task.licence or None,
        citation=task.citation or None,
        examples=examples,
        key=key,
        sandbox=bool(paths) and all(path.is_relative_to(files_of_sandbox.kept_in()) for path in paths),
    )


def _head_data(plan: Plan, spec: ModuleStep) -> str:
    """Return the key of the head's training set; for a mixture's head the set of a task with the same outputs."""
    head = spec.takes_head()
    trained = spec if head is None else spec_at(plan.nodes, head, ModuleStep)
    if not trained.learns_from():
        raise LayoverError("this cell trains nothing and has no head, so there is nothing to export")
    sets = {data: spec_at(plan.nodes, data, TokenizeSpec) for data in trained.learns_from()}
    same = [data for data, tokens in sets.items() if (tokens.kind, tokens.labels) in spec.outputs()]
    return next(iter([*same, *sets]))


def training_of(plan: Plan, store: Store, key: str, stage: Literal["intermediate", "target"]) -> TrainingFacts:
    """Return the facts on a finished training."""
    spec = spec_at(plan.nodes, key, TrainSpec)
    numbers, record = spec.hyperparameters.canonical(), store.read(key, TRAINING)
    return TrainingFacts(
        stage=stage,
        tasks=trained_on(plan, key),
        key=key,
        module=spec.module.canonical(),
        selection=_selection(spec),
        seconds=seconds_of(store, key),
        class_weights=_class_weights(spec, record),
        curve=tuple(
            CheckpointFacts(step=at["step"], epoch=at["epoch"], loss=at["loss"], scores=at["metrics"])
            for at in record["history"]
        ),
        kept_step=record["best_step"],
        averaged_steps=tuple(record["average"]["steps"]) if "average" in record else None,
        objective=None if spec.objective == PLAIN else spec.objective.canonical(),
        **{name: numbers[name] for name in OPTIMISATION},
    )


def _class_weights(spec: TrainSpec, record: Mapping[str, Any]) -> dict[str, dict[str, float]] | None:
    """Return the weight of each label by task, for the tasks with class weights."""
    if all(task.class_weights is None for task in spec.tasks):
        return None
    each = [record] if not spec.numbered else record["tasks"]
    pairs = zip(spec.tasks, each, strict=True)
    return {task.name: entry["class_weights"] for task, entry in pairs if task.class_weights is not None}


def _selection(spec: TrainSpec) -> str | None:
    """Return the score by which the kept weights were chosen; for a mixture the mean over its tasks."""
    chosen = [task.selection for task in spec.tasks if task.selection is not None]
    if not chosen:
        return None
    by = "; ".join(dict.fromkeys(f"{choice.metric} in {_language(choice.language)}" for choice in chosen))
    return by if len(chosen) == 1 else f"mean of {by}"


def _language(name: str) -> str:
    return "an unknown language" if name == UNKNOWN else name


def scores_of(
    plan: Plan, store: Store, row: CellRow, rows: Sequence[CellRow], best_of: int | None = None
) -> Scores | None:
    """Return the scores of a cell, of the same cell without an intermediate, and of full fine-tuning.

    Args:
        plan: The plan of the recipe.
        store: The store with its results.
        row: The row of the cell.
        rows: The rows of all cells.
        best_of: See `Scores.best_of`.
    """
    if row.record is None:
        return None
    cell, metric, baseline = row.cell, row.metric, plan.recipe.baseline()
    full = next(
        (
            other.record
            for other in rows
            if other.cell.method == baseline
            and (other.cell.model, other.cell.intermediate, other.cell.target, other.cell.seed)
            == (cell.model, cell.intermediate, cell.target, cell.seed)
        ),
        None,
    )
    group = (cell.model, cell.method, cell.intermediate, cell.target)
    same = [
        other
        for other in rows
        if (other.cell.model, other.cell.method, other.cell.intermediate, other.cell.target) == group
    ]
    scored = spec_at(plan.nodes, cell.score, ScoreSpec)
    return Scores(
        split=row.split,
        metric=metric,
        languages=_values(row.record, metric),
        examples=dict(row.record.examples),
        every={name: scores for name, scores in row.record.languages.items() if scores is not None},
        missing=dict(row.record.missing),
        partial=dict(row.partial),
        data=tuple(
            fact.model_copy(update={"language": language})  # sets of equal bytes are read once, for the first language
            for language, (_, data) in scored.predictions.items()
            for fact in _set(plan, store, data)
        ),
        without_intermediate=None if row.baseline is None else _values(row.baseline, metric),
        full=None if full is None else _values(full, metric),
        by_seed={
            str(other.cell.seed): other.value if {*other.record.scored()} == {*row.record.scored()} else None
            for other in same
            if other.record is not None and other.value is not None
        },
        best_of=best_of,
        task=cell.target,
        thresholds=other_thresholds(row.record, scored.kind),
    )


def other_thresholds(record: Record, kind: str) -> dict[str, float]:
    """Return the thresholds of the scored answers by language, if they differ from a package's usual threshold."""
    chosen, of_labels = record.threshold or record.no_answer, kinds.get(kind).label_threshold
    usual = USUAL_NO_ANSWER if of_labels is None else of_labels
    return {} if chosen is None else {name: at for name, at in sorted(chosen.thresholds.items()) if at != usual}


def skipped_of(plan: Plan, wanted: Wanted) -> int:
    """Return the number of lowest layers without modules in the predictions of a cell; 0 for an intermediate.

    Cells with different numbers may share a training.
    """
    if wanted.cell is None:
        return 0
    scored = spec_at(plan.nodes, wanted.cell.score, ScoreSpec)
    (skipped,) = {spec_at(plan.nodes, key, PredictSpec).skipped for key, _ in scored.predictions.values()} or {0}
    return skipped


def _values(record: Record, metric: str) -> dict[str, float | None]:
    return {language: record.value(language, metric) for language in record.languages}


def cost_of(plan: Plan, store: Store, key: str) -> CostFacts | None:
    """Return the cost of a training, or None without a training."""
    cost = training_cost(plan, store, key)
    if cost is None:
        return None
    return CostFacts(trained_weights=cost.weights, seconds=cost.seconds, seconds_before=cost.seconds_before)


def versions() -> dict[str, str]:
    """Return the versions of the libraries that an export uses."""
    by_library = {"layover": __version__}  # of this code; an installed older version has other metadata
    for name in LIBRARIES:
        try:
            by_library[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return by_library
