"""The evaluations of a training: the current weights on the development data of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from layover import kinds
from layover.data.features import Features
from layover.encoder import Encoder
from layover.errors import DataError, UndefinedError
from layover.execution import Execution
from layover.heads import Head
from layover.identity import Json
from layover.inference.hidden_states import HiddenStates
from layover.inference.outputs import Outputs
from layover.inference.predict import predict
from layover.plan import Node
from layover.specs.train import MEAN, Selection, TaskSpec, TrainSpec
from layover.steps.accounting import first_without_gold
from layover.steps.artifacts import load_examples, load_features
from layover.steps.context import Context
from layover.steps.hidden_states import load_states
from layover.steps.trained import adapter_of_selection
from layover.training import Judge

Scores = dict[str, float | None]
"""Metric -> value; None if undefined for the current weights, as when all predictions of a regression are equal."""


@dataclass(frozen=True, eq=False)
class _Development:
    """The development data of one task."""

    task: TaskSpec
    selection: Selection
    head: Head
    features: Features
    states: HiddenStates | None
    score: Callable[[Outputs], Scores]


def evaluation(
    node: Node[TrainSpec], encoder: Encoder, heads: Sequence[Head], context: Context, execution: Execution
) -> Judge | None:
    """Return the judge that scores the current weights on the development sets; None without selection."""
    spec, store = node.spec, context.store
    if spec.selection is None:
        return None
    sets = []
    for task in spec.tasks:
        if task.selection is not None:
            features, states = (
                load_features(store, task.selection.data, task.kind),
                load_states(store, node.hidden_states, task.selection.data),
            )
            score = _scorer(task, task.selection, features, context)
            sets.append(_Development(task, task.selection, heads[task.place], features, states, score))

    def scores_of(development: _Development) -> Scores:
        with adapter_of_selection(encoder, store, development.task.languages):
            outputs = predict(
                encoder,
                development.head,
                development.features,
                execution=execution,
                precision=spec.hyperparameters.precision,
                progress=context.check_stopping,
                states=development.states,
            )
        return development.score(outputs)

    def evaluate() -> Scores:
        """Return the scores of the only task; for several tasks, `task/metric` and the mean of their main metrics."""
        if not spec.numbered:
            return scores_of(sets[0])
        scores, main = Scores(), list[float | None]()
        for development in sets:
            try:
                own = scores_of(development)
            except DataError as error:
                raise DataError(f"{development.task.name}: {error}") from None
            scores |= {f"{development.task.name}/{metric}": value for metric, value in own.items()}
            main.append(own[development.selection.metric])
        known = [value for value in main if value is not None]
        return {**scores, MEAN: fmean(known) if len(known) == len(main) else None}

    metric = MEAN if spec.numbered else spec.selection.metric
    return Judge(evaluate, metric, spec.selection.every, spec.selection.patience, spec.selection.average)


def _scorer(task: TaskSpec, selection: Selection, features: Features, context: Context) -> Callable[[Outputs], Scores]:
    """Return the function that scores the head's outputs on a development set by every metric of the task.

    Raises:
        DataError: an example has no gold; the message has its file and line.
    """
    kind = kinds.get(task.kind)
    examples = load_examples(context.store, selection.data, task.kind)
    gold = sum(kind.has_gold(example) for example in examples)
    if gold < len(examples):
        where = first_without_gold(context.store, selection.data)
        raise DataError(
            f"{task.name}: {gold} of {len(examples)} examples of the development data ({selection.language}) have "
            f"gold, so {selection.metric} cannot select the weights; the first example without gold is {where}. Add "
            f"its label, remove it, or keep the last weights with tasks.{task.name}.select: null"
        )

    def score(outputs: Outputs) -> Scores:
        predictions = kind.decode(outputs, features, examples, labels=task.labels)
        return {metric: value(predictions, metric) for metric in task.metrics}

    def value(predictions: list[Json], metric: str) -> float | None:
        try:
            return kind.score(predictions, examples, metrics=(metric,), language=selection.language, rules=task.rules)[
                metric
            ]
        except UndefinedError:
            return None

    return score
