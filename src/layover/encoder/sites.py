"""Hooks that let attachments act at their sites and leave the encoder's own modules and names as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from layover.encoder.attached import MixWeights, ModuleWeights
from layover.families import Family
from layover.modules import EMBEDDINGS, At, Site

Acting = Sequence[tuple[ModuleWeights | MixWeights, int]]
"""What acts at a site, in the order of application, each with the index of the site in it."""


def frozen_at(model: nn.Module, layers: Sequence[nn.Module], family: Family, site: Site) -> nn.Module:
    """Return what `At.frozen` is at a site."""
    if site.place == EMBEDDINGS:
        return model.get_submodule(family.embeddings)
    if site.place in family.sources:
        return layers[site.layer].get_submodule(family.sources[site.place])
    return layers[site.layer].get_submodule(family.sublayers[site.place]).get_submodule("LayerNorm")


def place_hooks(
    model: nn.Module,
    layers: Sequence[nn.Module],
    family: Family,
    attachments: Sequence[ModuleWeights | MixWeights],
    skipped: Callable[[], int],
) -> list[RemovableHandle]:
    """Let the attachments act in all layers but so many of the lowest; removing the handles undoes it."""
    acting: dict[tuple[int, str], list[tuple[ModuleWeights | MixWeights, int]]] = {}
    for attachment in attachments:
        for index, site in enumerate(attachment.sites):
            acting.setdefault((site.layer, site.place), []).append((attachment, index))
    handles: list[RemovableHandle] = []
    for (layer, place), here in acting.items():
        change = _Change(here, layer, skipped)
        if place == EMBEDDINGS:
            embeddings = model.get_submodule(family.embeddings)
            handles.append(embeddings.register_forward_hook(_EmbeddingsHook(change)))
        elif place in family.sources:
            block = layers[layer].get_submodule(family.sources[place])
            handles.append(block.register_forward_hook(_OutputHook(change)))
        else:
            hook = _SublayerHook(change, layers[layer].get_submodule(family.sublayers[place]))
            handles += hook.register()
    return handles


class _Change:
    """One attachment after the other, in the order of application; while the layer is skipped those alone that stay."""

    def __init__(self, acting: Acting, layer: int, skipped: Callable[[], int]) -> None:
        self._acting, self._layer, self._skipped = acting, layer, skipped

    def __call__(self, hidden: Tensor, source: Tensor, frozen: nn.Module) -> Tensor:
        skipped = self._layer < self._skipped()
        for attachment, index in self._acting:
            if attachment.stays or not skipped:
                hidden = attachment.changed(index, At(hidden, source, frozen))
        return hidden


class _OutputHook:
    """`y = W x + b`, or an activation function of it, changed."""

    def __init__(self, change: _Change) -> None:
        self._change = change

    def __call__(self, block: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        return self._change(output, inputs[0], block)


class _EmbeddingsHook:
    """What enters the first layer, changed."""

    def __init__(self, change: _Change) -> None:
        self._change = change

    def __call__(self, embeddings: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:  # noqa: ARG002
        return self._change(output, output, embeddings)


class _SublayerHook:
    """`LayerNorm(h + x)` becomes `LayerNorm(h' + x)`, where h' is h changed.

    The block is called with x, its dropout gives h, and its own LayerNorm does the rest.
    """

    def __init__(self, change: _Change, block: nn.Module) -> None:
        self._apply = change
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
        return self._apply(hidden, self._residual, self._norm)

    def _leave(self, block: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG002
        self._residual = None
