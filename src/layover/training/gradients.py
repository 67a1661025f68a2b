"""The gradients of one step, added up over its micro-batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from layover.batches import Batch, States, collate, is_out_of_memory
from layover.batches.order import Index, padded_tokens
from layover.data.features import Features
from layover.data.masking import Moment
from layover.encoder import DropoutClock, Encoder
from layover.errors import NodeError
from layover.heads import Head
from layover.predict import last_hidden, padding_id


@dataclass(frozen=True, eq=False)
class Gradients:
    """Forward and backward passes of one branch of a training."""

    encoder: Encoder
    head: Head
    features: Features
    states: States | None
    clock: DropoutClock
    accelerator: Accelerator
    device: torch.device

    def add_up(self, pieces: list[Index], step: int, weight: float) -> Tensor | None:
        """Add the gradients of a step's pieces to the weights' own; return the loss, on the device.

        Args:
            pieces: The step's units, cut.
            step: For the dropout masks and the hidden tokens.
            weight: What the summed loss of the whole step is divided by, so that the cut does not matter.

        Returns:
            The mean loss, (); None when memory ran out, which leaves gradients of a part of the step behind.
        """
        try:
            return self._add_up(pieces, step, weight)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # the error is gone here, and with it the frames that held what the failed forward pass kept
        return None

    def _add_up(self, pieces: list[Index], step: int, weight: float) -> Tensor:
        for part in (self.encoder, self.head):
            if not part.training:  # to say so to hundreds of modules takes as long as a small step
                part.train()
        total = torch.zeros((), device=self.device)
        for piece in pieces:
            batch = self._batch(piece, step)
            self.clock.set(step, batch.rows)
            with self.accelerator.autocast():
                hidden = last_hidden(self.encoder, self.head, batch)
                logits = self.head(hidden, batch.lengths, batch.targets)
            loss = self.head.loss(logits.float(), batch.targets) / weight
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _batch(self, piece: Index, step: int) -> Batch:
        pad, moment = padding_id(self.encoder), Moment(self.clock.seed, step)
        return collate(self.features, piece, pad=pad, moment=moment, states=self.states).to(self.device)

    def fewer_tokens(self, pieces: list[Index], step: int, allowed: int) -> int:
        """Return how many padded tokens to try after these pieces did not fit.

        Raises:
            NodeError: they were single units already.
        """
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        largest = max(padded_tokens(self.features, piece) for piece in pieces)
        if all(len(piece) == 1 for piece in pieces):
            raise NodeError(
                f"step {step}: one training unit alone ({largest} tokens with its padding) does not fit into the "
                f"memory of {self.device}; lower max_length, set run.gradient_checkpointing, adapt fewer layers, "
                "or use another device"
            )
        # a step may be far smaller than what is allowed: half of that would cut nothing
        return min(allowed, largest) // 2
