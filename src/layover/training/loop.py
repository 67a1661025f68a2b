"""The training loop: loss, backward, optimizer step, evaluation, checkpoint, stop.

The result of a run depends on `Hyperparameters`, the objective, the data and the initial weights. `Execution` affects
only rounding. With equal micro-batches on the same device the results are bit-identical, also after stop and resume:
the order of the data, the learning rate and the dropout masks are functions of the step number, so that there is no
random state to save.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from layover.data.views import Rewriter
from layover.encoder import DropoutClock, Encoder, computing, is_mixed
from layover.errors import DataError, Stopped
from layover.execution import Execution
from layover.inference.machine import is_out_of_memory, on_machine
from layover.inference.order import Index, micro_batches, padded_tokens, real_tokens
from layover.objectives import PLAIN, Objective
from layover.specs import Hyperparameters
from layover.training import checkpoint
from layover.training.branches import Branch, DataOrder
from layover.training.checkpoint import identity_of
from layover.training.forward import TrainingForward, batch_of
from layover.training.machine import automatic_tokens, fewer_tokens, refuse_several_processes
from layover.training.optimizer import Optimizer, head_parts
from layover.training.progress import (
    Averaged,
    Evaluation,
    FitResult,
    Judge,
    Measured,
    Position,
    Progress,
    check_criterion,
    check_numbers,
)
from layover.training.schedule import Schedule

logger = logging.getLogger(__name__)

ACCELERATOR_LAG = 16
"""Steps whose losses stay on an accelerator before the loop waits for them."""


def fit(
    encoder: Encoder,
    branches: Sequence[Branch],
    *,
    hyperparameters: Hyperparameters,
    execution: Execution,
    clock: DropoutClock,
    judge: Judge | None,
    checkpoint_dir: Path | None,
    progress: Callable[[Progress], None],
    stop: Callable[[], bool] | None = None,
    objective: Objective = PLAIN,
    train_head: bool = True,
    until: float | None = None,
    name: str | None = None,
    evaluated: Callable[[Evaluation], None] | None = None,
    rewriter: Rewriter | None = None,
) -> FitResult:
    """Train the trainable weights of the encoder and the heads; afterwards they hold the selected weights.

    Args:
        encoder: Encoder with its attachments.
        branches: A training set and its head; several branches, whose order matters, take turns in a mixture.
        hyperparameters: Settings that decide the result.
        execution: Settings that do not: device, micro-batch, checkpoints.
        clock: The clock with which encoder and heads were created.
        judge: Selects the best weights; None keeps the last weights.
        checkpoint_dir: A folder for this training alone. Resumes from a checkpoint found here; None disables them.
        progress: Called after each step and its evaluation and checkpoint.
        stop: Called after each step; if it returns True, a checkpoint is written and `Stopped` raised.
        objective: The losses that a step minimises.
        train_head: False keeps the heads as they are.
        until: The share of the steps after which the training ends with a checkpoint, at the next evaluation; then the
            weights are those of the last step. A later call without it resumes the checkpoint. None: to the end.
        name: Name of the training in its checkpoints; default: the name of their folder.
        evaluated: Called after each evaluation, before its checkpoint.
        rewriter: Makes the views of rows that the objective reads; None if it reads none.

    Raises:
        DataError: a training set has no gold.
        NodeError: the loss or a gradient is not finite; a single unit does not fit into memory; the evaluation lacks
            the judge's metric; the training runs in several processes.
        ModelError: the device is not available.
        Stopped: see `stop`.
    """
    for branch in branches:
        if not branch.weight(np.arange(branch.features.units)):
            raise DataError(f"{branch.name}: there is nothing to train on: no row of the training set has gold")
    with on_machine(execution) as device, computing(hyperparameters.precision, device):
        refuse_several_processes()
        for branch in branches:
            branch.head.requires_grad_(train_head)
        training = _Training(
            encoder,
            branches,
            objective,
            hyperparameters,
            execution,
            clock,
            judge,
            checkpoint_dir,
            device,
            until,
            name,
            rewriter,
        )
        training.resume()
        try:
            training.run(progress, stop, evaluated)
        finally:
            training.optimizer.drop_gradients()
        return training.result()


@dataclass(eq=False)
class _Training:
    """The state of one training: its inputs and its position."""

    encoder: Encoder
    branches: Sequence[Branch]
    objective: Objective
    hyperparameters: Hyperparameters
    execution: Execution
    clock: DropoutClock
    judge: Judge | None
    checkpoint_dir: Path | None
    device: torch.device
    until: float | None = None
    name: str | None = None
    rewriter: Rewriter | None = None

    def __post_init__(self) -> None:
        encoder, branches, numbers, execution = self.encoder, self.branches, self.hyperparameters, self.execution
        self.heads = list(dict.fromkeys(branch.head for branch in branches))
        self.mixed = is_mixed(numbers.precision, encoder.dtype, encoder.quantisation)
        for branch in branches:
            if branch.states is None:
                encoder.need(branch.features.arrays["ids"])
        for part in (encoder, *self.heads):
            part.to(self.device)
        encoder.gradient_checkpointing(execution.gradient_checkpointing)
        self.order = DataOrder(branches, numbers)
        every = None if self.judge is None else self.judge.every
        self.schedule = Schedule(numbers, self.order.steps_per_epoch, every)
        self.end = self.schedule.total if self.until is None else self.schedule.evaluation_from(self.until)
        average = None if self.judge is None else self.judge.average
        self.summed = frozenset(self.schedule.evaluations()[-average:] if average else ())
        """Steps of the evaluations whose weights are averaged; `best` holds their sum so far."""
        self.averaged: Averaged | None = None
        parts = {**encoder.trained(), **head_parts(self.heads)}
        self.optimizer = Optimizer(parts, numbers, layers_rest=encoder.drops_at_random)
        tokens = execution.micro_batch_tokens or automatic_tokens(
            encoder, self.optimizer, numbers.precision, execution, self.device, branches
        )
        self.position = Position(tokens)
        self.best: dict[str, Tensor] = {}
        self.measured = Measured()
        self.identity = ""
        self.unread: list[tuple[int, Tensor]] = []
        """Steps whose losses and gradient norms are still on the device."""
        self.last_read: tuple[int, float, float] | None = None
        """The newest step whose loss has arrived, counted from 1, its loss, and the norm of its gradients."""
        self.saved: tuple[int, int] | None = None
        """Steps and evaluations of the newest checkpoint."""

    def run(
        self,
        progress: Callable[[Progress], None],
        stop: Callable[[], bool] | None,
        evaluated: Callable[[Evaluation], None] | None = None,
    ) -> None:
        """Do the remaining steps, and load the selected weights."""
        saved_at = time.monotonic()
        while not self.is_finished():
            stopping = False
            # a training that was stopped in an evaluation resumes with this evaluation
            if not self.evaluation_is_due():
                with self.measured.timed("training"):
                    self.step()
            if self.evaluation_is_due():
                with self.measured.timed("evaluation"):
                    stopping = not self.evaluate()
                if evaluated is not None and not stopping:
                    evaluated(self.position.history[-1])
            stopping = stopping or (stop is not None and stop())
            if stopping or time.monotonic() - saved_at >= self.execution.checkpoint_seconds:
                with self.measured.timed("checkpoints"):
                    self.save(needed=stopping)
                saved_at = time.monotonic()
            if stopping:
                raise Stopped(f"stopped after step {self.position.step} of {self.schedule.total}")
            progress(self.progress())
        self.read_losses()
        if self.until is not None:
            self.save(needed=True)
        elif self.summed:
            self.average()
        elif self.best:
            self.optimizer.set_weights(self.best)
        elif self.judge is not None:
            self.note(f"{self.judge.metric} was undefined in every evaluation, so the last weights are kept")
        for part in (self.encoder, *self.heads):
            part.eval()

    @property
    def epoch(self) -> float:
        """The number of finished epochs."""
        return self.position.step / self.schedule.steps_per_epoch

    def is_finished(self) -> bool:
        patience = None if self.judge is None else self.judge.patience
        done = self.position.step >= self.end or self.position.gave_up(patience)
        return done and not self.evaluation_is_due()

    def step(self) -> None:
        """Do one optimizer step on the units of the current step."""
        step = self.position.step
        branch, units = self.branches[self.order.turn(step)], self.order.units(step)
        weight = branch.weight(units)
        if weight:  # a step without gold has no gradient, and changes nothing
            loss = self.backward(branch, units, weight)
            norms = self.optimizer.step(self.schedule.lr(step))
            self.unread.append((step, torch.stack([loss, *norms])))
        self.position.step += 1
        self.measured.tokens += real_tokens(branch.features, units)
        if self.device.type == "cpu" or len(self.unread) >= ACCELERATOR_LAG:
            self.read_losses()

    def backward(self, branch: Branch, units: Index, weight: float) -> Tensor:
        """Return the loss of a step and accumulate its gradients; use smaller micro-batches if memory runs out."""
        step = self.position.step
        while True:
            pieces = micro_batches(branch.features, units, max_tokens=self.position.micro_tokens)
            try:
                loss = self.backward_over(pieces, branch, weight)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            else:
                self.measured.padded_tokens += sum(padded_tokens(branch.features, piece) for piece in pieces)
                return loss
            # the error has been released here, and with it the frames that held tensors of the failed forward pass
            self.optimizer.drop_gradients()
            allowed = self.position.micro_tokens
            fewer = fewer_tokens(branch.features, pieces, step=step, allowed=allowed, device=self.device)
            self.position.micro_tokens = fewer
            self.note(f"step {step}: out of memory; micro-batches now have {fewer} tokens")

    def backward_over(self, pieces: Sequence[Index], branch: Branch, weight: float) -> Tensor:
        """Accumulate the gradients of micro-batches; return the sum of their losses, () on the device."""
        for part in (self.encoder, branch.head):
            if not part.training:  # to set the mode of hundreds of modules takes as long as a small step
                part.train()
        step, total = self.position.step, torch.zeros((), device=self.device)
        for piece in pieces:
            host = batch_of(branch, piece, self.encoder, seed=self.clock.seed, step=step, device=self.device)
            batch = host.to(self.device)
            forward = TrainingForward(
                self.encoder,
                branch.head,
                self.clock,
                step,
                weight,
                self.mixed,
                batch,
                self.epoch,
                host,
                self.rewriter,
            )
            for loss in self.objective.losses(forward, batch):
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
        return total

    def read_losses(self) -> None:
        """Copy losses and gradient norms to the CPU, and refuse values that are not finite."""
        if not self.unread:
            return
        rows = torch.stack([values for _, values in self.unread]).tolist()
        for (step, _), (loss, *norms) in zip(self.unread, rows, strict=True):
            task = self.branches[self.order.turn(step)].name
            check_numbers(step, task, loss, dict(zip(self.optimizer.parts, norms, strict=True)))
            self.position.add_loss(loss, self.schedule.curve_every)
            self.last_read = (step + 1, loss, math.hypot(*norms))
        self.unread.clear()

    def evaluation_is_due(self) -> bool:
        step, history = self.position.step, self.position.history
        return (history[-1].step if history else 0) < step and self.schedule.evaluates_after(step)

    def evaluate(self) -> bool:
        """Evaluate the weights, and keep a copy of the best; return whether the evaluation was finished."""
        self.read_losses()
        judge, epoch = self.judge, self.epoch
        try:
            metrics = {} if judge is None else judge.evaluate()
            criterion = None if judge is None else judge.metric
            if self.position.add_evaluation(metrics, epoch, criterion, selects=not self.summed):
                self.best = self.optimizer.weights()
            if self.position.step in self.summed:
                self.add_to_average()
        except Stopped:
            return False
        return True

    def add_to_average(self) -> None:
        """Add the current weights to the sum of those that are averaged."""
        weights = self.optimizer.weights()
        self.best = {name: weight + self.best[name] if self.best else weight for name, weight in weights.items()}

    def average(self) -> None:
        """Load the mean of the weights, and evaluate it.

        Raises:
            Stopped: there was a request to stop; the checkpoint has the last weights.
        """
        last = self.optimizer.weights()
        self.optimizer.set_weights({name: total / len(self.summed) for name, total in self.best.items()})
        try:
            metrics = {} if self.judge is None else self.judge.evaluate()
        except Stopped:
            self.optimizer.set_weights(last)
            self.save(needed=True)
            raise
        if self.judge is not None:
            check_criterion(metrics, self.judge.metric, self.position.step)
        self.averaged = Averaged(tuple(sorted(self.summed)), dict(metrics))

    def resume(self) -> None:
        """Load the checkpoint of this training, if there is one."""
        if self.checkpoint_dir is None:
            return
        given = self.hyperparameters, self.objective, self.judge, self.branches
        self.identity = identity_of(*given, self.optimizer.weights(), name=self.name or self.checkpoint_dir.name)
        state, reasons = checkpoint.load(self.checkpoint_dir, identity=self.identity)
        for reason in reasons:
            self.note(reason)
        if state is None:
            return
        tokens = self.position.micro_tokens
        self.position = Position.from_json(state.position)
        if self.execution.micro_batch_tokens is not None:
            self.position.micro_tokens = (
                tokens  # the setting of the user takes precedence over the limit of the last run
            )
        self.optimizer.set_weights(state.weights)
        self.optimizer.set_state(state.optimizer)
        self.best = dict(state.best)
        self.measured.resumed_at = self.position.step
        self.saved = self.place()

    def save(self, *, needed: bool) -> None:
        """Write a checkpoint, unless the newest one is current; see `checkpoint.save_where_room`."""
        if self.checkpoint_dir is None or self.saved == self.place():
            return
        self.read_losses()
        optimizer, position = self.optimizer, self.position
        state = checkpoint.Checkpoint(optimizer.weights(), optimizer.state(), self.best, position.as_json())
        reason = checkpoint.save_where_room(
            self.checkpoint_dir, state, step=position.step, identity=self.identity, needed=needed
        )
        if reason is None:
            self.saved = self.place()
        elif reason not in self.measured.notes:
            self.note(reason)

    def place(self) -> tuple[int, int]:
        return self.position.step, len(self.position.history)

    def progress(self) -> Progress:
        step, schedule = self.position.step, self.schedule
        loss_step, loss, norm = self.last_read or (None, None, None)
        epoch = step / schedule.steps_per_epoch
        end = None if self.until is None else self.end
        return Progress(step, schedule.total, epoch, loss, schedule.lr(step - 1), loss_step, norm, end)

    def result(self) -> FitResult:
        position, schedule = self.position, self.schedule
        self.measured.micro_tokens = position.micro_tokens
        criterion = None if self.judge is None else self.judge.metric
        seen = self.order.seen(position.selected_step or position.step)
        return FitResult.of(
            position, schedule.total, criterion, schedule.curve_every, seen, self.measured, self.averaged
        )

    def note(self, text: str) -> None:
        logger.warning(text)
        self.measured.notes.append(text)
