"""A forward pass of encoder and head over a micro-batch, for an objective."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from layover.data.masking import Moment
from layover.encoder import DropoutClock, Encoder, autocast, noise, to_device
from layover.heads import CLASS_WEIGHTS, Head
from layover.inference.collate import Batch, collate
from layover.inference.order import Index
from layover.inference.passes import padding_id
from layover.inference.predict import last_hidden
from layover.objectives import Passed
from layover.training.branches import Branch


@dataclass(frozen=True, eq=False)
class TrainingForward:
    """The encoder and the head of a training, at one step."""

    encoder: Encoder
    head: Head
    clock: DropoutClock
    step: int
    weight: float
    """Divisor of the summed loss of the whole step, so that the split into micro-batches does not matter."""
    mixed: bool
    """Whether the pass runs under autocast."""
    own: Batch
    """The micro-batch of the training set; the word embeddings of its tokens are in memory."""

    @property
    def hidden_size(self) -> int:
        return self.encoder.hidden_size

    def __call__(self, batch: Batch, perturbation: Tensor | None = None, draw: int = 0) -> Passed:
        if batch.ids is not self.own.ids and self.encoder.words_there is not None:
            self.encoder.need(batch.ids.cpu().numpy())
        self.clock.set(self.step, batch.rows, draw)
        with autocast(batch.ids.device, mixed=self.mixed):
            hidden = last_hidden(self.encoder, self.head, batch, perturbation)
            logits = self.head(hidden, batch.lengths, batch.targets)
        return Passed(logits, self.head.loss(logits.float(), batch.targets) / self.weight)

    def divergence(self, logits: Tensor, other: Tensor) -> Tensor:
        return self.head.divergence(logits, other, self.own.targets) / self.weight

    def noise(self, batch: Batch, draw: int = 0) -> Tensor:
        longest, device = batch.ids.shape[1], batch.ids.device
        drawn = noise(self.clock.seed, self.step, batch.rows, longest, self.hidden_size, draw)
        padding = torch.arange(longest, device=device) >= to_device(batch.lengths, device)[:, None]
        return drawn.masked_fill(padding[..., None], 0.0)


def batch_of(branch: Branch, units: Index, encoder: Encoder, *, seed: int, step: int, device: torch.device) -> Batch:
    """Return the batch of units of a branch in a step, on a device."""
    batch = collate(
        branch.features,
        units,
        pad=padding_id(encoder),
        moment=Moment(seed, step),
        states=branch.states,
        pinned=device.type == "cuda",
    )
    if branch.class_weights is not None:
        weights = torch.from_numpy(branch.class_weights)
        batch = replace(batch, targets={**batch.targets, CLASS_WEIGHTS: weights})
    return batch.to(device)
