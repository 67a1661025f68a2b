"""The state of an unfinished training on disk: safetensors and JSON, formats that run no code when they are read.

A checkpoint is a folder `step-00000123` with `tensors.safetensors` (trained weights, AdamW's moments, best weights
so far) and `position.json` (position, identity of the training, hash of the tensors, and a digest of all this). It is
written to a temporary folder, flushed, and renamed; then the older checkpoints are removed. So a killed run leaves the
last complete checkpoint. A second checkpoint of the same step is `step-00000123.0001`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from layover.files.disk import full, message_of
from layover.identity import file_sha256, key_of
from layover.objectives import Objective
from layover.specs import Hyperparameters
from layover.store.files import is_sealed, sealed
from layover.training.branches import Branch
from layover.training.progress import Judge

TENSORS, POSITION = "tensors.safetensors", "position.json"
FORMAT = 3
REST_SECONDS = 300.0
"""Seconds without a change after which an unfinished checkpoint counts as left by a killed process."""


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a training by group, and its position as plain values."""

    weights: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    position: Mapping[str, Any]


def save_where_room(folder: Path, checkpoint: Checkpoint, *, step: int, identity: str, needed: bool) -> str | None:
    """Write a checkpoint as `save` does; return the reason if the disk is full, else None.

    Args:
        folder: See `save`.
        checkpoint: State to save.
        step: Finished steps.
        identity: Hash of the training.
        needed: Whether a full disk is an error; otherwise the training continues without the checkpoint.

    Raises:
        OSError: the checkpoint is needed, and the disk is full.
        SafetensorError: the same for the tensors.
    """
    try:
        save(folder, checkpoint, step=step, identity=identity)
    except Exception as error:
        if needed or full(error) is None:
            raise
        return f"no checkpoint: {message_of(error, folder)}"
    return None


def save(folder: Path, checkpoint: Checkpoint, *, step: int, identity: str) -> None:
    """Write a checkpoint and remove the older ones.

    Args:
        folder: Folder of the checkpoints; created if absent.
        checkpoint: State to save.
        step: Finished steps, for the name.
        identity: Hash of the training; `load` accepts only an equal one.

    Raises:
        OSError: it cannot be written; the older checkpoints stay.
        SafetensorError: the same for the tensors.
    """
    if folder.is_file():
        folder.unlink()  # a file of another program has this name
    folder.mkdir(parents=True, exist_ok=True)
    final, beside = _free_name(folder, step), folder / f"writing-{uuid.uuid4().hex}"
    beside.mkdir()
    _remove_rests(folder, beside)
    try:
        _write(beside, checkpoint, identity)
        beside.rename(final)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)  # free the space for other programs
        raise
    for old in folder.glob("step-*"):
        if old != final:
            shutil.rmtree(old, ignore_errors=True)


def _free_name(folder: Path, step: int) -> Path:
    """Return an unused name for a checkpoint, after the existing checkpoints of the same step."""
    name = f"step-{step:08d}"
    numbers = [path.suffix[1:] or "0" for path in folder.glob(f"{name}*")]
    last = max((int(number) for number in numbers if number.isdecimal()), default=-1)
    return folder / (name if last < 0 else f"{name}.{last + 1:04d}")


def _remove_rests(folder: Path, own: Path) -> None:
    """Remove unfinished checkpoints of killed processes; a recently changed one may belong to a live process."""
    now = _newest(own)
    for rest in folder.glob("writing-*"):
        if now - _newest(rest) > REST_SECONDS:
            shutil.rmtree(rest, ignore_errors=True)


def _newest(folder: Path) -> float:
    """Return the last change of a folder or its files, by the clock of the file system; 0 if it is absent."""
    times = [0.0]
    for path in (folder, *folder.glob("*")):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)


def _write(folder: Path, checkpoint: Checkpoint, identity: str) -> None:
    groups = {"weights": checkpoint.weights, "optimizer": checkpoint.optimizer, "best": checkpoint.best}
    tensors = {f"{group}|{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
    save_file(tensors, folder / TENSORS)
    head = {"format": FORMAT, "identity": identity, "sha256": file_sha256(folder / TENSORS)}
    text = json.dumps(sealed({**head, "position": dict(checkpoint.position)}), allow_nan=False)
    (folder / POSITION).write_text(text, encoding="utf-8")
    for name in (TENSORS, POSITION):
        _flush(folder / name)


def _flush(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def load(folder: Path, *, identity: str) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest usable checkpoint or None, and the reason why each newer one is unusable."""
    reasons: list[str] = []
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            return _read(path, identity), reasons
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            reasons.append(f"checkpoint {path.name} is not used: {error}")
    return None, reasons


def _read(path: Path, identity: str) -> Checkpoint:
    head = json.loads((path / POSITION).read_text(encoding="utf-8"))
    if head["format"] != FORMAT:
        raise ValueError(f"it has format {head['format']}, but this version reads {FORMAT}")
    if not is_sealed(head):
        raise ValueError("its position is damaged (the digest differs)")
    if head["identity"] != identity:
        raise ValueError("it belongs to another training (settings, data or weights differ)")
    if head["sha256"] != file_sha256(path / TENSORS):
        raise ValueError("its tensors are damaged (the hash differs)")
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "optimizer": {}, "best": {}}
    for name, tensor in load_file(path / TENSORS).items():
        group, _, rest = name.partition("|")
        groups[group][rest] = tensor
    return Checkpoint(groups["weights"], groups["optimizer"], groups["best"], head["position"])


def identity_of(
    hyperparameters: Hyperparameters,
    objective: Objective,
    judge: Judge | None,
    branches: Sequence[Branch],
    weights: Mapping[str, Tensor],
    name: str,
) -> str:
    """Return the hash of a training before its first step, over its settings, its data, and its initial weights.

    Args:
        hyperparameters: Like the other arguments, the argument of `fit`.
        objective: Objective with its settings.
        judge: Selection of the best weights.
        branches: Training sets, and their steps per epoch.
        weights: The trained weights, on the CPU.
        name: The key of the node of the whole training, which covers the frozen weights too.
    """
    data = [_data(branch) for branch in branches]
    if len(branches) > 1:
        heads = list(dict.fromkeys(branch.head for branch in branches))
        for values, branch in zip(data, branches, strict=True):
            values |= {"steps": branch.steps, "head": heads.index(branch.head)}
    return key_of(
        {
            "hyperparameters": hyperparameters.canonical(),
            "objective": objective.canonical(),
            "judge": None if judge is None else judge.identity(),
            "branches": data,
            "weights": {name: [list(weight.shape), _digest(weight.numpy())] for name, weight in weights.items()},
            "folder": name,
        }
    )


def _data(branch: Branch) -> dict[str, Any]:
    features = branch.features
    return {
        "group": features.group,
        "hidden_percent": features.hidden_percent,
        "arrays": {name: _digest(array) for name, array in features.arrays.items()},
        **({} if branch.class_weights is None else {"class_weights": _digest(branch.class_weights)}),
    }


def _digest(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()
