"""The state of an unfinished training on disk: safetensors and JSON, nothing that runs code when it is read.

A checkpoint is a folder `step-00000123` with `tensors.safetensors` (trained weights, AdamW's moments, best weights
so far) and `position.json` (position, identity of the training, hash of the tensors, and a digest of all this). It is
written beside, flushed, and renamed; then the older ones go. So a killed run leaves the last whole one. Another one of
the same step is `step-00000123.0001`.
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
"""What is being written, and did not change for so long, is of a killed process."""


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by group, and plain values."""

    weights: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    position: Mapping[str, Any]


def save_where_room(folder: Path, checkpoint: Checkpoint, *, step: int, identity: str, needed: bool) -> str | None:
    """Write a checkpoint as `save` does; return why there is none where the disk has no room for it.

    Args:
        folder: See `save`.
        checkpoint: What to keep.
        step: Finished steps.
        identity: Of the training.
        needed: Whether a disk without room is an error; else the training goes on without.

    Raises:
        OSError: the checkpoint is needed, and the disk has no room for it.
        SafetensorError: the same, of the tensors.
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
        folder: Made when it is not there.
        checkpoint: What to keep.
        step: Finished steps, for the name.
        identity: Hash of what the training is; `load` takes only an equal one.

    Raises:
        OSError: it cannot be written; the older ones stay.
        SafetensorError: the same, of the tensors.
    """
    if folder.is_file():
        folder.unlink()  # something else took its place; what it says is not ours
    folder.mkdir(parents=True, exist_ok=True)
    final, beside = _free_name(folder, step), folder / f"writing-{uuid.uuid4().hex}"
    beside.mkdir()
    _remove_rests(folder, beside)
    try:
        _write(beside, checkpoint, identity)
        beside.rename(final)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)  # on a full disk it would take room from everyone
        raise
    for old in folder.glob("step-*"):
        if old != final:
            shutil.rmtree(old, ignore_errors=True)


def _free_name(folder: Path, step: int) -> Path:
    """Return the name of a new checkpoint, behind those that there are of the same step: none is in its way."""
    name = f"step-{step:08d}"
    numbers = [path.suffix[1:] or "0" for path in folder.glob(f"{name}*")]
    last = max((int(number) for number in numbers if number.isdecimal()), default=-1)
    return folder / (name if last < 0 else f"{name}.{last + 1:04d}")


def _remove_rests(folder: Path, own: Path) -> None:
    """Remove what killed processes were writing; what changed a moment ago may be of a live one."""
    now = _newest(own)
    for rest in folder.glob("writing-*"):
        if now - _newest(rest) > REST_SECONDS:
            shutil.rmtree(rest, ignore_errors=True)


def _newest(folder: Path) -> float:
    """Return when a folder, or a file in it, changed last, by the clock of its file system; 0 when it is gone."""
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
    """Return the newest usable checkpoint, or None, and why each newer one was of no use."""
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
        raise ValueError(f"it has format {head['format']}, this version reads {FORMAT}")
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
    folder: str,
) -> str:
    """Return the hash of a training before its first step: what it does, its data, and the weights it starts from.

    Args:
        hyperparameters: As the rest, what `fit` was given.
        objective: With its settings.
        judge: How the best weights are chosen.
        branches: Data, and how they take turns.
        weights: Those that train, on the CPU.
        folder: Of the checkpoints; it has the name of the node, whose key knows the frozen weights below, too.
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
            "folder": folder,
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
