"""The sizes of an encoder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """The sizes that decide cost and memory."""

    layers: int
    hidden: int
    intermediate: int
    vocabulary: int

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer: four attention projections and two of the feed-forward part, with norms."""
        hidden, inner = self.hidden, self.intermediate
        return 4 * hidden * (hidden + 1) + 2 * hidden * inner + inner + hidden + 4 * hidden

    @property
    def parameters(self) -> int:
        """Weights of the encoder: layers and the table of word embeddings."""
        return self.layers * self.layer_parameters + self.vocabulary * self.hidden

    @property
    def num_layers(self) -> int:
        """Layers."""
        return self.layers
