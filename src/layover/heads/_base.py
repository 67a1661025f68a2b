"""The base of every head: logits, a summed loss, the divisor of the sum, and outputs without padding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder, RowDropout, check_weights, generator_for, to_device
from layover.errors import ModelError

Units = npt.NDArray[np.integer]

NOTHING: Mapping[str, Tensor] = MappingProxyType({})

CLASS_WEIGHTS = "class_weights"
"""The name of the target that holds the factor of the loss for each gold class."""

_FIRST_SALT = 1 << 20
"""A salt above those of any encoder's dropouts."""


class Head(nn.Module, ABC):
    """The output layer of one task.

    Args:
        hidden_size: The size of the encoder's hidden states.
        size: The number of outputs.
        clock: The encoder's clock. Fresh weights are normal(0, 0.02), biases zero, norms one; they depend only on its
            seed and on their names.
        dropout: The dropout probability on the input of each linear map.
    """

    def __init__(self, hidden_size: int, size: int, *, clock: DropoutClock, dropout: float) -> None:
        super().__init__()
        if size < 1:
            raise ModelError(f"a head has {size} outputs, but needs at least 1; check the labels of the task")
        self.size = size
        with torch.random.fork_rng(devices=[]):  # torch initialises a linear map from the global random state
            self._build(hidden_size, size)
        self.dropouts = nn.ModuleList(RowDropout(dropout, clock, _FIRST_SALT + number) for number in range(2))
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.dim() == 1:
                    parameter.fill_(1.0 if name.endswith("norm.weight") else 0.0)
                else:
                    parameter.normal_(0.0, 0.02, generator=generator_for(clock.seed, f"head.{name}"))

    first_only: ClassVar[bool] = False
    """Whether it reads only the hidden state of each row's first token; then the last layer skips the others."""

    @abstractmethod
    def _build(self, hidden_size: int, size: int) -> None:
        """Create the linear maps."""

    @abstractmethod
    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:
        """Return logits from the encoder's last hidden states, float32 (B, T, H), and lengths (B,).

        `targets` belongs to the batch; only a head with logits at some of the tokens reads it.
        """

    @abstractmethod
    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the loss summed over all rows or tokens with gold, float32; divide it by `weight` of the whole step.

        `targets[CLASS_WEIGHTS]` (size,), if present, is the factor of the loss for each gold class.
        """

    @abstractmethod
    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:
        """Return the loss of each unit, (units,) float32, 0 without gold; their sum is `loss`.

        Args:
            logits: See `loss`.
            targets: See `loss`.
            lengths: (B,), on the CPU.
        """

    @abstractmethod
    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return KL(p || q) summed over all rows or tokens with gold, float32; p and q are the softmax of the logits.

        The terms are counted and weighted as in `loss`, so the sum divided by the same `weight` is a mean.
        """

    @staticmethod
    @abstractmethod
    def weight(features: Features, units: Units) -> int:
        """Return the divisor of the summed loss of these units, which is known before the forward pass."""

    @staticmethod
    def classes(features: Features, units: Units) -> npt.NDArray[np.int64]:
        """Return the gold class of every row or token in these units over which the loss is summed.

        Raises:
            ModelError: the head predicts no classes, so class weights have no meaning.
        """
        raise ModelError(f"{len(units)} of {features.units} units have no classes, so class weights have no meaning")

    @abstractmethod
    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:
        """Return the outputs that a kind decodes, without padding, flattened in row order.

        They may stay on the device of the logits: a GPU copies them to main memory later, while it works on the next
        batch. The lengths are on the CPU.
        """

    def aligned(self, logits: Tensor, places: Tensor) -> Tensor:  # noqa: ARG002
        """Return the logits of another view of the rows in the order of the rows' own tokens.

        Args:
            logits: Of the view.
            places: (B, T), the place of each token in the view; only a head with logits per token reads it.
        """
        return logits

    def certainty(self, logits: Tensor, lengths: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the probabilities of the answers in `outputs`, flattened alike; empty if `outputs` has scores."""
        return {}

    def logits_per_token(self, features: Features) -> float:  # noqa: ARG002
        """Return the logits per input token, for the memory estimate; 0 if they are few compared to hidden states."""
        return 0.0

    def tie(self, encoder: Encoder) -> None:
        """Connect the head with the weights that it shares with the encoder; most heads share none."""

    def start_from(self, source: str, revision: str | None) -> bool:  # noqa: ARG002
        """Start from the weights of this head in the encoder's checkpoint; return whether it has any.

        Raises:
            ModelError: the weights do not fit.
        """
        return False

    def load_weights(self, weights: Mapping[str, Tensor], where: str) -> None:
        """Copy the weights of `state_dict()` of an equal head.

        Raises:
            ModelError: the names or shapes differ.
        """
        expected = {name: tuple(value.shape) for name, value in self.state_dict().items()}
        check_weights(weights, expected, where)
        self.load_state_dict(dict(weights))


def count_labelled(features: Features, name: str, units: Units, *, missing: int) -> int:
    """Return the number of units with gold, from an array with one value per unit."""
    return int((features.arrays[name][units] != missing).sum())


def weight_of_each(classes: Tensor, weights: Tensor | None, *, missing: int) -> Tensor:
    """Return the weight of each answer, shaped as `classes`: 0 without gold, else 1 or the weight of its class."""
    counted = classes != missing
    return counted.float() if weights is None else weights[classes.masked_fill(~counted, 0)] * counted


def summed_divergence(logits: Tensor, other: Tensor, counted: Tensor | None = None) -> Tensor:
    """Return the sum of KL(p || q) over distributions, () float32.

    Args:
        logits: The logits of p, (..., answers).
        other: The logits of q, (..., answers).
        counted: Whether each distribution counts, (...) bool, or its weight, float32; None counts all.
    """
    p, q = functional.log_softmax(logits.float(), -1), functional.log_softmax(other.float(), -1)
    each = functional.kl_div(q, p, log_target=True, reduction="none").sum(-1)
    # the divergence of an uncounted distribution may be NaN
    return each.sum() if counted is None else (each.masked_fill(counted == 0, 0.0) * counted).sum()


def real_tokens(lengths: Tensor, longest: int) -> Tensor:
    """Return the mask of real tokens, (B, T) bool on the device of `lengths`."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def at_places(logits: Tensor, places: Tensor) -> Tensor:
    """Return the logits of tokens at other places, (B, T, ...), from (B, T', ...) and places (B, T)."""
    return logits.gather(1, places[:, :, None].expand(-1, -1, logits.shape[2]))


def unpadded(values: Tensor, lengths: Tensor) -> Tensor:
    """Return the values of the real tokens, row by row, (N, ...), on the device of the values.

    Args:
        values: Padded on the right, (B, T, ...).
        lengths: (B,), on the CPU; on another device, their copy makes the process wait.
    """
    # a mask on the device would make the process wait for the number of tokens
    places = real_tokens(lengths.cpu(), values.shape[1]).flatten().nonzero().flatten()
    flat = values.flatten(0, 1)
    return flat if len(places) == len(flat) else flat.index_select(0, to_device(places, values.device))
