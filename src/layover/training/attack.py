"""Predictions of inputs whose embeddings are perturbed along the gradient of their gold loss."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from layover.data.features import Features
from layover.data.masking import Moment
from layover.encoder import Encoder, computing, is_mixed
from layover.errors import DataError, NodeError
from layover.execution import Execution
from layover.heads import Head
from layover.inference.collate import Batch, collate
from layover.inference.machine import here, is_out_of_memory, on_machine
from layover.inference.order import Index, micro_batches, unit_rows
from layover.inference.outputs import OrderedOutputs, Outputs
from layover.inference.passes import evaluating, padding_id
from layover.memory import most_tokens
from layover.numerics import Precision
from layover.objectives import Attack, Passed, Place
from layover.training.forward import TrainingForward


@dataclass(frozen=True, eq=False)
class AttackForward(TrainingForward):
    """Keeps the logits of its last pass."""

    passed: list[Passed] = field(default_factory=list)

    def __call__(
        self, batch: Batch, perturbation: Tensor | None = None, draw: int = 0, at: Place = "embeddings"
    ) -> Passed:
        self.passed[:] = [super().__call__(batch, perturbation, draw, at)]
        return self.passed[0]


def attacked(
    encoder: Encoder, head: Head, features: Features, attack: Attack, *, execution: Execution, precision: Precision
) -> Outputs:
    """Return the outputs of the head for every row under an attack; see `predict`.

    A row without gold has no gradient, and is predicted as it is, except for the random start of `pgd`.

    Raises:
        DataError: there are no rows.
        NodeError: a single unit does not fit into memory.
    """
    if not features.rows:
        raise DataError("there is nothing to predict: the features have no rows")
    execution = here(execution)
    device = torch.device(execution.device)
    outputs = OrderedOutputs(features, np.arange(features.rows))
    encoder.need(features.arrays["ids"])
    encoder.to(device)
    head.to(device)
    limit = execution.micro_batch_tokens or most_tokens(device.type, trains=True)
    waiting = deque(micro_batches(features, np.arange(features.units), max_tokens=limit))
    mixed = is_mixed(precision, encoder.dtype, encoder.quantisation)
    with on_machine(execution), computing(precision, device), evaluating(encoder), evaluating(head):
        while waiting:
            units = waiting.popleft()
            try:
                answers = _answers(encoder, head, features, units, attack, mixed=mixed, device=device)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(units) == 1:
                    raise NodeError(
                        f"attack: unit {units[0]} alone does not fit into the memory of {device}; lower max_length or "
                        "use another device"
                    ) from error
                waiting.extendleft([units[len(units) // 2 :], units[: len(units) // 2]])
                continue
            outputs.add(unit_rows(units, features.group).ravel(), answers)
    return outputs.finished()


def _answers(
    encoder: Encoder,
    head: Head,
    features: Features,
    units: Index,
    attack: Attack,
    *,
    mixed: bool,
    device: torch.device,
) -> dict[str, Tensor]:
    """Return the outputs of some units on the CPU."""
    host = collate(features, units, pad=padding_id(encoder), moment=Moment(0, 0))
    batch = host.to(device)
    weight = float(max(1, head.weight(features, units)))
    forward = AttackForward(encoder, head, encoder.clock, 0, weight, mixed, batch, host=host)
    for _ in attack.objective().losses(forward, batch):
        pass  # the weights get no gradient
    (passed,) = forward.passed
    answers = head.outputs(passed.logits.detach(), batch.lengths, batch.targets)
    return {name: value.detach().cpu() for name, value in answers.items()}
