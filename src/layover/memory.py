"""How many bytes a training or a prediction takes, from sizes alone: no torch, so that a plan can say it before a run.

What the layers keep for the backward pass is counted tensor by tensor, as autograd does. On a GPU the peak is that of
the tensors (`max_memory_allocated`). On a CPU it is the largest resident size of the process: what Python and torch
take comes on top, and what the allocator cannot give back between tensors of different sizes.
`benchmarks/memory_model.py` measures both again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from layover.modules import Module
from layover.numerics import Precision, computes_in, frozen_bytes, state_bytes
from layover.shape import Shape

MIB = 2**20

PROCESS_BYTES = 345 * MIB
"""Python with torch and transformers imported, on a CPU."""

STARTED_BYTES = 60 * MIB
"""What computing adds to that on a CPU, whatever the model: kernels made at the first call, tables of tokens."""

FRAGMENTED = 1.55
"""On a CPU a process grows by so many times what layers take: freed pieces between kept ones stay with the process.
Where all weights train their gradients fill these."""

STRANDED = 5.3
"""With gradient checkpointing, on a CPU: a process grows by so many times (times `FRAGMENTED`) the inputs of the layers
that are kept, because each keeps the freed pieces around it from being given back."""

USABLE = 0.8
"""Share of the free memory, or of a GPU with its driver and its gaps, that a training plans with."""

CUDA_WORKSPACE_BYTES = 32 * MIB
"""Of cuBLAS, which PyTorch's allocator gives it (`CUBLAS_WORKSPACE_CONFIG` is :4096:8)."""

LOADING_BYTES = 28 * MIB
"""Beside the weights while they are loaded."""

BYTES_PER_LOGIT = 16
"""Of a head over the vocabulary: the logit, as float32 once more under autocast, its log-softmax, its gradient."""

BYTES_PER_WEIGHT = 4
"""Of a trained weight and of its gradient; of what a mix of modules keeps."""

BYTES_PER_CAST = 2
"""Where all weights train with `bf16`, each matrix is kept as bfloat16, too, from the forward to the backward pass."""

BYTES_PER_MOMENTS = 8
"""Of AdamW, per trained weight."""

BYTES_PER_SELECTED_WEIGHT = 4
"""The copy of the best weights so far, in main memory."""

BYTES_PER_CHECKPOINTED_WEIGHT = 4 + 8
"""Copies of weight and moments in main memory while a checkpoint is written; there are no gradients then."""

HEAD_SIZE = 64
"""Features of an attention head, in all sizes of XLM-R and BERT."""

POSITIONS = 514
LOOKUP_BYTES = 8
"""Where in memory each word's row lies."""

TYPICAL_WORDS = 30_000
"""Words of the vocabulary that some data use, for a plan that cannot count them."""

TYPICAL_LENGTH = 128
"""Tokens of a long row; it matters only where attention keeps its probabilities."""

MICRO_TOKENS = {"cpu": 4096, "accelerator": 16384}
"""Padded tokens at once beyond which nothing gets faster; more would only take memory."""

PREDICTED_TOKENS = {"cpu": 2048, "accelerator": 32768}
"""The same for predictions; on a CPU more falls out of its caches."""

LEAST_TOKENS = 64
"""No micro-batch is smaller by itself; one row may be."""


@dataclass(frozen=True)
class Workload:
    """What decides how much memory an encoder at work takes."""

    shape: Shape
    precision: Precision
    lowest: int
    """Lowest layer that a gradient reaches; the number of layers when only the head trains."""
    trained: int = 0
    """Weights that train, of the encoder and its modules."""
    kept: float = 0.0
    """Numbers per token and layer that the modules keep for the backward pass, see `Module.kept_numbers`."""
    whole: bool = False
    """All weights of the encoder train."""
    from_layer: int = 0
    """Hidden states that enter this layer are read from the disk; what is below is not in memory."""
    words: int | None = None
    """Rows of the table of word embeddings in memory; all of them when None."""
    gradient_checkpointing: bool = False
    """Only the input of each layer is kept, and all of one layer at a time."""
    first_only: bool = False
    """The head reads the first token of each row alone, so that the last layer keeps next to nothing."""
    logits: float = 0.0
    """Logits of the head per token, where they are many."""
    mixed: float = 0.0
    """Numbers per token that mixes of modules keep, of all layers together."""
    length: int = TYPICAL_LENGTH
    """Tokens of a row."""
    device: str = "cpu"

    @property
    def on_cpu(self) -> bool:
        """Whether the weights lie in the process's own memory."""
        return self.device == "cpu"

    @property
    def number(self) -> int:
        """Bytes of a number that the encoder computes with."""
        return state_bytes(self.precision)

    @property
    def halved(self) -> bool:
        """Whether activations are bfloat16."""
        return computes_in(self.precision) == "bf16"

    @property
    def stored(self) -> int:
        """Bytes of an encoder's weight."""
        return 4 if self.whole else self.number


