"""Writes modules and heads into the folder of a package, in every layout that supports them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from layover import layouts
from layover.errors import ModelError
from layover.layouts import CONFIG, Base, WrittenNames, heads
from layover.modules import Module
from layover.packages.card import ADAPTERHUB, MODULE
from layover.packages.package import MODULE_LAYOUT
from layover.packages.sections import TaskFacts
from layover.store import write_json

if TYPE_CHECKING:
    from torch import Tensor

    from layover.heads import Head


def write_module(
    folder: Path,
    module: Module,
    weights: Mapping[str, Tensor],
    base: Base,
    named: WrittenNames,
    *,
    adapterhub: bool,
) -> str:
    """Write a module in the layouts that support it, and return the layout that the card names.

    Args:
        folder: The folder of the package.
        module: The settings of the module.
        weights: By canonical name.
        base: The encoder.
        named: The names of the package and of its encoder.
        adapterhub: Whether to write AdapterHub's layout in addition to peft's. A module that peft does not support is
            always written in it.

    Raises:
        ModelError: `adapterhub` is set, and AdapterHub's layout does not support the module.
    """
    from layover.encoder import write_weights

    peft, hub = layouts.get("peft"), layouts.get("adapterhub")
    used = []
    if not peft.refuses(module, base):
        write_json(folder / CONFIG, peft.config(module, base, named))
        write_weights(folder / peft.file, peft.laid_out(module, base, named.name, weights))
        used.append(peft.name)
    if adapterhub or not used:
        reason = hub.refuses(module, base)
        if reason and adapterhub:
            raise ModelError(f"{named.name}: AdapterHub's layout: {reason}")
        if not reason:
            inner = folder / ADAPTERHUB
            inner.mkdir()
            write_json(inner / CONFIG, hub.config(module, base, named))
            write_weights(inner / hub.file, hub.laid_out(module, base, named.name, weights))
            used.append(hub.name)
    if not used:
        write_weights(folder / MODULE, weights)
        used.append(MODULE_LAYOUT)
    return used[0]


def write_head(
    folder: Path,
    head: Head,
    task: TaskFacts,
    base: Base,
    named: WrittenNames,
    *,
    adapters: bool,
) -> None:
    """Write a head under the names of transformers, and of adapters if `adapters` is set."""
    from layover.encoder import write_weights

    own, form, labels = dict(head.state_dict()), task.form(), task.labels
    write_json(folder / heads.HEAD_CONFIG, heads.config(task.kind, form, labels, base))
    write_weights(folder / heads.HEAD, heads.renamed(own, heads.in_transformers(form, base)))
    if adapters:
        inner = folder / ADAPTERHUB
        write_json(inner / heads.HEAD_CONFIG, heads.adapters_config(form, labels, base, named, choices=task.choices))
        write_weights(inner / heads.ADAPTERS_HEAD, heads.renamed(own, heads.in_adapters(form, named.name)))
