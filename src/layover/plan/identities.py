"""What decides the result of a training; neither the names of tasks nor those of methods are among it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from layover.modules import AdapterDrop, Module
from layover.plan.inputs import Composed, TrainInputs


def settings_of(module: Module) -> dict[str, Any]:
    """Return what of a module decides a result."""
    return module.canonical()


def composed_identity(composed: Composed | None) -> dict[str, Any]:
    """Return what a composition of finished trainings is; one of them stands there without a list."""
    if composed is None:
        return {"compose": None, "intermediate": None}
    keys = [one.key for one in composed.learned]
    gates = [one.gates for one in composed.learned if one.gates is not None]
    identity = {"compose": composed.composition.canonical(), "intermediate": keys[0] if len(keys) == 1 else keys}
    return {**identity, "gates": gates} if gates else identity


def dropped(drop: AdapterDrop, *, selects: bool) -> dict[str, Any]:
    """Return the layers without modules, where there are any; those in predictions count where these select."""
    trained = {"train": drop.train, "random": drop.random} if drop.train else {}
    selected = {"predict": drop.predicting} if selects and drop.drops() else {}
    return {"adapterdrop": {**trained, **selected}} if trained or selected else {}


def train_identity(inputs: TrainInputs) -> dict[str, Any]:
    """Return all that decides the trained weights; neither the task's name nor the method's is among it."""
    selection, composed = inputs.selection, inputs.composed
    identity = {
        "encoder": dict(inputs.encoder.identity),
        "module": settings_of(inputs.module),
        **composed_identity(composed),
        "kind": inputs.task.kind,
        "labels": list(inputs.task.labels),
        "data": inputs.data,
        "select": None if selection is None else selection.identity(),
        **asdict(inputs.optimisation),
        **dropped(inputs.adapterdrop, selects=selection is not None),
    }
    if inputs.languages.adapters():
        identity["languages"] = asdict(inputs.languages)
    if inputs.head_from is None:
        return identity
    one = composed is not None and len(composed.learned) == 1
    return {**identity, "head": "continue" if one else {"continue": inputs.head_from}}
