"""The base of every objective: a rule that turns forward passes of a batch into losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar

from layover.canonical import CanonicalModel
from layover.identity import Json
from layover.modules import Module

if TYPE_CHECKING:
    from torch import Tensor


class Inputs(Protocol):
    """The part of a micro-batch that an objective reads; every random number depends on its row numbers."""

    @property
    def ids(self) -> Tensor:
        """Return the token ids, (B, T) int64."""

    @property
    def lengths(self) -> Tensor:
        """Return the number of tokens of each row, (B,) int64 on the CPU."""

    @property
    def rows(self) -> Tensor:
        """Return the numbers of the rows in the training set, (B,) int64."""


Place = Literal["embeddings", "frozen"]
"""Where a perturbation is added: the word embeddings, or the output of the frozen layers."""

B = TypeVar("B", bound=Inputs)
B_contra = TypeVar("B_contra", bound=Inputs, contravariant=True)


@dataclass(frozen=True, eq=False)
class Passed:
    """The result of one forward pass, with its graph."""

    logits: Tensor
    """The logits of the head, in its own data type."""
    loss: Tensor
    """() float32: the head's summed loss divided by the weight of the whole step, so that the losses of all
    micro-batches of a step add up to its mean loss."""


class Forward(Protocol[B_contra]):
    """The encoder and the head of a training, at one step."""

    @property
    def step(self) -> int:
        """Return the number of the step, from 0 on."""

    @property
    def epoch(self) -> float:
        """Return the number of epochs that were finished before this step; it may be a fraction."""

    @property
    def weight(self) -> float:
        """Return the divisor of the losses of the step: the number of its rows, units or tokens with gold."""

    @property
    def hidden_size(self) -> int:
        """Return H."""

    def __call__(
        self, batch: B_contra, perturbation: Tensor | None = None, draw: int = 0, at: Place = "embeddings"
    ) -> Passed:
        """Run a batch forward.

        Args:
            batch: The micro-batch, or another view of the same rows: equal `rows`, other tokens.
            perturbation: (B, T, H); values on padding are ignored. It receives a gradient.
            draw: The number of the dropout masks; 0 is the masks of plain training. Each draw is a function of the
                seed, the step and the row, so it does not depend on the cut into micro-batches.
            at: `embeddings` adds the perturbation to the word embeddings before position, type and normalisation;
                `frozen` adds it to the input of the lowest layer that an attachment changes.

        Raises:
            ModelError: there are no embeddings to perturb, because cached hidden states replace them.
        """

    def words(self, batch: B_contra) -> Tensor:
        """Return the word embeddings without a gradient, (B, T, H) float32, zero on padding."""

    def tokens(self, batch: B_contra) -> Tensor:
        """Return the number of tokens of each row, (B, 1, 1) float32 on the device of the batch."""

    def each_loss(self, logits: Tensor) -> Tensor:
        """Return the loss of each row of the micro-batch, (B,) float32, not divided by the weight.

        A row of a unit with several rows (the options of a question) has the loss of the unit.
        """

    def of_view(self, batch: B_contra) -> Tensor:
        """Run another view of the rows forward, see `Objective.row_view`.

        Returns:
            Logits in the shape of those of the batch; logits of tokens are those of their places in the view.

        Raises:
            ModelError: the tokenizer cannot make the view.
        """

    def divergence(self, logits: Tensor, other: Tensor) -> Tensor:
        """Return the divergence between the answers of two passes: KL(p || q) summed over all rows or tokens with gold.

        It is divided by the weight of the step, like `Passed.loss`.

        Args:
            logits: The logits of a pass, from which p is computed. Detached logits get no gradient.
            other: The logits of another pass of the same rows, from which q is computed.

        Returns:
            () float32.
        """

    def noise(self, batch: B_contra, draw: int = 0) -> Tensor:
        """Return random numbers, uniform on (-1, 1), (B, T, H) float32, zero on padding.

        Each number is a function of the seed, the step, the row, the token and the feature, so it does not depend on
        the cut into micro-batches.

        Args:
            batch: The micro-batch, or another view of the same rows.
            draw: Another value gives other numbers for the same rows.
        """

    def normal(self, batch: B_contra, draw: int = 0) -> Tensor:
        """Return random numbers with the normal distribution N(0, 1), (B, T, H) float32; see `noise`."""


@dataclass(frozen=True)
class View:
    """How another view of a row is made: words in other tokens, or in translations."""

    share: float
    """Share of the words that may change."""
    alpha: float | None
    """Exponent of the probability of a cut into tokens; None replaces words by translations."""
    dictionary: Path | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class StepPasses:
    """Equal passes over each micro-batch of a step, for estimates."""

    count: float
    """Number of these passes in a step, on average over the training."""
    weights: bool = True
    """Whether their gradient reaches the trained weights."""
    perturbation: bool = False
    """Whether their gradient reaches a perturbation."""


class Objective(CanonicalModel, ABC):
    """A rule that computes the losses of a step; all its settings belong to a node's identity."""

    name: ClassVar[str]
    """The name of the file."""
    planned: ClassVar[frozenset[str]] = frozenset()
    """Fields that a plan sets, and no recipe."""
    graphs: ClassVar[int] = 1
    """The largest number of passes whose tensors are in memory at the same time."""

    @property
    def place(self) -> Place | None:
        """The place of its perturbation; None if it perturbs nothing."""
        return None

    @property
    def row_view(self) -> View | None:
        """The other view of its rows; None if it reads the rows alone."""
        return None

    @property
    def runs_embeddings(self) -> bool:
        """Whether the embeddings run at every step, so that a training cannot start with cached hidden states."""
        return self.place == "embeddings" or self.row_view is not None

    def with_files(self, locate: Callable[[str], tuple[Path, str]]) -> Objective:  # noqa: ARG002
        """Return the objective with the paths and the SHA-256 of the files that it names.

        Args:
            locate: Path as the recipe names it -> path on this machine, SHA-256.
        """
        return self

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:  # noqa: ARG002
        """Return the passes of a step, at least, on average over a training of some epochs."""
        return (StepPasses(1),)

    def refuses(self, module: Module) -> str:
        """Return why the objective has no meaning for the training of a module; empty if it has."""
        if self.place == "frozen" and module.whole:
            return "at: frozen needs frozen layers, but this module trains all layers; write at: embeddings"
        return ""

    def idle(self, dropout: float, epochs: float) -> str:  # noqa: ARG002
        """Return why the objective equals the plain loss in a training; empty if it does not.

        Args:
            dropout: The dropout probability.
            epochs: The epochs of the training.
        """
        return ""

    def finest(self) -> float | None:
        """Return the size of its smallest change of a number of the word embeddings; None if it changes none.

        A change below 1/256 of a number is rounded away in bfloat16.
        """
        return None

    @abstractmethod
    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        """Yield losses, () float32; the training loop runs backward on each loss before it requests the next one.

        So an objective can read gradients between two passes, and can hold one graph at a time.
        """

    def canonical(self) -> dict[str, Json]:
        """Return the name and the settings."""
        return {"name": self.name, **self.settings()}
