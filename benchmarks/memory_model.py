"""Hold the memory model (`layover.memory`) against what is measured.

    python benchmarks/memory_model.py saved       what autograd keeps in one layer, per token and unit of hidden size
    python benchmarks/memory_model.py peaks       peak of whole processes against the estimate, and the ratio

Each process of `peaks` does what a node of `layover run` does: it loads an encoder from a folder of random weights,
trains some steps of one micro-batch each, with a selection of the best weights, or predicts. `--only "lora bf16"` takes
the cases with these words in their names. Main memory is measured (VmHWM); no network. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import layover.engine.preload  # noqa: F401  what a worker of `layover run` has imported
from layover import heads, kinds, memory, modules
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder, dtype_of, is_mixed
from layover.estimates.loads import work_of
from layover.execution import Execution
from layover.inference.hidden_states import HiddenStates
from layover.inference.predict import predict
from layover.modules import LayeredModule, Module
from layover.numerics import Precision
from layover.shape import Shape
from layover.specs import Hyperparameters
from layover.steps.loaded import load
from layover.training import Branch, Judge, fit

if TYPE_CHECKING:
    from transformers import XLMRobertaConfig

SHAPES = {
    "base": Shape(12, 768, 3072, 250_002),
    "narrow": Shape(4, 768, 3072, 250_002),
    "mini": Shape(4, 256, 1024, 8_000),
    # for gpu.py: a vocabulary that is quickly drawn, and something small for its trial on a CPU
    "base-32k": Shape(12, 768, 3072, 32_000),
    "large-32k": Shape(24, 1024, 4096, 32_000),
    "tiny": Shape(2, 128, 512, 600),
}
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
STEPS, WORDS = 1, 15_000


@dataclass(frozen=True)
class Case:
    """One process."""

    size: str = "base"
    module: str = "lora"
    layers: str = "all"
    precision: Precision = "fp32"
    tokens: int = 2048
    length: int = 128
    cached: bool = False
    checkpointing: bool = False
    kind: str = "classification"
    predicts: bool = False
    device: str = "cpu"

    @property
    def name(self) -> str:
        """What is said of it."""
        flags = [name for name in ("cached", "checkpointing", "predicts") if getattr(self, name)]
        kind = [] if self.kind == "classification" else [self.kind]
        words = [self.size, self.module, self.layers, self.precision, f"{self.tokens}x{self.length}", *kind, *flags]
        return " ".join(words)


def cases() -> list[Case]:
    """Return what is measured."""
    narrow = Case(size="narrow", tokens=1024)
    found = [Case(size="mini", module=module) for module in ("lora", "full", "bottleneck")]
    found += [Case(size="mini", precision="bf16", tokens=4096), Case(size="mini", layers="top-2", cached=True)]
    found += [Case(size="mini", length=39, tokens=4096)]
    for precision in PRECISIONS:
        one = replace(narrow, precision=precision)
        found += [one, replace(one, tokens=2048), replace(one, module="none"), replace(one, module="full")]
        found += [replace(one, layers="top-2"), replace(one, layers="top-2", cached=True)]
        found += [replace(one, layers="top-1", cached=True), replace(one, predicts=True, tokens=2048)]
        found += [replace(one, checkpointing=True, tokens=2048), replace(one, module="bottleneck")]
        found += [replace(one, length=39, tokens=2048), replace(one, module="none", cached=True)]
        found += [replace(one, module="full", tokens=2048), replace(one, module="full", checkpointing=True)]
        found += [replace(one, layers="top-2", cached=True, predicts=True, tokens=2048)]
    found += [
        replace(narrow, kind="tagging"),
        replace(narrow, tokens=4096),
        replace(narrow, module="full", predicts=True),
    ]
    base = Case(tokens=1024)
    found += [base, replace(base, layers="top-6", cached=True), replace(base, precision="bf16")]
    found += [replace(base, layers="top-3", cached=True, precision="bf16", tokens=4096), replace(base, module="full")]
    found += [replace(base, tokens=2048), replace(base, predicts=True), replace(base, checkpointing=True, tokens=2048)]
    found += [replace(base, layers="top-6", cached=True, tokens=4096), replace(base, tokens=4096)]
    found += [replace(base, precision="bf16", tokens=4096), replace(base, checkpointing=True, precision="bf16")]
    return found


def module_of(case: Case) -> Module:
    """Return the module with the case's layers."""
    kind = modules.get(case.module)
    return kind(layers=case.layers) if issubclass(kind, LayeredModule) else kind()


