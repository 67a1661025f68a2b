"""Memory estimate of a training or a prediction from sizes alone: without torch, so that a plan can report it.

The tensors that layers keep for the backward pass are counted one by one, as autograd keeps them. On a GPU the peak is
the peak of the tensors (`max_memory_allocated`). On a CPU it is the largest resident size of the process. It includes
Python, torch, and fragments that the allocator cannot release. `benchmarks/memory_model.py` measures both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from layover.devices import fuses_attention
from layover.modules import Module
from layover.numerics import Precision, computes_in, frozen_bytes, state_bytes
from layover.shape import Shape

MIB = 2**20

PROCESS_BYTES = 240 * MIB
"""Python with all that a worker imports, torch among it, on a CPU."""

STARTED_BYTES = 50 * MIB
"""Added by computation on a CPU for any model: kernels compiled at the first call, tables of tokens."""

FRAGMENTED = 1.55
"""Growth of a process on a CPU divided by the size of layer tensors; freed blocks between live ones stay with it.
In full fine-tuning the gradients fill these blocks."""

STRANDED = 5.3
"""With gradient checkpointing on a CPU: growth of a process divided by the size of the kept layer inputs, on top of
the factor `FRAGMENTED`. Each kept input prevents the release of the freed blocks around it."""

USABLE = 0.8
"""Share of the free memory that a training plans with; the rest is for the driver and fragmentation."""

CUDA_WORKSPACE_BYTES = 32 * MIB
"""Workspace of cuBLAS from PyTorch's allocator (`CUBLAS_WORKSPACE_CONFIG` is :4096:8)."""

LOADING_BYTES = 28 * MIB
"""Additional memory while weights are loaded."""

BYTES_PER_LOGIT = 16
"""For a head over the vocabulary: the logit, its float32 copy under autocast, its log-softmax, its gradient."""

BYTES_PER_PERTURBATION = 4
"""A number of a perturbation, in float32 with any precision."""

PERTURBATIONS = 3
"""A perturbation, its gradient, and the next one."""

BYTES_PER_WEIGHT = 4
"""Bytes of a trained weight, of its gradient, and of a number that a mix of modules keeps."""

BYTES_PER_CAST = 2
"""Full fine-tuning with `bf16` also keeps each matrix as bfloat16 from the forward to the backward pass."""

BYTES_PER_MOMENTS = 8
"""Moments of AdamW, per trained weight."""

BYTES_PER_SELECTED_WEIGHT = 4
"""Copy of the best weights so far, in main memory."""

BYTES_PER_CHECKPOINTED_WEIGHT = 4 + 8
"""Copies of weight and moments in main memory while a checkpoint is written; no gradients exist at that time."""

HEAD_SIZE = 64
"""Features of an attention head, in all sizes of XLM-R and BERT."""

BYTES_PER_PROBABILITY = {"cpu": 2, "accelerator": 4}
"""Bytes of an attention probability that is kept: torch's plain products on a GPU keep it in float32."""

BYTES_PER_SCORE = 8
"""Plain attention on a GPU while it runs: a score and its gradient, or a score and its probability, in float32."""

POSITIONS = 514
LOOKUP_BYTES = 8
"""Bytes of the row index of one word."""

TYPICAL_WORDS = 30_000
"""Typical number of distinct words in a data set, for a plan that cannot count them."""

TYPICAL_LENGTH = 128
"""Tokens of a long row; used only where attention keeps its probabilities."""

MICRO_TOKENS = {"cpu": 4096, "accelerator": 16384}
"""Maximum padded tokens of a micro-batch; more tokens need more memory and bring no speed."""

PREDICTED_TOKENS = {"cpu": 2048, "accelerator": 32768}
"""Maximum padded tokens of a prediction batch; on a CPU larger batches do not fit its caches."""

LEAST_TOKENS = 64
"""Minimum padded tokens of a micro-batch; a single short row may have fewer."""


