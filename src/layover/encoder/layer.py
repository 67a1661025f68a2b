"""A layer of a BERT-family encoder on packed rows: its own linear maps, norms and hooks around our attention."""

from __future__ import annotations

from torch import Tensor, nn

from layover.encoder.attention import attend
from layover.encoder.dropout import DropoutClock
from layover.encoder.packing import Packing
from layover.families import Family


class PackedLayer:
    """The parts of a layer, run on packed rows.

    Args:
        block: The layer, of `BertEncoder` or of transformers.
        family: The family of the encoder.
        heads: The number of attention heads.
        clock: The clock of the dropouts; the layer sets its `packed`.
    """

    def __init__(self, block: nn.Module, family: Family, heads: int, clock: DropoutClock) -> None:
        self._heads, self._clock = heads, clock
        linears = [block.get_submodule(family.linears[name]) for name in ("query", "key", "value")]
        self._query, self._key, self._value = linears
        self._inner = block.get_submodule(family.inner)
        self._ends = [block.get_submodule(path) for path in family.sublayers.values()]

    def __call__(self, hidden: Tensor, packing: Packing, wanted: Packing) -> Tensor:
        """Return the hidden states after the layer, (1, N', H).

        Args:
            hidden: (1, N, H).
            packing: The packing of the hidden states.
            wanted: The packing of the result: `packing` for all tokens, `packing.firsts()` for the first of each row.
        """
        queried = hidden if wanted is packing else hidden[:, packing.starts]
        query, key, value = self._query(queried), self._key(hidden), self._value(hidden)
        context = attend(query, key, value, self._heads, packing, wanted)
        attention, feedforward = self._ends
        # set in each layer, because a checkpointed layer runs again in the backward pass
        with wanted.for_dropouts(self._clock):
            attended = attention(context, queried)
            after: Tensor = feedforward(self._inner(attended), attended)
        return after