def write_encoder(shape: Shape, folder: Path) -> None:
    """Write the config and random weights of an XLM-R."""
    from transformers import XLMRobertaModel  # not in the processes that are measured

    XLMRobertaModel(_config(shape), add_pooling_layer=False).save_pretrained(folder)


def _config(shape: Shape) -> XLMRobertaConfig:
    from transformers import XLMRobertaConfig

    return XLMRobertaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.hidden // 64,
        intermediate_size=shape.intermediate,
        max_position_embeddings=514,
        type_vocab_size=1,
    )


def words_of(case: Case) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return the tokens that the data use; as many as a data set does, more than stand in these few rows."""
    vocabulary = SHAPES[case.size].vocabulary
    return np.random.default_rng(0).permutation(vocabulary)[: min(WORDS, vocabulary // 2)].astype(np.int32)


def features_of(case: Case) -> Features:
    """Return made-up rows for some steps, nearly all of a length: attention pads, and hardly anything is padding."""
    rows = max(1, case.tokens // case.length) * STEPS
    lengths = case.length - np.arange(rows) % 3
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    words = words_of(case)
    arrays = {
        "ids": words[np.arange(offsets[-1]) % len(words)],
        "offsets": offsets,
        "example": np.arange(rows, dtype=np.int32),
    }
    if case.kind == "classification":
        arrays["label"] = np.arange(rows, dtype=np.int64) % 3
    else:
        arrays["labels"] = np.arange(offsets[-1]) % 3
    return Features(arrays, columns=kinds.get(case.kind).columns)


def states_of(case: Case, features: Features, layer: int, folder: Path) -> HiddenStates:
    """Return random hidden states on the disk."""
    tokens, hidden = int(features.arrays["offsets"][-1]), SHAPES[case.size].hidden
    kind: Any = "bfloat16" if case.precision == "bf16" else "float32"
    size: dict[str, Any] = {"layer": layer, "kind": kind, "tokens": tokens, "hidden": hidden}
    made = HiddenStates.create(folder / "states", **size)
    made.put(np.arange(tokens), torch.randn(tokens, hidden).to(torch.bfloat16 if kind == "bfloat16" else torch.float32))
    made.flush()
    del made
    return HiddenStates.open(folder / "states", **size)


def run(case: Case, encoder_folder: Path, folder: Path) -> float:
    """Do in this process what a node does; return its peak in MiB: of the process, or of the tensors on a GPU."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    shape, clock = SHAPES[case.size], DropoutClock(0)
    module = module_of(case)
    lowest = min(module.layers_of(shape.layers), default=shape.layers)
    features = features_of(case)
    states = states_of(case, features, lowest, folder) if case.cached else None
    encoder = load(
        str(encoder_folder),
        None,
        clock=clock,
        dropout=0.1,
        precision=case.precision,
        whole=module.whole,
        from_layer=lowest if case.cached else 0,
    )
    encoder.need(words_of(case))
    encoder.attach([AttachedModule("target", module, None, trainable=True)])
    head = heads.build(case.kind, shape.hidden, 3, clock=clock, dropout=0.1)
    # where all weights train, writing a checkpoint may be the peak
    every = 1e-3 if module.whole else 60.0
    execution = Execution(
        device=case.device,
        micro_batch_tokens=case.tokens,
        gradient_checkpointing=case.checkpointing,
        checkpoint_seconds=every,
    )
    judged = execution.model_copy(update={"micro_batch_tokens": min(case.tokens, 2048)})

    def evaluate() -> dict[str, float]:
        predict(encoder, head, features, execution=judged, precision=case.precision, states=states)
        return {"accuracy": 0.0}

    if case.predicts:
        predict(encoder, head, features, execution=execution, precision=case.precision, states=states)
    else:
        hyperparameters = Hyperparameters(
            lr=1e-4, epochs=2, batch=max(1, case.tokens // case.length), seed=0, precision=case.precision
        )
        fit(
            encoder,
            [Branch("benchmark", head, features, states=states)],
            hyperparameters=hyperparameters,
            execution=execution,
            clock=clock,
            judge=Judge(evaluate, "accuracy"),
            checkpoint_dir=folder / "checkpoints" if case.module == "full" else None,
            progress=lambda _: None,
        )
    peak = torch.cuda.max_memory_allocated() if case.device == "cuda" else peak_bytes()
    return peak / memory.MIB


def peak_bytes() -> int:
    """Return the most that this process had resident so far; `ru_maxrss` would count the parent's, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def load_of(case: Case) -> memory.Load:
    """Return what the model is told of a process."""
    module = module_of(case)
    alone = work_of(module, SHAPES[case.size], case.precision)
    work = replace(
        alone,
        from_layer=alone.lowest if case.cached else 0,
        words=None if module.whole else len(words_of(case)),
        gradient_checkpointing=case.checkpointing,
        first_only=case.kind == "classification",
        length=case.length,
    )
    return memory.Load(work, trains=not case.predicts, most=case.tokens).on(case.device, case.tokens)


def peaks(only: str) -> list[dict[str, Any]]:
    """Run the cases whose names hold these words, each in a process of its own; return MiB and the ratio."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["layover.engine.preload"])
    found = []
    with tempfile.TemporaryDirectory() as made:
        for case in cases():
            if not set(only.split()) <= set(case.name.split()):
                continue
            folder = Path(made) / case.size
            if not folder.is_dir():
                with context.Pool(1) as pool:
                    pool.apply(write_encoder, (SHAPES[case.size], folder))
            with context.Pool(1) as pool:
                measured = pool.apply(run, (case, folder, Path(made)))
            estimate = load_of(case).peak() / memory.MIB
            one = {"case": case.name, "measured_mib": round(measured), "estimated_mib": round(estimate)}
            found.append({**one, "ratio": round(estimate / measured, 2)})
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def saved() -> list[dict[str, Any]]:
    """Return what autograd keeps in one layer, per token and unit of hidden size, and what the model says."""
    found = []
    for name in modules.names():
        for precision in PRECISIONS:
            for length in (39, 128):
                case = Case("mini", name, precision=precision, length=length)
                if not module_of(case).trains_encoder:
                    continue
                measured = slope(case) / SHAPES["mini"].hidden
                estimate = memory.kept_bytes(load_of(case).work) / SHAPES["mini"].hidden
                one = {"case": f"{name} {precision} {length}", "measured": round(measured, 1)}
                found.append({**one, "estimated": round(estimate, 1), "ratio": round(estimate / measured, 2)})
    return found


def slope(case: Case) -> float:
    """Return the bytes that a layer keeps per token, as the difference of three layers and two, eight rows and four."""
    kept = {(layers, rows): saved_bytes(case, layers, rows) for layers in (2, 3) for rows in (4, 8)}
    many, few = kept[3, 8] - kept[2, 8], kept[3, 4] - kept[2, 4]
    return (many - few) / (4 * case.length)


def saved_bytes(case: Case, layers: int, rows: int) -> int:
    """Return the bytes that a forward pass keeps beside the weights."""
    from transformers import XLMRobertaModel

    shape, module, clock = replace(SHAPES[case.size], layers=layers, vocabulary=500), module_of(case), DropoutClock(0)
    model = XLMRobertaModel(_config(shape), add_pooling_layer=False).to(dtype_of(case.precision, whole=module.whole))
    encoder = Encoder.from_model(model, clock=clock, dropout=0.1)
    encoder.attach([AttachedModule("target", module, None, trainable=True)])
    own = {weight.untyped_storage().data_ptr() for weight in encoder.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        pointer = tensor.untyped_storage().data_ptr()
        if pointer not in own:
            kept[pointer] = tensor.detach()
        return tensor

    encoder.train()
    clock.set(0, torch.arange(rows))
    ids, lengths = torch.randint(4, 100, (rows, case.length)), torch.full((rows,), case.length)
    lengths[0] -= 3
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=is_mixed(case.precision, encoder.dtype, None)),
    ):
        encoder(ids, lengths)
    return sum(one.untyped_storage().nbytes() for one in kept.values())


def main() -> None:
    """Measure one thing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["saved", "peaks"])
    parser.add_argument("--only", default="", help="words of the names of cases")
    given = parser.parse_args()
    rows = saved() if given.what == "saved" else peaks(given.only)
    ratios = [row["ratio"] for row in rows]
    print(json.dumps({"rows": rows, "least_ratio": min(ratios), "greatest_ratio": max(ratios)}, indent=1))


if __name__ == "__main__":
    main()
