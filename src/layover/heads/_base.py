"""What every head is: logits, a summed loss, what the sum is divided by, and outputs without padding."""

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
from layover.encoder import DropoutClock, Encoder, RowDropout, check_weights, generator_for
from layover.errors import ModelError

Units = npt.NDArray[np.integer]

NOTHING: Mapping[str, Tensor] = MappingProxyType({})

CLASS_WEIGHTS = "class_weights"
"""The name among targets of what the loss of each gold class is multiplied by."""

_FIRST_SALT = 1 << 20
"""Above the salts of any encoder's dropouts."""


class Head(nn.Module, ABC):
    """The output layer of one task.

    Args:
        hidden_size: Size of the encoder's hidden states.
        size: Number of outputs.
        clock: The encoder's. Fresh weights are normal(0, 0.02), biases zero, norms one; they depend on its seed and on
            their names only.
        dropout: Probability on what enters each linear map.
    """

    def __init__(self, hidden_size: int, size: int, *, clock: DropoutClock, dropout: float) -> None:
        super().__init__()
        if size < 1:
            raise ModelError(f"a head needs at least one output, not {size}: does the task name its labels?")
        self.size = size
        with torch.random.fork_rng(devices=[]):  # torch fills a linear map from the global random state
            self._build(hidden_size, size)
        self.dropouts = nn.ModuleList(RowDropout(dropout, clock, _FIRST_SALT + number) for number in range(2))
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.dim() == 1:
                    parameter.fill_(1.0 if name.endswith("norm.weight") else 0.0)
                else:
                    parameter.normal_(0.0, 0.02, generator=generator_for(clock.seed, f"head.{name}"))

    first_only: ClassVar[bool] = False
    """Whether it reads the hidden state of each row's first token alone, so that the last layer need not do more."""

    @abstractmethod
    def _build(self, hidden_size: int, size: int) -> None:
        """Create the linear maps."""

    @abstractmethod
    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:
        """Return logits from the encoder's last hidden states, float32 (B, T, H), and lengths (B,).

        `targets` are the batch's; only a head whose logits stand at some tokens alone looks at them.
        """

    @abstractmethod
    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of the loss over what has gold, float32; divide it by `weight` of the whole step.

        `targets[CLASS_WEIGHTS]` (size,), where it is there, is what the loss of each gold class is multiplied by.
        """

    @abstractmethod
    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return KL(p || q) summed over what has gold, float32, of the answers' probabilities p and q by logits.

        Answers are counted, and weighed, as by `loss`, so that the same `weight` makes a mean of the sum.
        """

    @staticmethod
    @abstractmethod
    def weight(features: Features, units: Units) -> int:
        """Return what the summed loss of these units is divided by, known before the forward."""

    @staticmethod
    def classes(features: Features, units: Units) -> npt.NDArray[np.int64]:
        """Return the gold class of everything in these units that the loss is summed over.

        Raises:
            ModelError: the head answers no classes, so that none can weigh more than another.
        """
        raise ModelError(f"{len(units)} of {features.units} units have no classes that could weigh more than others")

    @abstractmethod
    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:
        """Return what a kind decodes, without padding, flattened in row order, on the CPU."""

    def certainty(self, logits: Tensor, lengths: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """Return how sure it is of what `outputs` says, flattened alike; nothing where that tells by itself."""
        return {}

    def logits_per_token(self, features: Features) -> float:  # noqa: ARG002
        """Return the logits per token of input, for the memory they take; 0 where they are few beside hidden states."""
        return 0.0

    def tie(self, encoder: Encoder) -> None:
        """Take hold of weights that the head shares with the encoder; most heads share none."""

    def start_from(self, source: str, revision: str | None) -> bool:  # noqa: ARG002
        """Start from weights that the encoder's checkpoint has for this very head; return whether it has any.

        Raises:
            ModelError: they do not fit.
        """
        return False

    def load_weights(self, weights: Mapping[str, Tensor], where: str) -> None:
        """Take over the weights of `state_dict()` of an equal head.

        Raises:
            ModelError: names or shapes differ.
        """
        expected = {name: tuple(value.shape) for name, value in self.state_dict().items()}
        check_weights(weights, expected, where)
        self.load_state_dict(dict(weights))


def count_labelled(features: Features, name: str, units: Units, *, missing: int) -> int:
    """Return how many of the units have gold, in an array with one value per unit."""
    return int((features.arrays[name][units] != missing).sum())


def weight_of_each(classes: Tensor, weights: Tensor | None, *, missing: int) -> Tensor:
    """Return what each answer counts, of the shape of `classes`: 0 without gold, else 1 or the weight of its class."""
    counted = classes != missing
    return counted.float() if weights is None else weights[classes.masked_fill(~counted, 0)] * counted


def summed_divergence(logits: Tensor, other: Tensor, counted: Tensor | None = None) -> Tensor:
    """Return the sum of KL(p || q) over distributions, () float32.

    Args:
        logits: Of p, (..., answers).
        other: Of q, (..., answers).
        counted: Which distributions are, (...) bool, or how much each is, float32; all when None.
    """
    p, q = functional.log_softmax(logits.float(), -1), functional.log_softmax(other.float(), -1)
    each = functional.kl_div(q, p, log_target=True, reduction="none").sum(-1)
    # where nothing is counted, it may be no number
    return each.sum() if counted is None else (each.masked_fill(counted == 0, 0.0) * counted).sum()


def real_tokens(lengths: Tensor, longest: int) -> Tensor:
    """Return where tokens are real, (B, T) bool on the device of `lengths`."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]
