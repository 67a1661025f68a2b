"""Hooks with which attachments act at their sites, without a change of the encoder's own modules and names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from layover.encoder.attached import MixWeights, ModuleWeights
from layover.families import Family
from layover.modules import EMBEDDINGS, At, Site

Acting = Sequence[tuple[ModuleWeights | MixWeights, int]]
"""The attachments at a site, in the order of application, each with the index of the site in its `sites`."""


def frozen_at(model: nn.Module, layers: Sequence[nn.Module], family: Family, site: Site) -> nn.Module:
    """Return the module that `At.frozen` is at a site."""
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
    """Return the handles of hooks that apply the attachments; removing the handles removes the attachments.

    Args:
        model: The encoder.
        layers: Its layers.
        family: Its family.
        attachments: In the order of application.
        skipped: Returns the number of lowest layers in which attachments do not act now.
    """
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
    """Applies the attachments of a site in order; in a skipped layer, only those that stay."""

    def __init__(self, acting: Acting, layer: int, skipped: Callable[[], int]) -> None:
        self._acting, self._layer, self._skipped = acting, layer, skipped

    def __call__(self, hidden: Tensor, source: Tensor, frozen: nn.Module) -> Tensor:
        skipped = self._layer < self._skipped()
        for attachment, index in self._acting:
            if attachment.stays or not skipped:
                hidden = attachment.changed(index, At(hidden, source, frozen))
        return hidden


class _OutputHook:
    """The hook that changes the output of a linear map, or of an activation function."""

    def __init__(self, change: _Change) -> None:
        self._change = change

    def __call__(self, block: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        return self._change(output, inputs[0], block)


class _EmbeddingsHook:
    """The hook that changes the input of the first layer."""

    def __init__(self, change: _Change) -> None:
        self._change = change

    def __call__(self, embeddings: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:  # noqa: ARG002
        return self._change(output, output, embeddings)


class _SublayerHook:
    """The hooks that turn `LayerNorm(h + x)` into `LayerNorm(h' + x)`, where h' is the changed h.

    x is an input of the block, h is the output of its dropout, and the block's own LayerNorm computes the result.
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
