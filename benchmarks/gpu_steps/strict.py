"""Operations without a deterministic kernel: trainings and predictions under `torch.use_deterministic_algorithms`.

That is how `layover run` works by default, so each of these would end a node. What torch refuses is found by a second
training that only warns.
"""

from __future__ import annotations

import warnings
from functools import partial

import torch

from gpu_steps._models import Case, composed, crossed, each_once, every_objective, few, train
from gpu_steps._record import Record, Settings
from layover.execution import Execution
from layover.inference.predict import predict
from layover.numerics import Precision
from layover.objectives import Objective

BUDGET = 45.0
REFUSED = "deterministic"
"""In what torch says of such an operation, and of cuBLAS without its workspace."""


def run(record: Record, settings: Settings) -> None:
    """Train and predict with everything."""
    record.values["refused"] = {}
    plain, *others = every_objective()
    everything = few() if settings.quick else [*crossed(), *composed(variants=True)]
    for case in everything:
        record.case(f"{case.name}, plain", partial(refused, record, settings, case, plain, "fp32"))
    for objective in others:
        for case in few() if settings.quick else crossed():
            record.case(f"{case.name}, {objective.name}", partial(refused, record, settings, case, objective, "fp32"))
    for case in few()[:1] if settings.quick else each_once():
        record.case(f"{case.name}, bf16", partial(refused, record, settings, case, plain, "bf16"))


def refused(record: Record, settings: Settings, case: Case, objective: Objective, precision: Precision) -> None:
    """Check that one training step and one prediction run; list what torch refuses if they do not."""
    name = f"{case.name}, {objective.name}, {precision}"
    problem = ""
    try:
        step_and_prediction(settings, case, objective, precision, deterministic=True)
    except RuntimeError as error:
        if REFUSED not in str(error):
            raise
        problem = str(error).partition("\n")[0]
        record.values["refused"][name] = warned_of(settings, case, objective, precision)
    record.check(name, not problem, problem=problem)


def step_and_prediction(
    settings: Settings, case: Case, objective: Objective, precision: Precision, *, deterministic: bool
) -> None:
    """Train for a step, and predict."""
    model = case.model(precision)
    train(model, settings.device, steps=1, objective=objective, deterministic=deterministic)
    execution = Execution(device=settings.device, deterministic=deterministic)
    predict(model.encoder, model.head, model.features, execution=execution, precision=precision)


def warned_of(settings: Settings, case: Case, objective: Objective, precision: Precision) -> list[str]:
    """Return what torch says of every operation that it would refuse."""
    before, only_warned = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            step_and_prediction(settings, case, objective, precision, deterministic=False)
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warned)
    return sorted({str(warning.message).partition("\n")[0] for warning in seen if REFUSED in str(warning.message)})