@dataclass(frozen=True)
class Workload:
    """Everything that decides the memory of an encoder in use."""

    shape: Shape
    precision: Precision
    lowest: int
    """Lowest layer that a gradient reaches; the number of layers if only the head trains."""
    trained: int = 0
    """Number of trained weights of the encoder and its modules."""
    kept: float = 0.0
    """Numbers per token and layer that the modules keep for the backward pass, see `Module.kept_numbers`."""
    whole: bool = False
    """Whether all weights of the encoder train."""
    from_layer: int = 0
    """The hidden states that enter this layer are read from the disk; lower layers are not in memory."""
    words: int | None = None
    """Rows of the table of word embeddings in memory; None: all rows."""
    gradient_checkpointing: bool = False
    """Whether only the input of each layer is kept, and all tensors of one layer at a time."""
    first_only: bool = False
    """Whether the head reads only the first token of each row, so that the last layer keeps almost nothing."""
    logits: float = 0.0
    """Logits of the head per token, if there are many."""
    mixed: float = 0.0
    """Numbers per token that mixes of modules keep, summed over the layers."""
    graphs: int = 1
    """Passes of a step whose tensors are in memory at the same time."""
    perturbed: bool = False
    """Whether the embeddings or hidden states are perturbed."""
    length: int = TYPICAL_LENGTH
    """Tokens of a row."""
    device: str = "cpu"
    capability: tuple[int, int] | None = None
    """Compute capability of a card of NVIDIA; None if unknown."""
    head_size: int = HEAD_SIZE
    """Features of an attention head."""

    @property
    def heads(self) -> float:
        """Attention heads of a layer."""
        return self.shape.hidden / self.head_size

    def unfused(self, *, trains: bool) -> bool:
        """Return whether attention has its probabilities in memory, see `devices.fuses_attention`."""
        return not fuses_attention(self.device, self.capability, self.precision, self.head_size, trains=trains)

    @property
    def on_cpu(self) -> bool:
        """Whether the weights are in the memory of the process."""
        return self.device == "cpu"

    @property
    def number(self) -> int:
        """Bytes of a number of the activations."""
        return state_bytes(self.precision)

    @property
    def halved(self) -> bool:
        """Whether activations are bfloat16."""
        return computes_in(self.precision) == "bf16"

    @property
    def stored(self) -> int:
        """Bytes of a weight of the encoder."""
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

    It counts, in numbers: the hidden states that enter two norms; query, key, value and context; the input of the
    activation function. Full fine-tuning also keeps the input of each linear map. The masks of two dropouts take bytes
    on a CPU; other devices compute them again.
    """
    hidden, inner = work.shape.hidden, work.shape.intermediate
    masks = 2 * hidden if work.on_cpu else 0
    unfused = work.unfused(trains=True)
    # plain attention keeps its probabilities, head by head, and no context
    probabilities = _of(BYTES_PER_PROBABILITY, work) * work.heads * work.length if unfused else 0.0
    if unfused and work.halved and not work.on_cpu:
        # query, key and value are kept in float32 instead of bfloat16
        probabilities += 3 * (4 - work.number) * hidden
    if work.whole and work.halved:  # norms in float32, in addition to the casts that the matrices read
        return 24 * hidden + 4 * inner + masks + probabilities
    numbers = (9 if work.whole else 6 - unfused) * hidden + (2 if work.whole else 1) * inner
    return work.number * (numbers + work.kept) + masks + probabilities


def working_bytes(work: Workload, first: int, *, trains: bool) -> float:
    """Return the bytes per token that one layer needs while it runs; the layers from `first` up run.

    It needs input and output of the activation function and some hidden states. The last layer needs only the hidden
    states if the head reads only the first token of each row. Plain attention on a GPU also needs its scores.
    """
    wide = first < work.shape.layers - work.first_only
    scores = 0.0
    if wide and not work.on_cpu and work.unfused(trains=trains):
        scores = BYTES_PER_SCORE * work.heads * work.length
    return work.number * ((2 * work.shape.intermediate if wide else 0) + 5 * work.shape.hidden) + scores


def _of(limits: Mapping[str, int], work: Workload) -> int:
    return limits["cpu" if work.on_cpu else "accelerator"]


def bytes_per_token(work: Workload) -> float:
    """Return the bytes of the layers' tensors that one padded token takes at the end of a training's forward pass."""
    layers, kept, mixed = work.shape.layers - work.lowest, kept_bytes(work), BYTES_PER_WEIGHT * work.mixed
    working = working_bytes(work, work.from_layer, trains=True)
    if not layers:
        return working
    entering = work.number * work.shape.hidden
    # the last layer needs only keys and values of all tokens, and their inputs
    last = 3 * entering if work.first_only else kept
    if work.gradient_checkpointing:  # the forward pass of a layer runs again within the backward pass
        inputs = entering * layers * (STRANDED if work.on_cpu else 1)
        return working + (kept if layers > 1 else last) + mixed / layers + inputs
    return working + last + kept * (layers - 1) + mixed


@dataclass(frozen=True)
class Load:
    """The memory use of a training or a prediction on a device."""

    work: Workload
    trains: bool
    most: int
    """Maximum padded tokens of a micro-batch."""

    @property
    def each(self) -> float:
        """Bytes per padded token of a micro-batch."""
        work = self.work
        layers = bytes_per_token(work) if self.trains else working_bytes(work, work.from_layer, trains=False)
        if self.trains and work.graphs > 1:
            working = working_bytes(work, work.from_layer, trains=True)
            layers = working + work.graphs * (layers - working)
        if self.trains and work.perturbed:
            layers += PERTURBATIONS * BYTES_PER_PERTURBATION * work.shape.hidden
        if work.on_cpu and not (self.trains and work.whole):
            layers *= FRAGMENTED
        return layers + BYTES_PER_LOGIT * work.logits

    @property
    def fixed(self) -> int:
        """Bytes that a step takes for any number of tokens."""
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
        """Return the estimated peak in bytes, including the copy of the best weights.

        On a CPU it is the peak of the process, including loading and checkpoints; on a GPU the peak of the tensors.

        Args:
            tokens: Padded tokens of a micro-batch; `most` if None.
        """
        work = self.work
        peak_bytes = self.fixed + self.each * (self.most if tokens is None else tokens)
        if self.trains and work.whole and not work.on_cpu:
            # in full fine-tuning, gradients take the place of the activations
            peak_bytes = max(peak_bytes, self.fixed + BYTES_PER_WEIGHT * work.trained)
        if self.trains and work.on_cpu:
            peak_bytes = max(peak_bytes, self.fixed + (BYTES_PER_CHECKPOINTED_WEIGHT - BYTES_PER_WEIGHT) * work.trained)
        return int(max(peak_bytes, loading_peak(work)))

    def tokens(self, budget: float) -> int:
        """Return the largest micro-batch within a budget, in padded tokens, at least `LEAST_TOKENS`; see `peak`."""
        return tokens_within(budget - self.fixed, self.each, most=self.most)

    def fits(self, budget: float) -> bool:
        """Return whether the smallest micro-batch fits a budget."""
        return self.peak(self.tokens(budget)) <= budget

    def on(self, device: str, micro_tokens: int | None = None, capability: tuple[int, int] | None = None) -> Load:
        """Return this load on another device.

        Args:
            device: `cpu`, `cuda` or `mps`.
            micro_tokens: The setting of the recipe.
            capability: Compute capability of a card of NVIDIA; None if unknown.
        """
        most = micro_tokens or most_tokens(device, trains=self.trains)
        return replace(self, work=replace(self.work, device=device, capability=capability), most=most)


def most_tokens(device: str, *, trains: bool) -> int:
    """Return the maximum padded tokens of a micro-batch on a device."""
    limits = MICRO_TOKENS if trains else PREDICTED_TOKENS
    return limits.get(device, limits["accelerator"])


def loading_peak(work: Workload) -> int:
    """Return the peak of loading an encoder; on a CPU the largest weight is there twice while it is converted."""
    held = held_bytes(replace(work, trained=0))
    if not work.on_cpu:
        return held
    shape = work.shape
    table = shape.vocabulary if work.words is None and not work.from_layer else 0
    return PROCESS_BYTES + LOADING_BYTES + held + BYTES_PER_WEIGHT * shape.hidden * max(table, shape.intermediate)


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
        trained: Number of trained weights; for full fine-tuning all weights of the encoder.
        lowest: Lowest layer that gets a gradient.
        precision: Precision of the encoder.
        tokens: Padded tokens of a micro-batch.
        kept: Numbers per token and layer that the module keeps, see `Workload`; None: the numbers of LoRA.
        cached: Whether the hidden states that enter `lowest` are read from the disk.
        words: Rows of the table of word embeddings in memory.
        gradient_checkpointing: Whether layers are recomputed in the backward pass.
        first_only: Whether the head reads only the first token of each row.
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

    With powers of two, a small change of the free memory does not change the split of a step, and so not the rounding.
    """
    fitting = max(0, int(budget_bytes // per_token))
    return max(LEAST_TOKENS, min(most, (1 << fitting.bit_length()) // 2))


@lru_cache(maxsize=256)
def kept_per_layer(module: Module, shape: Shape) -> float:
    """Return the numbers per token that training a module keeps in each of its layers."""
    return module.kept_numbers(shape) / max(1, len(module.layers_of(shape.layers)))
