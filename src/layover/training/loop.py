"""The training loop: steps, evaluations, checkpoints.

What a run computes depends on `LoopSettings`, the data and the weights it is given. How it is computed (`Execution`)
changes nothing but rounding; with equal micro-batches on the same device a run gives equal bits, stopped and resumed
or not: the order of the data, the learning rate and the dropout masks are functions of the step number, so that
there is no random state to keep.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from layover.batches import micro_batches, on_machine
from layover.batches.order import Index, padded_tokens, real_tokens
from layover.disk import full, said
from layover.encoder import DropoutClock, Encoder, computing, is_mixed
from layover.errors import DataError, NodeError, Stopped
from layover.execution import Execution
from layover.identity import key_of
from layover.training import checkpoint
from layover.training.course import Branch, Course
from layover.training.gradients import Gradients
from layover.training.machine import accelerator_for, automatic_tokens, identity_of
from layover.training.optimiser import Optimiser, head_parts
from layover.training.results import FitResult, Measured, Progress
from layover.training.selection import Position
from layover.training.settings import LoopSettings, Schedule

logger = logging.getLogger(__name__)

ACCELERATOR_LAG = 16
"""Steps whose losses stay on an accelerator before the loop waits for them."""


def fit(
    encoder: Encoder,
    branches: Sequence[Branch],
    *,
    settings: LoopSettings,
    execution: Execution,
    clock: DropoutClock,
    evaluate: Callable[[], Mapping[str, float]] | None,
    criterion: str | None,
    checkpoint_dir: Path | None,
    progress: Callable[[Progress], None],
    stop: Callable[[], bool] | None = None,
    train_head: bool = True,
) -> FitResult:
    """Train what of the encoder is trainable, and the heads; the weights that were selected are in them afterwards.

    Args:
        encoder: With its parts attached.
        branches: One training set and its head; several that take turns for a mixture, in an order that decides.
        settings: What decides the result.
        execution: Device, micro-batch, checkpoints: what does not.
        clock: The one that encoder and heads were made with.
        evaluate: Returns metrics of the current weights; called after each epoch or every `select_every` steps. It may
            raise `Stopped`; the training that goes on evaluates again.
        criterion: Metric that selects, higher is better, of equals the earliest; None keeps the last weights.
        checkpoint_dir: A folder for this training alone; a checkpoint in it is gone on with. None writes none.
        progress: Called after each step, with what follows it (evaluation, checkpoint) done.
        stop: Asked after each step; when it says True, a checkpoint is written and `Stopped` raised.
        train_head: False keeps the heads as they are.

    Raises:
        DataError: nothing in a training set has gold.
        NodeError: the loss or a gradient is no number; a single unit does not fit into memory; the criterion is
            not among the metrics.
        Stopped: see `stop`.
    """
    if criterion is not None and evaluate is None:
        raise ValueError("a criterion selects among evaluations: give evaluate, too")
    for branch in branches:
        if not branch.head.weight(branch.features, np.arange(branch.features.units)):
            raise DataError(f"{branch.name}: nothing to train on: no row of the training set has gold")
    with on_machine(execution) as device, computing(settings.precision, device):
        for branch in branches:
            branch.head.requires_grad_(train_head)
        run = _Run(encoder, branches, settings, execution, clock, device, checkpoint_dir, criterion)
        run.resume()
        try:
            return run.to_the_end(evaluate, progress, stop)
        finally:
            run.optimiser.forget()


class _Run:
    """One training: what it works on, and where it stands."""

    def __init__(
        self,
        encoder: Encoder,
        branches: Sequence[Branch],
        settings: LoopSettings,
        execution: Execution,
        clock: DropoutClock,
        device: torch.device,
        checkpoint_dir: Path | None,
        criterion: str | None,
    ) -> None:
        self.encoder, self.branches = encoder, branches
        self.heads = list(dict.fromkeys(branch.head for branch in branches))
        self.settings, self.execution, self.device = settings, execution, device
        mixed = is_mixed(settings.precision, encoder.dtype, encoder.quantisation)
        accelerator = accelerator_for(device, mixed=mixed)
        self.gradients = [
            Gradients(encoder, one.head, one.features, one.states, clock, accelerator, device) for one in branches
        ]
        for branch in branches:
            if branch.states is None:
                encoder.need(branch.features.arrays["ids"])
        for part in (encoder, *self.heads):
            part.to(device)
        encoder.gradient_checkpointing(execution.gradient_checkpointing)
        self.course = Course(branches, settings)
        self.schedule = Schedule.of(settings, self.course.steps_per_epoch)
        self.optimiser = Optimiser(
            {**encoder.trained(), **head_parts(self.heads)}, settings, layers_rest=encoder.drops_at_random
        )
        self.criterion, self.checkpoint_dir = criterion, checkpoint_dir
        tokens = execution.micro_tokens or automatic_tokens(
            encoder, self.optimiser, settings, execution, device, branches
        )
        self.position = Position(tokens)
        self.best: dict[str, Tensor] = {}
        self.identity = ""
        self.measured = Measured()
        self._late: list[tuple[int, Tensor]] = []
        self._last_loss: float | None = None
        self._kept: tuple[int, int] | None = None
        """Steps and evaluations of the newest checkpoint."""

    def resume(self) -> None:
        """Go on with a checkpoint, if there is one for this very training."""
        if self.checkpoint_dir is None:
            return
        training = identity_of(self.settings, self.criterion, self.branches, self.optimiser)
        # the folder is named by the node, whose key knows the frozen weights below, too
        self.identity = key_of({"training": training, "folder": self.checkpoint_dir.name})
        found, reasons = checkpoint.load(self.checkpoint_dir, identity=self.identity)
        for reason in reasons:
            self._note(reason)
        if found is None:
            return
        tokens = self.position.micro_tokens
        self.position = Position.from_json(found.position)
        if self.execution.micro_tokens is not None:
            self.position.micro_tokens = tokens  # what the user asks for goes before what the last run found
        self.optimiser.set_weights(found.weights)
        self.optimiser.set_state(found.optimiser)
        self.best = dict(found.best)
        self.measured.resumed_at = self.position.step
        self._kept = self._place()

    def to_the_end(
        self,
        evaluate: Callable[[], Mapping[str, float]] | None,
        progress: Callable[[Progress], None],
        stop: Callable[[], bool] | None,
    ) -> FitResult:
        """Do the steps that are left, and keep the weights that were selected."""
        position, total, patience = self.position, self.schedule.total, self.settings.patience
        saved = time.monotonic()
        # a training that was stopped in an evaluation goes on with it
        while self._evaluates() or (position.step < total and not position.gave_up(patience)):
            if not self._evaluates():
                self._timed("training", self._step)
            stopping = False
            if self._evaluates():
                try:
                    self._timed("evaluation", lambda: self._evaluate(evaluate))
                except Stopped:
                    stopping = True
            stopping = stopping or (stop is not None and stop())
            if stopping or time.monotonic() - saved >= self.execution.checkpoint_seconds:
                self._timed("checkpoints", partial(self._save, needed=stopping))
                saved = time.monotonic()
            if stopping:
                raise Stopped(f"stopped after step {position.step} of {total}")
            progress(self._progress())
        self._read_losses()
        if self.best:
            self.optimiser.set_weights(self.best)
        for part in (self.encoder, *self.heads):
            part.eval()
        return self._result()

    def _step(self) -> None:
        step = self.position.step
        gradients, units = self.gradients[self.course.turn(step)], self.course.units(step)
        weight = gradients.head.weight(gradients.features, units)
        lr = self.schedule.lr(step)
        if weight:  # a step without gold has no gradient, and changes nothing
            loss = self._gradients_of(gradients, units, weight)
            self._late.append((step, torch.stack([loss, *self.optimiser.step(lr)])))
        self.position.step += 1
        self.measured.tokens += real_tokens(gradients.features, units)
        if self.device.type == "cpu" or len(self._late) >= ACCELERATOR_LAG:
            self._read_losses()

    def _gradients_of(self, gradients: Gradients, units: Index, weight: float) -> Tensor:
        """Return the loss of a step, its gradients added up; in smaller pieces from where memory runs out."""
        step = self.position.step
        while True:
            pieces = micro_batches(gradients.features, units, max_tokens=self.position.micro_tokens)
            loss = gradients.add_up(pieces, step, weight)
            if loss is not None:
                self.measured.padded_tokens += sum(padded_tokens(gradients.features, piece) for piece in pieces)
                return loss
            self.optimiser.forget()
            self.position.micro_tokens = gradients.fewer_tokens(pieces, step, self.position.micro_tokens)
            self._note(f"step {step}: out of memory; now {self.position.micro_tokens} tokens at once")

    def _read_losses(self) -> None:
        """Bring losses and gradient norms to the CPU, and refuse what is no number."""
        if not self._late:
            return
        rows = torch.stack([values for _, values in self._late]).tolist()
        for (step, _), (loss, *norms) in zip(self._late, rows, strict=True):
            if not torch.tensor([loss, *norms]).isfinite().all():
                task = self.branches[self.course.turn(step)].name
                found = {"task": task, "loss": loss, **dict(zip(self.optimiser.parts, norms, strict=True))}
                raise NodeError(
                    f"step {step}: loss or gradient norm is no number: {found}; lower the learning rate, or use "
                    "precision fp32"
                )
            self.position.add_loss(loss, self.schedule.stretch)
            self._last_loss = loss
        self._late.clear()

    def _evaluate(self, evaluate: Callable[[], Mapping[str, float]] | None) -> None:
        self._read_losses()
        metrics = {} if evaluate is None else evaluate()
        if self.position.judge(metrics, self._epochs(), self.criterion):
            self.best = self.optimiser.weights()

    def _evaluates(self) -> bool:
        """Tell whether the weights are to be evaluated now."""
        position = self.position
        judged = position.history[-1].step if position.history else 0
        return judged < position.step and self.schedule.evaluates_after(position.step)

    def _save(self, *, needed: bool) -> None:
        """Write a checkpoint, unless it is there.

        Args:
            needed: Whether a disk without room is an error; else the training goes on without, and says so.

        Raises:
            OSError: the checkpoint is needed, and the disk has no room for it.
        """
        if self.checkpoint_dir is None or self._kept == self._place():
            return
        self._read_losses()
        state = checkpoint.Checkpoint(
            self.optimiser.weights(), self.optimiser.state(), self.best, self.position.as_json()
        )
        try:
            checkpoint.save(self.checkpoint_dir, state, step=self.position.step, identity=self.identity)
        except Exception as error:
            if needed or full(error) is None:
                raise
            note = f"no checkpoint: {said(error, self.checkpoint_dir)}"
            if note not in self.measured.notes:
                self._note(note)
        else:
            self._kept = self._place()

    def _place(self) -> tuple[int, int]:
        return self.position.step, len(self.position.history)

    def _epochs(self) -> float:
        return self.position.step / self.schedule.steps_per_epoch

    def _progress(self) -> Progress:
        step, schedule = self.position.step, self.schedule
        return Progress(step, schedule.total, self._epochs(), self._last_loss, schedule.lr(step - 1))

    def _result(self) -> FitResult:
        position = self.position
        self.measured.micro_tokens = position.micro_tokens
        best = None if position.best is None else position.history[position.best].step
        return FitResult(
            steps=position.step,
            planned_steps=self.schedule.total,
            best_step=best,
            criterion=self.criterion,
            stopped_early=position.step < self.schedule.total,
            history=tuple(position.history),
            curve_every=self.schedule.stretch,
            curve=tuple(position.curve),
            seen=self.course.seen(position.step if best is None else best),
            measured=self.measured,
        )

    def _timed(self, name: str, work: Callable[[], None]) -> None:
        started = time.perf_counter()
        work()
        self.measured.seconds[name] = self.measured.seconds.get(name, 0.0) + time.perf_counter() - started

    def _note(self, text: str) -> None:
        logger.warning(text)
        self.measured.notes.append(text)
