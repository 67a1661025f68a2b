"""Checks of the machine for a training: a single process, and the number of tokens that fit into memory."""

from __future__ import annotations

import os
from collections.abc import Sequence

import psutil
import torch

from layover import memory
from layover.data.features import Features
from layover.encoder import Encoder
from layover.encoder.attached import MixWeights, ModuleWeights
from layover.errors import NodeError
from layover.execution import Execution
from layover.inference.machine import capability_of, free_bytes
from layover.inference.order import Index, padded_tokens
from layover.numerics import Precision
from layover.training.branches import Branch
from layover.training.optimizer import Optimizer

LAUNCHED = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""Where torchrun, accelerate and the launchers of MPI write the number of processes.

Source: `PartialState` of accelerate, which reads the same variables.
"""


def refuse_several_processes() -> None:
    """Refuse to train in one of several distributed processes.

    Raises:
        NodeError: the process was started as one of several, or has joined others.
    """
    joined = torch.distributed.is_available() and torch.distributed.is_initialized()
    processes = [os.environ.get(name, "") for name in LAUNCHED]
    launched = any(number.isdecimal() and int(number) > 1 for number in processes)
    if launched or (joined and torch.distributed.get_world_size() > 1):
        raise NodeError(
            "a training runs in one process; start `layover run` without a launcher: it starts its own processes"
        )


def automatic_tokens(
    encoder: Encoder,
    optimizer: Optimizer,
    precision: Precision,
    execution: Execution,
    device: torch.device,
    branches: Sequence[Branch],
) -> int:
    """Return the padded tokens of a micro-batch that fit into the memory; the weights are already on the device."""
    trained = sum(weight.numel() for weights in optimizer.parts.values() for weight in weights)
    lowest, whole, shape = encoder.lowest if encoder.trained() else encoder.num_layers, encoder.whole, encoder.shape
    modules = [
        module for module in encoder.attachments if isinstance(module, ModuleWeights) and module.attachment.trainable
    ]
    work = memory.Workload(
        shape,
        precision,
        lowest,
        trained=trained,
        kept=sum(memory.kept_per_layer(module.attachment.module, shape) for module in modules),
        whole=whole,
        from_layer=encoder.first,
        words=encoder.words_there,
        gradient_checkpointing=execution.gradient_checkpointing,
        first_only=all(branch.head.first_only for branch in branches),
        logits=max(branch.head.logits_per_token(branch.features) for branch in branches),
        mixed=sum(mix.kept() for mix in encoder.attachments if isinstance(mix, MixWeights)),
        length=max(int(branch.features.lengths.max()) for branch in branches),
        device=device.type,
        capability=capability_of(device),
        head_size=shape.hidden // encoder.model.config.num_attention_heads,
    )
    load = memory.Load(work, trains=True, most=memory.most_tokens(device.type, trains=True))
    there = psutil.Process().memory_info().rss if work.on_cpu else memory.held_bytes(work)
    budget = there + memory.USABLE * free_bytes(device)
    return load.tokens(budget if execution.memory is None else min(budget, execution.memory))


def fewer_tokens(features: Features, pieces: Sequence[Index], *, step: int, allowed: int, device: torch.device) -> int:
    """Return the number of padded tokens to try after these micro-batches did not fit.

    Raises:
        NodeError: the micro-batches were single units already.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()
    largest = max(padded_tokens(features, piece) for piece in pieces)
    if all(len(piece) == 1 for piece in pieces):
        raise NodeError(
            f"step {step}: a single training unit ({largest} tokens with its padding) does not fit into the "
            f"memory of {device}; lower max_length, set run.gradient_checkpointing, adapt fewer layers, "
            "or use another device"
        )
    # a step may be far smaller than the limit; half of the limit would then split nothing
    return min(allowed, largest) // 2