def held_bytes(work: Workload) -> int:
    """Return the bytes of the encoder's weights in memory, the trained ones of its modules included."""
    shape, whole_table = work.shape, work.words is None
    layers = (shape.layers - work.from_layer) * shape.layer_parameters
    rows = 0
    if work.from_layer == 0:
        rows = POSITIONS + (shape.vocabulary if work.words is None else min(work.words, shape.vocabulary))
    lookup = 0 if whole_table or work.from_layer else LOOKUP_BYTES * shape.vocabulary
    beside = 0 if work.whole else BYTES_PER_WEIGHT * work.trained
    each = 4 if work.whole else frozen_bytes(work.precision)
    return int(each * layers + work.stored * rows * shape.hidden + lookup + beside)


def kept_bytes(work: Workload) -> float:
    """Return the bytes that a layer keeps for the backward pass, per token.

    In units of numbers: hidden states that enter two norms, query, key, value, context, and what enters the activation
    function; masks of two dropouts as bytes. When all weights train, what enters each linear map, too.
    """
    hidden, inner = work.shape.hidden, work.shape.intermediate
    unfused = work.on_cpu and work.halved
    # attention in bfloat16 on a CPU keeps its probabilities, head by head, and no context
    probabilities = 2 * (hidden / HEAD_SIZE) * work.length if unfused else 0.0
    if work.whole and work.halved:  # norms in float32, beside the casts that the matrices read
        return 26 * hidden + 4 * inner + probabilities
    numbers = (9 if work.whole else 6 - unfused) * hidden + (2 if work.whole else 1) * inner
    return work.number * (numbers + work.kept) + 2 * hidden + probabilities


def working_bytes(work: Workload, first: int) -> float:
    """Return what one layer needs while it is computed, per token, of the layers from `first` up.

    That is both sides of the activation function, and some hidden states; of the last layer the latter alone, where
    only the first token of each row is wanted of it.
    """
    wide = first < work.shape.layers - work.first_only
    return work.number * ((2 * work.shape.intermediate if wide else 0) + 5 * work.shape.hidden)


def bytes_per_token(work: Workload) -> float:
    """Return the bytes of the layers' tensors that one padded token takes at the end of a training's forward pass."""
    layers, kept, mixed = work.shape.layers - work.lowest, kept_bytes(work), BYTES_PER_WEIGHT * work.mixed
    working = working_bytes(work, work.from_layer)
    if not layers:
        return working
    entering = work.number * work.shape.hidden
    # of the last layer only keys and values of all tokens are needed, and what they are made of
    last = 3 * entering if work.first_only else kept
    if work.gradient_checkpointing:  # a layer's forward pass runs again in the midst of the backward pass
        inputs = entering * layers * (STRANDED if work.on_cpu else 1)
        return working + (kept if layers > 1 else last) + mixed / layers + inputs
    return working + last + kept * (layers - 1) + mixed


