"""Hooks that let pieces act at their sites and leave the encoder's own modules and names as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from layover.encoder.attached import Attached, Mixed
from layover.encoder.points import Points
from layover.modules import EMBEDDINGS, At, Site

Acting = Sequence[tuple[Attached | Mixed, int]]
"""What acts at a site, in the order of application, each with the index of the site in it."""


def frozen_at(model: nn.Module, layers: Sequence[nn.Module], points: Points, site: Site) -> nn.Module:
    """Return the linear map at a site; at a sublayer its LayerNorm; all of the embeddings."""
    if site.place == EMBEDDINGS:
        return model.get_submodule(points.embeddings)
    if site.place in points.linears:
        return layers[site.layer].get_submodule(points.linears[site.place])
    return layers[site.layer].get_submodule(points.sublayers[site.place]).get_submodule("LayerNorm")


def place_hooks(
    model: nn.Module, layers: Sequence[nn.Module], points: Points, pieces: Sequence[Attached | Mixed]
) -> list[RemovableHandle]:
    """Let the pieces act; removing the handles undoes it."""
    acting: dict[tuple[int, str], list[tuple[Attached | Mixed, int]]] = {}
    for piece in pieces:
        for index, site in enumerate(piece.sites):
            acting.setdefault((site.layer, site.place), []).append((piece, index))
    handles: list[RemovableHandle] = []
    for (layer, place), here in acting.items():
        if place == EMBEDDINGS:
            embeddings = model.get_submodule(points.embeddings)
            handles.append(embeddings.register_forward_hook(_EmbeddingsHook(here)))
        elif place in points.linears:
            linear = layers[layer].get_submodule(points.linears[place])
            handles.append(linear.register_forward_hook(_LinearHook(here)))
        else:
            hook = _SublayerHook(here, layers[layer].get_submodule(points.sublayers[place]))
            handles += hook.register()
    return handles


def _add(acting: Acting, hidden: Tensor, source: Tensor, frozen: nn.Module) -> Tensor:
    for piece, index in acting:
        hidden = hidden + piece.delta(index, At(hidden, source, frozen))
    return hidden


class _LinearHook:
    """`y = W x + b`, then one delta after the other."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    def __call__(self, linear: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        return _add(self._acting, output, inputs[0], linear)


class _EmbeddingsHook:
    """What enters the first layer, then one delta after the other."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    def __call__(self, embeddings: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:  # noqa: ARG002
        return _add(self._acting, output, output, embeddings)


class _SublayerHook:
    """`LayerNorm(h + x)` becomes `LayerNorm(h' + x)`, where h' is h after one delta after the other.

    The block is called with x, its dropout gives h, and its own LayerNorm does the rest.
    """

    def __init__(self, acting: Acting, block: nn.Module) -> None:
        self._acting = acting
        self._block = block
        self._norm = block.get_submodule("LayerNorm")
        self._residual: Tensor | None = None

    def register(self) -> list[RemovableHandle]:
        return [
            self._block.register_forward_pre_hook(self._enter),
            self._block.get_submodule("dropout").register_forward_hook(self._change),
            self._block.register_forward_hook(self._leave),
        ]

    def _enter(self, block: nn.Module, inputs: tuple[Any, ...]) -> None:  # noqa: ARG002
        self._residual = inputs[1]

    def _change(self, dropout: nn.Module, inputs: tuple[Any, ...], hidden: Tensor) -> Tensor | None:  # noqa: ARG002
        if self._residual is None:
            return None
        return _add(self._acting, hidden, self._residual, self._norm)

    def _leave(self, block: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG002
        self._residual = None
