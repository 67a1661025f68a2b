"""What a card tells, read from the plan and the store."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from layover.data.task import HubSource, Joined, Location
from layover.errors import LayoverError
from layover.identity import file_sha256
from layover.packages.card import BaseModelFacts, Cost, DataFacts, Scores, TaskFacts
from layover.plan import Plan
from layover.plan.encoders import EncoderRef
from layover.plan.imports import ImportInputs
from layover.plan.inputs import ComposeInputs, TokenizeInputs
from layover.records import Record
from layover.report.rows import CellRow
from layover.sandbox import encoders
from layover.sharing.choose import Trained
from layover.steps.counts import counts_of
from layover.steps.tokenize import load_tokenizer
from layover.store import Store, read_json
from layover.tasks import Task

LIBRARIES = ("layover", "torch", "transformers", "peft", "adapters", "safetensors")


def base_of(plan: Plan, encoder: EncoderRef) -> BaseModelFacts:
    """Return what a card says of an encoder."""
    from layover.encoder.digest import of_encoder
    from layover.encoder.files import config_file

    name: str | None = plan.recipe.document.models[encoder.label].name
    if name is not None and encoders.folder_of(name) is None and Path(encoder.source).is_dir():
        name = None  # a path says where a person works, and leads nobody anywhere
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
        config_sha256=file_sha256(config),
        weights_sha256=of_encoder(encoder.source, encoder.revision),
        tokenizer_sha256=load_tokenizer(encoder.source, encoder.revision).sha256,
    )


def task_of(plan: Plan, store: Store, inputs: Trained) -> TaskFacts | None:
    """Return the task whose head a package has; None for a mixture, and for what was composed without a head."""
    task = getattr(inputs, "task", None)
    if not isinstance(task, Task):
        return None
    data = _tokenized_before(plan, inputs)[0] if isinstance(inputs, ComposeInputs) else _tokenized(inputs)[0]
    source, counts = plan.nodes[data].inputs, counts_of(store, data)
    return TaskFacts(
        name=task.name,
        kind=task.kind,
        labels=task.labels,
        columns=task.columns,
        metrics=task.metrics,
        language=source.location.language,
        max_length=source.max_length,
        stride=source.stride,
        # a row for each of them
        choices=counts["rows"] // counts["examples"] if task.kind == "choice" else None,
    )


def trained_on(plan: Plan, key: str) -> tuple[str, ...]:
    """Return the tasks that a training was on; of an imported module as far as they are known."""
    inputs = plan.nodes[key].inputs
    if isinstance(inputs, ImportInputs):
        return inputs.tasks
    return tuple(dict.fromkeys(plan.nodes[data].inputs.task.name for data in _tokenized(inputs)))


def data_of(plan: Plan, store: Store, keys: Iterable[str]) -> tuple[DataFacts, ...]:
    """Return the data that trainings were on, each once."""
    found: dict[str, DataFacts] = {}
    for key in keys:
        for data in _tokenized(plan.nodes[key].inputs):
            inputs: TokenizeInputs = plan.nodes[data].inputs
            parts = inputs.location.parts if isinstance(inputs.location, Joined) else (inputs.location,)
            for number, part in enumerate(parts):
                found[f"{data} {number}"] = _data(inputs, part, data, counts_of(store, data)["examples"])
    return tuple(found.values())


def _data(inputs: TokenizeInputs, part: Location, key: str, examples: int) -> DataFacts:
    source = part.source
    hub = source if isinstance(source, HubSource) else None
    files = () if hub is not None else tuple(file_sha256(path) for path in part.files())
    return DataFacts(
        task=inputs.task.name,
        split=part.split,
        language=part.language,
        hub=None if hub is None else f"{hub.path}:{hub.config}" if hub.config else hub.path,
        revision=None if hub is None else hub.revision,
        files_sha256=files,
        licence=inputs.task.licence or None,
        examples=examples,
        key=key,
    )


def _tokenized(inputs: Any) -> Sequence[str]:
    """Return the keys of the training sets of a training; none of what was composed."""
    return () if isinstance(inputs, ComposeInputs) else inputs.data_keys()


def _tokenized_before(plan: Plan, inputs: ComposeInputs) -> Sequence[str]:
    """Return the training set of the head of what was composed, or of a mixture's task with the same head."""
    key = inputs.head_from
    if key is None or inputs.task is None:
        raise LayoverError("nothing is trained in this cell, and it has no head: there is nothing to export")
    kind, labels = inputs.task.kind, inputs.task.labels
    found = _tokenized(plan.nodes[key].inputs)
    tasks = {data: plan.nodes[data].inputs.task for data in found}
    return [data for data, task in tasks.items() if (task.kind, task.labels) == (kind, labels)] or list(found)


def scores_of(row: CellRow, rows: Sequence[CellRow], full_methods: frozenset[str]) -> Scores | None:
    """Return the scores of a cell beside those of the same without an intermediate, and of full fine-tuning."""
    if row.record is None:
        return None
    cell, metric = row.cell, row.metric
    full = next(
        (
            other.record
            for other in rows
            if other.cell.method in full_methods
            and (other.cell.model, other.cell.intermediate, other.cell.target, other.cell.seed)
            == (cell.model, cell.intermediate, cell.target, cell.seed)
        ),
        None,
    )
    return Scores(
        split=row.split,
        metric=metric,
        languages=_values(row.record, metric),
        examples=dict(row.record.examples),
        every={name: scores for name, scores in row.record.languages.items() if scores is not None},
        partial=dict(row.partial),
        without_intermediate=None if row.baseline is None else _values(row.baseline, metric),
        full=None if full is None else _values(full, metric),
    )


def _values(record: Record, metric: str) -> dict[str, float | None]:
    return {language: record.value(language, metric) for language in record.languages}


def cost_of(row: CellRow) -> Cost | None:
    """Return what a cell's training took."""
    if row.cost is None:
        return None
    return Cost(trained_weights=row.cost.weights, seconds=row.cost.seconds, seconds_before=row.cost.seconds_before)


def versions() -> dict[str, str]:
    """Return the versions of the libraries that have a hand in an export."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
