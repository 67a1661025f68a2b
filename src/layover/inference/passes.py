"""A pass over rows in batches, from long to short; a batch that does not fit into memory is halved.

A GPU works on the next batches while the results of an earlier one are copied to main memory and kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

from layover.data.features import Features
from layover.encoder import Encoder, MixingWeights, computing
from layover.encoder.transfer import HostCopy
from layover.errors import DataError, NodeError
from layover.execution import Execution
from layover.inference.collate import Batch, collate_rows
from layover.inference.hidden_states import HiddenStates
from layover.inference.machine import here, is_out_of_memory, on_machine
from layover.inference.order import Index, prediction_batches
from layover.memory import most_tokens
from layover.numerics import Precision

LAG = 2
"""Batches that a GPU computes, or has in its queue, while the process reads the results of the batch before them."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class BatchedPass:
    """A pass of an encoder over rows."""

    encoder: Encoder
    features: Features
    read: Callable[[Batch], Mapping[str, Tensor]]
    """Returns the results of a batch by name, on its device or on the CPU."""
    keep: Callable[[Index, Mapping[str, Tensor]], None]
    """Takes rows and their results on the CPU, and copies what has to last."""
    execution: Execution
    precision: Precision
    only: Index | None = None
    """The rows; None: all rows."""
    states: HiddenStates | None = None
    """Cached hidden states of the features' tokens, with which the encoder starts."""
    shares: MixingWeights | None = None
    """Filled with the mixing weights of the encoder's mix, if it has one."""
    progress: Callable[[int, int], None] | None = None
    """Called with the number of finished rows and of all rows."""

    def run(self) -> None:
        """Read and keep every row.

        Raises:
            DataError: there are no rows.
            NodeError: a single row does not fit into memory.
        """
        if not self.features.rows:
            raise DataError("there is nothing to predict: the features have no rows")
        execution = here(self.execution)
        device = torch.device(execution.device)
        if self.states is None:
            self.encoder.need(self.features.arrays["ids"])
        # weights are moved before inference mode begins: weights that move inside it can never train again
        self.encoder.to(device)
        modes = computing(self.precision, device), evaluating(self.encoder), torch.inference_mode()
        with on_machine(execution), modes[0], modes[1], modes[2]:
            self._run(device, execution.micro_batch_tokens or most_tokens(device.type, trains=False))

    def _run(self, device: torch.device, max_tokens: int) -> None:
        waiting = prediction_batches(self.features, max_tokens=max_tokens, only=self.only)[::-1]
        started: deque[_Started] = deque()
        alone = 0  # the next batches that are computed one by one
        done, total = 0, self.features.rows if self.only is None else len(self.only)
        while waiting or started:
            if waiting and len(started) <= (0 if alone else lag_of(device)):
                rows = waiting.pop()
                batch = _try(partial(self._start, rows, device))
                if batch is not None:
                    started.append(batch)
                    continue
            else:
                batch = started.popleft()
                rows = batch.rows
                results = _try(batch.results.wait)
                if results is not None:
                    self._keep(batch, results)
                    done, alone = done + len(rows), max(0, alone - 1)
                    if self.progress is not None:
                        self.progress(done, total)
                    continue
            if started:
                # an error of a GPU can show late: which batch is too large shows when each is computed alone
                waiting += [rows, *(other.rows for other in started)]
                alone = 1 + len(started)
                started.clear()
            else:
                waiting += self._halves(rows, device)
                alone = 1 + max(1, alone)

    def _start(self, rows: Index, device: torch.device) -> _Started:
        """Compute a batch, and start the copy of its results."""
        pad = padding_id(self.encoder)
        batch = collate_rows(self.features, rows, pad=pad, states=self.states, pinned=device.type == "cuda")
        # the mixing weights of a batch that is computed again count once
        shares = None if self.shares is None else MixingWeights()
        with self.encoder.watch.into(shares):
            return _Started(rows, HostCopy.of(self.read(batch.to(device))), shares)

    def _keep(self, batch: _Started, results: Mapping[str, Tensor]) -> None:
        self.keep(batch.rows, results)
        if self.shares is not None and batch.shares is not None:
            self.shares.join(batch.shares)

    def _halves(self, rows: Index, device: torch.device) -> list[Index]:
        if len(rows) == 1:
            raise NodeError(
                f"prediction: row {rows[0]} alone ({self.features.length(int(rows[0]))} tokens) does not fit into the "
                f"memory of {device}; lower max_length or use another device"
            )
        if device.type == "cuda":
            torch.cuda.empty_cache()
        middle = len(rows) // 2
        return [rows[middle:], rows[:middle]]


@dataclass(frozen=True, eq=False)
class _Started:
    """A batch that a device works on."""

    rows: Index
    results: HostCopy
    shares: MixingWeights | None


def lag_of(device: torch.device) -> int:
    """Return the number of batches that a device may work on while the process reads an earlier one."""
    return LAG if device.type == "cuda" else 0


def padding_id(encoder: Encoder) -> int:
    """Return the padding token; XLM-R counts positions by it, so it must be the right token."""
    padding = encoder.model.config.pad_token_id
    return 0 if padding is None else padding


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Set a module to eval mode inside the context; to set the mode of hundreds of modules again takes a while."""
    if not module.training:
        yield
        return
    module.eval()
    try:
        yield
    finally:
        module.train()


def _try(compute: Callable[[], T]) -> T | None:
    """Return the result of `compute`, or None if it does not fit into memory."""
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
