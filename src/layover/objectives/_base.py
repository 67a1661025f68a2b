"""What every objective is: a rule that turns forward passes of a batch into losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from layover.canonical import CanonicalModel
from layover.identity import Json

if TYPE_CHECKING:
    from torch import Tensor


class Inputs(Protocol):
    """What an objective sees of a micro-batch; its rows key every random number."""

    @property
    def ids(self) -> Tensor:
        """Return the token ids, (B, T) int64."""

    @property
    def lengths(self) -> Tensor:
        """Return the tokens of each row, (B,) int64 on the CPU."""

    @property
    def rows(self) -> Tensor:
        """Return the numbers of the rows in the training set, (B,) int64."""


B = TypeVar("B", bound=Inputs)
B_contra = TypeVar("B_contra", bound=Inputs, contravariant=True)


@dataclass(frozen=True, eq=False)
class Passed:
    """What one forward pass gives, with its graph."""

    logits: Tensor
    """Of the head, in the numbers that it computes in."""
    loss: Tensor
    """() float32: the head's summed loss divided by the weight of the whole step, so that the losses of all
    micro-batches of a step add up to its mean loss."""


class Forward(Protocol[B_contra]):
    """The encoder and the head of a training, at one step."""

    @property
    def step(self) -> int:
        """Return the number of the step, from 0 on."""

    @property
    def hidden_size(self) -> int:
        """Return H."""

    def __call__(self, batch: B_contra, perturbation: Tensor | None = None, draw: int = 0) -> Passed:
        """Run a batch forward.

        Args:
            batch: The micro-batch, or another view of the same rows: equal `rows`, other tokens.
            perturbation: (B, T, H), added to the word embeddings before position, type and normalisation; what stands
                on padding is not read. Its gradient arrives.
            draw: Which dropout masks; those of 0 are the training's own. Each draw is a function of the seed, the step
                and the row, so that it is the same however the step is cut.

        Raises:
            ModelError: there are no embeddings to perturb, because kept hidden states are read in their place.
        """

    def divergence(self, logits: Tensor, other: Tensor) -> Tensor:
        """Return how far what one pass answers is from what another does: KL(p || q) summed over all that has gold.

        It is divided by the weight of the step, as `Passed.loss` is.

        Args:
            logits: Of a pass of the rows; they give p. Detached, nothing is learned by them.
            other: Of another pass of the same rows; they give q.

        Returns:
            () float32.
        """

    def noise(self, batch: B_contra, draw: int = 0) -> Tensor:
        """Return numbers drawn evenly from (-1, 1), (B, T, H) float32, zero on padding.

        Each is a function of the seed, the step, the row, its token and the feature, so that the cut does not matter.

        Args:
            batch: The micro-batch, or another view of the same rows.
            draw: Other numbers for the same rows.
        """


class Objective(CanonicalModel, ABC):
    """A rule that says which losses a step minimises; its settings decide results."""

    name: ClassVar[str]
    """The name of the file."""

    @abstractmethod
    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        """Yield losses, () float32, one after the other; the loop runs backward on each before it asks for the next.

        So an objective may look at gradients between two passes, and holds one graph at a time where it can.
        """

    def canonical(self) -> dict[str, Json]:
        """Return name and settings."""
        return {"name": self.name, **self.settings()}
