"""Beginnings of trainings, which a search stops to compare them: their checkpoints, and how the rest copies them.

A beginning leaves its checkpoint in the store, in a folder of the whole training. A longer training of the same starts
with a copy, and a file beside it names it: a copy is no checkpoint that the training resumes after a stop. Nothing
depends on these folders: without one, the training starts from its first step.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from layover.specs.train import TrainSpec
from layover.store import Store
from layover.store.files import remove

COPIED = "copied"
"""File beside the checkpoints of a training: the names of those that are copies of a shorter training."""


def keep_beginning(store: Store, key: str, spec: TrainSpec) -> None:
    """Move the checkpoint of a finished beginning to where longer trainings look for it.

    Args:
        store: The store.
        key: The key of the beginning.
        spec: Its specification.
    """
    place = store.begun(spec.whole.key) / f"{spec.until:g}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        remove(place)
    with suppress(OSError):  # another run made the same beginning, or removes it
        store.work(key).rename(place)


def copy_beginning(store: Store, key: str, spec: TrainSpec) -> None:
    """Copy the checkpoint of the longest shorter beginning to a training that has none of its own yet.

    Args:
        store: The store.
        key: The key of the training.
        spec: Its specification; it may be a beginning itself.
    """
    folder, end, work = store.begun(spec.whole.key), 1.0 if spec.until is None else spec.until, store.work(key)
    if work.is_dir() or not folder.is_dir():
        return
    shares = {float(place.name): place for place in folder.iterdir() if _is_share(place.name)}
    shorter = [share for share in shares if share < end]
    if shorter:
        source = shares[max(shorter)]
        with suppress(OSError):  # it is removed meanwhile, or the disk is full: the training starts from its first step
            names = _checkpoints(source)
            work.mkdir(parents=True)
            (work / COPIED).write_text("\n".join(names), encoding="utf-8")  # first, so that no copy is without it
            shutil.copytree(source, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns(COPIED))


def has_checkpoint(work: Path) -> bool:
    """Return whether a stopped training left a checkpoint of its own; the copy of a beginning is none.

    Args:
        work: The folder of its checkpoints.
    """
    return not _copied(work).issuperset(_checkpoints(work))


def copied_step(work: Path) -> int:
    """Return the number of steps that a training has from the copy of a beginning; 0 without a copy.

    Args:
        work: The folder of its checkpoints.
    """
    steps = (name.removeprefix("step-").partition(".")[0] for name in _copied(work))
    return max((int(step) for step in steps if step.isdecimal()), default=0)


def _checkpoints(work: Path) -> list[str]:
    """Return the names of the checkpoints in a folder (`layover.training.checkpoint`)."""
    return sorted(place.name for place in work.glob("step-*"))


def _copied(work: Path) -> set[str]:
    """Return the names of the checkpoints that were copied from a shorter training."""
    with suppress(OSError, ValueError):
        return set((work / COPIED).read_text(encoding="utf-8").split())
    return set()


def _is_share(name: str) -> bool:
    with suppress(ValueError):
        return 0 < float(name) < 1
    return False


def beginning_of(training: Mapping[str, Any], until: float) -> dict[str, Any]:
    """Return the record of a beginning from that of the finished whole training.

    Args:
        training: `training.json` of the whole training.
        until: The share of the steps after which the beginning ends, at the next evaluation.
    """
    least = math.ceil(round(until * training["planned_steps"], 6))
    history = training["history"]
    count = next((number for number, seen in enumerate(history, 1) if seen["step"] >= least), len(history))
    history, criterion = history[:count], training["criterion"]
    steps, curve = history[-1]["step"], training["loss_curve"]
    scored = [] if "average" in training else [seen for seen in history if seen["metrics"].get(criterion) is not None]
    best = max(scored, key=lambda seen: float(seen["metrics"][criterion]), default=None)
    return {
        "steps": steps,
        "planned_steps": training["planned_steps"],
        "best_step": None if best is None else best["step"],
        "criterion": criterion,
        "stopped_early": steps < training["planned_steps"],
        "history": history,
        "loss_curve": {"every": curve["every"], "losses": curve["losses"][: steps // curve["every"]]},
    }