@dataclass(frozen=True)
class Load:
    """A training or a prediction, as a load on the memory of a device."""

    work: Workload
    trains: bool
    most: int
    """Padded tokens of a micro-batch where there is room."""

    @property
    def each(self) -> float:
        """Bytes per padded token of a micro-batch."""
        work = self.work
        layers = bytes_per_token(work) if self.trains else working_bytes(work, work.from_layer)
        if work.on_cpu and not (self.trains and work.whole):
            layers *= FRAGMENTED
        return layers + BYTES_PER_LOGIT * work.logits

    @property
    def fixed(self) -> int:
        """Bytes that a step takes however few tokens it has."""
        work, shape = self.work, self.work.shape
        size = held_bytes(work) + (PROCESS_BYTES + STARTED_BYTES if work.on_cpu else CUDA_WORKSPACE_BYTES)
        if not self.trains:
            return size
        size += BYTES_PER_MOMENTS * work.trained
        if work.whole and work.halved:
            size += BYTES_PER_CAST * shape.layer_parameters * shape.layers
        if work.on_cpu:
            size += BYTES_PER_SELECTED_WEIGHT * work.trained
        if work.on_cpu or not work.whole:
            size += BYTES_PER_WEIGHT * work.trained
        return size

    def peak(self, tokens: int | None = None) -> int:
        """Return the estimated peak in bytes, the selection of the best weights included.

        Of the process on a CPU, loading and checkpoints included; of the tensors on a GPU.

        Args:
            tokens: Padded tokens of a micro-batch; `most` when None.
        """
        work = self.work
        peak_bytes = self.fixed + self.each * (self.most if tokens is None else tokens)
        if self.trains and work.whole and not work.on_cpu:
            # where all weights train, gradients take the place of what they are made from
            peak_bytes = max(peak_bytes, self.fixed + BYTES_PER_WEIGHT * work.trained)
        if self.trains and work.on_cpu:
            peak_bytes = max(peak_bytes, self.fixed + (BYTES_PER_CHECKPOINTED_WEIGHT - BYTES_PER_WEIGHT) * work.trained)
        return int(max(peak_bytes, loading_peak(work)))

    def tokens(self, budget: float) -> int:
        """Return the largest micro-batch within a budget, in padded tokens, at least `LEAST_TOKENS`; see `peak`."""
        return tokens_within(budget - self.fixed, self.each, most=self.most)

    def fits(self, budget: float) -> bool:
        """Return whether it fits a budget at all."""
        return self.peak(self.tokens(budget)) <= budget

    def on(self, device: str, micro_tokens: int | None = None) -> Load:
        """Return the same on another device: `cpu`, `cuda` or `mps`; `micro_tokens` are the recipe's."""
        most = micro_tokens or most_tokens(device, trains=self.trains)
        return replace(self, work=replace(self.work, device=device), most=most)


def most_tokens(device: str, *, trains: bool) -> int:
    """Return the padded tokens of a micro-batch where there is room."""
    limits = MICRO_TOKENS if trains else PREDICTED_TOKENS
    return limits.get(device, limits["accelerator"])


def loading_peak(work: Workload) -> int:
    """Return the peak of loading an encoder: on a CPU what is read lies there beside what is made of it."""
    held = held_bytes(replace(work, trained=0))
    if not work.on_cpu:
        return held
    read = (work.shape.layers - work.from_layer) * work.shape.layer_parameters
    if work.words is None and not work.from_layer:
        read += work.shape.vocabulary * work.shape.hidden
    return PROCESS_BYTES + LOADING_BYTES + held + BYTES_PER_WEIGHT * read


def training_bytes(
    shape: Shape,
    trained: int,
    *,
    lowest: int,
    precision: Precision,
    tokens: int = MICRO_TOKENS["cpu"],
    kept: float | None = None,
    cached: bool = False,
    words: int = TYPICAL_WORDS,
    gradient_checkpointing: bool = False,
    first_only: bool = False,
    length: int = TYPICAL_LENGTH,
    device: str = "cpu",
) -> int:
    """Return the estimated peak of a training in bytes, see `Load.peak`.

    Args:
        shape: Sizes of the encoder.
        trained: Number of trained weights; all of the encoder's for full fine-tuning.
        lowest: Lowest layer that gets a gradient.
        precision: In which numbers the encoder computes.
        tokens: Padded tokens of a micro-batch.
        kept: Numbers per token and layer that the module keeps, see `Workload`; those of LoRA when None.
        cached: The hidden states that enter `lowest` are read from the disk.
        words: Rows of the table of word embeddings in memory.
        gradient_checkpointing: Layers are computed again in the backward pass.
        first_only: The head reads the first token of each row alone.
        length: Tokens of a row.
        device: `cpu`, `cuda` or `mps`.
    """
    whole = trained >= shape.parameters
    work = Workload(
        shape,
        precision,
        lowest,
        trained=trained,
        kept=shape.hidden if kept is None else kept,
        whole=whole,
        from_layer=lowest if cached else 0,
        words=None if whole else words,
        gradient_checkpointing=gradient_checkpointing,
        first_only=first_only,
        length=length,
        device=device,
    )
    return Load(work, trains=True, most=tokens).peak()


def tokens_within(budget_bytes: float, per_token: float, *, most: int) -> int:
    """Return the largest power of two of padded tokens that fits a budget, between 64 and `most`.

    A power of two, so that a little more or less free memory does not change how a step is split, and with it
    the rounding of a run.
    """
    fitting = max(0, int(budget_bytes // per_token))
    return max(LEAST_TOKENS, min(most, (1 << fitting.bit_length()) // 2))


@lru_cache(maxsize=256)
def kept_per_layer(module: Module, shape: Shape) -> float:
    """Return the numbers per token that training a module keeps in each of its layers."""
    return module.kept_numbers(shape) / max(1, len(module.layers_of(shape.layers)))
