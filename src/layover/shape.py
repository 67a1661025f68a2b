"""The sizes of an encoder; costs, memory, and the names and sizes of module weights depend on nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder."""

    layers: int
    hidden: int
    """Features of a hidden state."""
    intermediate: int
    """Features between the two linear maps of the feed-forward block."""
    vocabulary: int
    """Rows of the table of word embeddings."""

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer: four attention projections, two feed-forward maps, and norms."""
        hidden, inner = self.hidden, self.intermediate
        return 4 * hidden * (hidden + 1) + 2 * hidden * inner + inner + hidden + 4 * hidden

    @property
    def parameters(self) -> int:
        """Weights of the encoder: layers and the table of word embeddings."""
        return self.layers * self.layer_parameters + self.vocabulary * self.hidden
