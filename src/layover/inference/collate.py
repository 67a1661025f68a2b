"""Collation: from flat arrays to the padded tensors of one micro-batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layover.data.features import Array, Features
from layover.data.masking import Moment, mask
from layover.encoder import to_device
from layover.inference.hidden_states import HiddenStates
from layover.inference.order import Index, offsets_of, row_lengths, unit_rows


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of one micro-batch, padded to the longest row.

    ids (B, T) int64; lengths (B,) int64, always on the CPU; segments (B, T) int64 or None.
    targets by name: the targets of the kind (`Kind.columns`), one per unit (units, ...), row (B, ...) or token (B, T),
    int64, or float32 for kinds with real numbers. For rows with masked tokens, in predictions too: `places` (M,) int64,
    `row * T + position` of each masked token, and `masked` (M,) int64, the original tokens.
    units (units,) int64, empty for a prediction; rows (B,) int64, the numbers of the rows in the features, which key
    their dropout masks and their masked tokens.
    """

    ids: Tensor
    lengths: Tensor
    segments: Tensor | None
    targets: Mapping[str, Tensor]
    units: Index
    rows: Tensor
    states: Tensor | None = None
    """(1, N, H): cached hidden states of all tokens without padding; the layers below do not run."""
    layer: int = 0
    """Layer that the cached hidden states enter."""

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device; the lengths stay on the CPU, so that the shape is known without a wait."""
        if device == self.ids.device:
            return self

        return replace(
            self,
            ids=to_device(self.ids, device),
            segments=None if self.segments is None else to_device(self.segments, device),
            targets={name: to_device(target, device) for name, target in self.targets.items()},
            rows=to_device(self.rows, device),
            states=None if self.states is None else to_device(self.states, device),
        )


def collate(features: Features, units: Index, *, pad: int, moment: Moment, states: HiddenStates | None = None) -> Batch:
    """Return units with their targets; the rows of a unit are consecutive.

    Args:
        features: The training set.
        units: Indices of units.
        pad: Padding token.
        moment: Seed and step of the training, which decide the masked tokens.
        states: Cached hidden states of the features' tokens.
    """
    rows = unit_rows(units, features.group).ravel()
    grid = _Grid.of(features, rows)
    targets = {}
    for name, column in features.columns.items():
        if column.padding is not None and name in features.arrays:
            array = features.arrays[name]
            if column.per == "token":
                targets[name] = grid.fill(array, column.padding)
            else:
                targets[name] = _tensor(array[units if column.per == "unit" else rows])
    batch = _rows(features, rows, grid, pad, moment, states)
    return replace(batch, targets={**batch.targets, **targets}, units=units)


def collate_rows(features: Features, rows: Index, *, pad: int, states: HiddenStates | None = None) -> Batch:
    """Return rows without targets, for a prediction; all predictions mask the same tokens."""
    return _rows(features, rows, _Grid.of(features, rows), pad, None, states)


def tokens_of(features: Features, rows: Index) -> Index:
    """Return the positions of the tokens of rows in the flat arrays, row by row, (N,) int64."""
    return _Grid.of(features, rows).tokens


def _rows(
    features: Features, rows: Index, grid: _Grid, pad: int, moment: Moment | None, states: HiddenStates | None
) -> Batch:
    ids, targets = grid.fill(features.arrays["ids"], pad), {}
    if "roles" in features.arrays:
        hidden = mask(features, ids.numpy(), grid.real, rows, moment)
        ids = _tensor(hidden.ids)
        targets = {"places": _tensor(hidden.places), "masked": _tensor(hidden.truth)}
    segments = features.arrays.get("segments")
    return Batch(
        ids=ids,
        lengths=_tensor(grid.lengths),
        segments=None if segments is None else grid.fill(segments, 0),
        targets=targets,
        units=np.empty(0, np.int64),
        rows=_tensor(rows),
        states=None if states is None else states.at(grid.tokens),
        layer=0 if states is None else states.layer,
    )


@dataclass(frozen=True, eq=False)
class _Grid:
    """The positions of the tokens of rows in the flat arrays and in the padded arrays."""

    lengths: Index
    real: npt.NDArray[np.bool_]
    """(B, T): True at tokens, False at padding."""
    tokens: Index
    """Positions of the real tokens in the flat arrays, row by row."""

    @classmethod
    def of(cls, features: Features, rows: Index) -> _Grid:
        starts, lengths = offsets_of(features)[rows], row_lengths(features, rows)
        columns = np.arange(int(lengths.max(initial=0)))
        real = columns < lengths[:, None]
        return cls(lengths, real, (starts[:, None] + columns)[real])

    def fill(self, flat: Array, padding: float) -> Tensor:
        values = np.full(self.real.shape, padding, _computed(flat))
        values[self.real] = flat[self.tokens]
        return torch.from_numpy(values)


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, _computed(values)))


def _computed(values: Array) -> type[np.generic]:
    """Return the number type of an array in computations."""
    return np.float32 if values.dtype.kind == "f" else np.int64
