"""A forward pass of encoder and head over a micro-batch, for an objective."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from layover.data.masking import Moment
from layover.data.views import Rewriter
from layover.encoder import DropoutClock, Encoder, autocast, noise, normal_noise, to_device
from layover.heads import CLASS_WEIGHTS, Head
from layover.inference.collate import Batch, collate
from layover.inference.order import Index
from layover.inference.passes import padding_id
from layover.inference.predict import last_hidden
from layover.objectives import Passed, Place
from layover.training.branches import Branch
from layover.training.views import view_of


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
    epoch: float = 0.0
    host: Batch | None = None
    """The micro-batch on the CPU; None: it is there itself."""
    rewriter: Rewriter | None = None
    """Makes views of rows; None if the objective reads none."""

    @property
    def hidden_size(self) -> int:
        return self.encoder.hidden_size

    def __call__(
        self, batch: Batch, perturbation: Tensor | None = None, draw: int = 0, at: Place = "embeddings"
    ) -> Passed:
        if batch.ids is not self.own.ids and self.encoder.words_there is not None:
            self.encoder.need(batch.ids.cpu().numpy())
        self.clock.set(self.step, batch.rows, draw)
        with autocast(batch.ids.device, mixed=self.mixed):
            hidden = last_hidden(self.encoder, self.head, batch, perturbation, at)
            logits = self.head(hidden, batch.lengths, batch.targets)
        return Passed(logits, self.head.loss(logits.float(), batch.targets) / self.weight)

    def of_view(self, batch: Batch) -> Tensor:
        host, device = batch if self.host is None else self.host, batch.ids.device
        viewed = view_of(host, self.rewriter, seed=self.clock.seed, step=self.step, pad=padding_id(self.encoder))
        self.encoder.need(viewed.batch.ids.numpy())
        view, places = viewed.batch.to(device), to_device(viewed.places, device)
        self.clock.set(self.step, view.rows)
        with autocast(device, mixed=self.mixed):
            logits = self.head(last_hidden(self.encoder, self.head, view), view.lengths)
        return self.head.aligned(logits, places)

    def divergence(self, logits: Tensor, other: Tensor) -> Tensor:
        return self.head.divergence(logits, other, self.own.targets) / self.weight

    def each_loss(self, logits: Tensor) -> Tensor:
        losses = self.head.each_loss(logits.float(), self.own.targets, self.own.lengths)
        return losses.repeat_interleave(len(self.own.ids) // len(losses))

    def words(self, batch: Batch) -> Tensor:
        return self.encoder.words(batch.ids, batch.lengths)

    def tokens(self, batch: Batch) -> Tensor:
        return to_device(batch.lengths, batch.ids.device).float()[:, None, None]

    def noise(self, batch: Batch, draw: int = 0) -> Tensor:
        drawn = noise(self.clock.seed, self.step, batch.rows, batch.ids.shape[1], self.hidden_size, draw)
        return drawn.masked_fill(_padding(batch), 0.0)

    def normal(self, batch: Batch, draw: int = 0) -> Tensor:
        drawn = normal_noise(self.clock.seed, self.step, batch.rows, batch.ids.shape[1], self.hidden_size, draw)
        return drawn.masked_fill(_padding(batch), 0.0)


def _padding(batch: Batch) -> Tensor:
    """Return the mask of padding, (B, T, 1) bool."""
    longest, device = batch.ids.shape[1], batch.ids.device
    return (torch.arange(longest, device=device) >= to_device(batch.lengths, device)[:, None])[..., None]


def batch_of(branch: Branch, units: Index, encoder: Encoder, *, seed: int, step: int, device: torch.device) -> Batch:
    """Return the batch of units of a branch in a step, on the CPU."""
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
    return batch
