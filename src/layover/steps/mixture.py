"""train, for a mixture: one module and several heads, the tasks in turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from layover.encoder import DropoutClock, Encoder
from layover.errors import DataError
from layover.execution import Execution
from layover.heads import Head
from layover.plan import Node
from layover.plan.mixtures import MEAN, MixtureInputs
from layover.predict import predict
from layover.steps.context import Context
from layover.steps.files import MEASURED, TRAINING, head_of
from layover.steps.fitting import drop_layers, load_encoder, loop_settings, reporter, save_head, save_trained, scorer
from layover.steps.machine import execution_of
from layover.steps.states import Trunks, load_states
from layover.steps.tokenize import load_features
from layover.steps.trained import build_head, pieces_to_train, speak, spoken
from layover.store import Store, write_json
from layover.training import Branch, FitResult, fit

Evaluate = Callable[[], dict[str, float]]


def run(node: Node, inputs: MixtureInputs, folder: Path, context: Context) -> None:
    """Train, and write the trained weights, the heads and the history."""
    numbers, selection = inputs.optimisation, inputs.selection
    clock = DropoutClock(numbers.seed)
    encoder = load_encoder(inputs, node, context, clock)
    encoder.attach(pieces_to_train(context.store, node.identity, encoder.shape), seed=numbers.seed)
    drop_layers(encoder, inputs.adapterdrop, [inputs.module])
    speak(encoder, context.store, inputs.languages.train)
    heads = _heads(inputs, encoder, clock)
    starts = [head.start_from(inputs.encoder.source, inputs.encoder.revision) for head in heads]
    branches = branches_of(inputs, heads, context.store, node.trunks)
    execution = execution_of(context.execution)
    result = fit(
        encoder,
        branches,
        settings=loop_settings(numbers, selection),
        execution=execution,
        clock=clock,
        evaluate=_evaluation(inputs, encoder, heads, context, execution, node.trunks)
        if selection is not None
        else None,
        criterion=MEAN if selection is not None else None,
        checkpoint_dir=context.store.work(node.key),
        progress=reporter(context, numbers.batch),
        stop=context.stopping,
    )
    counts = save_trained(encoder, folder)
    for place, head in enumerate(heads):
        counts[f"head.{place}"] = save_head(head, folder / head_of(place))
    origins = {f"head.{place}": "pretrained" if found else "random" for place, found in enumerate(starts)}
    trained = {"parameters": counts, "head_start": origins, "tasks": _seen(inputs, branches, result)}
    write_json(folder / TRAINING, {**result.as_json(), **trained})
    write_json(folder / MEASURED, result.measured.as_json())


def _heads(inputs: MixtureInputs, encoder: Encoder, clock: DropoutClock) -> list[Head]:
    """Return the heads by their numbers, each built for the first of its tasks and equal for all of them."""
    numbers = inputs.optimisation
    first = {one.head: one.task for one in reversed(inputs.tasks)}
    return [
        build_head(task.kind, list(task.labels), encoder, clock, numbers.dropout, numbers.seed)
        for _, task in sorted(first.items())
    ]


def branches_of(inputs: MixtureInputs, heads: list[Head], store: Store, trunks: Trunks) -> list[Branch]:
    """Return the tasks with their heads and training sets, and how many steps of an epoch each has."""
    features = [load_features(store, key) for key in inputs.data_keys()]
    units, weights = [one.units for one in features], [one.weight for one in inputs.tasks]
    steps = inputs.sampling.steps(units, weights, batch=inputs.optimisation.batch)
    return [
        Branch(one.task.name, heads[one.head], data, count, load_states(store, trunks, one.data))
        for one, data, count in zip(inputs.tasks, features, steps, strict=True)
    ]


def _evaluation(
    inputs: MixtureInputs,
    encoder: Encoder,
    heads: list[Head],
    context: Context,
    execution: Execution,
    trunks: Trunks,
) -> Evaluate:
    """Return what scores the current weights on the development set of every task, and their mean."""
    judges, precision = [], inputs.optimisation.precision
    for one in inputs.tasks:
        if one.selection is not None:
            features = load_features(context.store, one.selection.data)
            score = scorer(one.task, one.selection, features, context)
            states = load_states(context.store, trunks, one.selection.data)
            judges.append((one, heads[one.head], features, states, score, one.selection.metric))

    def evaluate() -> dict[str, float]:
        found: dict[str, float] = {}
        main = []
        for one, head, features, states, score, metric in judges:
            name = one.task.name
            with spoken(encoder, context.store, one.languages):
                outputs = predict(
                    encoder,
                    head,
                    features,
                    execution=execution,
                    precision=precision,
                    progress=context.heed,
                    states=states,
                )
            try:
                scores = score(outputs)
            except DataError as error:
                raise DataError(f"{name}: {error}") from None
            found |= {f"{name}/{metric}": value for metric, value in scores.items()}
            main.append(scores[metric])
        return {**found, MEAN: fmean(main)}

    return evaluate


def _seen(inputs: MixtureInputs, branches: list[Branch], result: FitResult) -> list[dict[str, str | int]]:
    """Return, in the order of the node's identity, what each task contributed to the weights that were kept."""
    return [
        {
            "name": one.task.name,
            "head": f"head.{one.head}",
            "rows": branch.features.rows,
            "steps": seen.steps,
            "examples": seen.units,
        }
        for one, branch, seen in zip(inputs.tasks, branches, result.seen, strict=True)
    ]
