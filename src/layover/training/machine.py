"""What a training needs to know of the machine, and how it tells itself from other trainings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import psutil
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from layover import memory
from layover.batches import free_bytes
from layover.encoder import Encoder
from layover.encoder.attached import Attached, Mixed
from layover.errors import NodeError
from layover.execution import Execution
from layover.identity import key_of
from layover.training.course import Branch
from layover.training.optimiser import Optimiser
from layover.training.settings import LoopSettings


def accelerator_for(device: torch.device, *, mixed: bool) -> Accelerator:
    """Return an accelerator for one training in this process.

    Raises:
        NodeError: the process was started as one of several, or torch has no such device.
    """
    # Accelerate keeps device and precision once per process and refuses another precision; a worker trains
    # node after node, in fp32 and in bf16, one at a time. There is no public way to begin anew.
    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if mixed else "no")
    if accelerator.num_processes > 1:
        raise NodeError("a training runs in one process; `layover run` starts its processes by itself")
    if accelerator.device.type != device.type:
        raise NodeError(f"run.device: {device} is not available here, accelerate finds {accelerator.device}")
    return accelerator


def automatic_tokens(
    encoder: Encoder,
    optimiser: Optimiser,
    settings: LoopSettings,
    execution: Execution,
    device: torch.device,
    branches: Sequence[Branch],
) -> int:
    """Return the padded tokens of a micro-batch that fit into the memory; weights are on the device."""
    trained = sum(weight.numel() for weights in optimiser.parts.values() for weight in weights)
    lowest, whole, shape = encoder.lowest if encoder.trained() else encoder.num_layers, encoder.whole, encoder.shape
    pieces = [piece for piece in encoder.pieces if isinstance(piece, Attached) and piece.part.trainable]
    work = memory.Work(
        shape,
        settings.precision,
        lowest,
        trained=trained,
        kept=sum(memory.kept_per_layer(piece.part.module, shape) for piece in pieces),
        whole=whole,
        from_layer=encoder.first,
        words=encoder.words_there,
        gradient_checkpointing=execution.gradient_checkpointing,
        first_only=all(branch.head.first_only for branch in branches),
        logits=max(branch.head.logits_per_token(branch.features) for branch in branches),
        mixed=sum(piece.kept() for piece in encoder.pieces if isinstance(piece, Mixed)),
        length=max(int(branch.features.lengths.max()) for branch in branches),
        device=device.type,
    )
    load = memory.Load(work, trains=True, most=memory.most_tokens(device.type, trains=True))
    there = psutil.Process().memory_info().rss if work.on_cpu else memory.held_bytes(work)
    budget = there + memory.USABLE * free_bytes(device)
    return load.tokens(budget if execution.memory is None else min(budget, execution.memory))


def identity_of(settings: LoopSettings, criterion: str | None, branches: Sequence[Branch], optimiser: Optimiser) -> str:
    """Return the hash of a training before its first step: settings, data, and the weights it starts from."""
    data = [_data(branch) for branch in branches]
    if len(branches) > 1:
        heads = list(dict.fromkeys(branch.head for branch in branches))
        turns = [{"steps": branch.steps, "head": heads.index(branch.head)} for branch in branches]
        data = [{"branches": [{**one, **turn} for one, turn in zip(data, turns, strict=True)]}]
    return key_of(
        {
            "settings": asdict(settings),
            "criterion": criterion,
            **data[0],
            "weights": {name: [list(one.shape), _digest(one.numpy())] for name, one in optimiser.weights().items()},
        }
    )


def _data(branch: Branch) -> dict[str, Any]:
    features = branch.features
    return {
        "group": features.group,
        "hidden_percent": features.hidden_percent,
        "arrays": {name: _digest(array) for name, array in features.arrays.items()},
    }


def _digest(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()
