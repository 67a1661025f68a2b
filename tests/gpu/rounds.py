"""What runs on the pretended device: the modules, kinds, precisions, compositions and objectives of the registries."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import numpy as np
import pytest
import torch
from tests.gpu.sweep import run_sweep
from tests.gpu.toy_objectives import AllCalls, OtherTokens
from tests.gpu.world import HIDDEN, LAYERS, Model, Round, World, fresh, on_device, with_segments
from tests.objectives_of import acting
from transformers import AutoConfig, AutoModel

from layover import compositions, kinds, mixers, modules, objectives
from layover.compositions import AttachedModule, Composition
from layover.data.views import Rewriter, SubwordSampling
from layover.encoder import DropoutClock, Encoder, MixingWeights, attention, computing
from layover.encoder.quantising import bitsandbytes
from layover.errors import ModelError, Stopped
from layover.heads import MeanPooling, build_head
from layover.inference.neighbours import both_ways
from layover.inference.predict import embed
from layover.inference.serving import Layover
from layover.mixers._router import Router
from layover.modules import AdapterDrop, Module
from layover.numerics import Precision, cannot_be_quantised, quantisation_of
from layover.objectives import Objective
from layover.packages.package import open_package
from layover.steps.train import gated
from layover.training import loop
from layover.training.loop import PLAIN
from layover.training.progress import Judge

LORA = modules.get("lora")
ONE = ("tagging",)
"""A kind whose head reads all tokens."""
TWO = ("classification", *ONE)
"""With one whose head reads only the first of each row."""
TIED = (*TWO, "mlm")
"""With one whose head is the word embeddings, which a whole encoder trains."""


EVERY_PRECISION = {"lora", "bottleneck", "full"}
"""The modules that meet every precision and checkpointing: one that adds, one that follows, and the whole encoder."""


def every(*, product: bool = False) -> Iterator[tuple[str, Round]]:
    """Yield the name of every round and what it does.

    Args:
        product: Whether every module meets every kind in every precision, and every form of every composition. Else a
            LoRA meets every kind in fp32 and bf16, and every form of every composition; the other modules meet some
            kinds in fp32 and half of the compositions that they take; the rest is for those of `EVERY_PRECISION`.
    """
    for precision in filter(_computes, get_args(Precision)):
        for module in map(modules.get, modules.names()):
            if cannot_be_quantised(precision, whole=module.whole):
                continue
            if not product and precision != "fp32" and module.name not in EVERY_PRECISION:
                continue
            every_kind = product or (module is LORA and precision in {"fp32", "bf16"})
            some = TIED if module.whole and precision == "fp32" else TWO if module is LORA else ONE
            yield f"{module.name} in {precision}", partial(trained, module(), precision, None if every_kind else some)
        known = None if product or precision == "fp32" else ONE
        yield f"from hidden states in {precision}", partial(from_hidden_states, precision, known)
    for number, module in enumerate(map(modules.get, modules.names())):
        if product or module.name in EVERY_PRECISION:
            yield f"{module.name} with checkpointing", partial(checkpointed, module())
        takes = [composition for composition in all_compositions() if not composition.refuses(module())]
        if not product and module is not LORA:
            plain = [composition for composition in takes if composition == type(composition)()]
            takes = plain[number % 2 :: 2] or plain
        for composition in takes:
            yield f"{module.name} composed by {composition.canonical()}", partial(composed, module(), composition)
        if not compositions.get("route")().refuses(module()):
            yield f"gates of {module.name}", partial(gates, module())
    for name in objectives.names():
        if name != PLAIN.name:  # all other rounds run it
            yield f"objective {name}", partial(objective, acting(name), None)
    yield "objective of all calls", partial(objective, AllCalls(), None)
    yield "objective of other tokens", partial(objective, OtherTokens(), ONE)
    yield from SINGLE.items()


def _computes(precision: Precision) -> bool:
    """Return whether a precision works on the device; what is refused is refused before anything runs."""
    try:
        if quantisation_of(precision) == "nf4":
            bitsandbytes()
        with computing(precision, torch.device("cuda")):
            return True
    except ModelError:
        return False


def all_compositions() -> Iterator[Composition]:
    """Yield every composition with every method, mixer or router that it has."""
    for kind in map(compositions.get, compositions.names()):
        yield kind()
    learned = [name for name in mixers.names() if mixers.get(name).learned]
    routers = [name for name in mixers.names() if issubclass(mixers.get(name), Router)]
    yield from (compositions.get("fuse")(mixer=name, own=True) for name in learned)
    yield from (compositions.get("route")(router=name, on_top="head") for name in routers)


def trained(module: Module, precision: Precision, names: Sequence[str] | None, world: World) -> None:
    # dropout is the same code below every module; all have it with checkpointing
    dropout = 0.1 if module.whole or isinstance(module, LORA) else 0.0
    model = world.model([fresh(module)], names=names, precision=precision, whole=module.whole, dropout=dropout)
    world.train(model)
    world.predict(model)
    for name in model.encoder.trained():
        assert all(value.device.type == "cpu" for value in model.encoder.state(name).values())


def checkpointed(module: Module, world: World) -> None:
    """Train without a word on how many tokens fit, and predict in several batches."""
    model = world.model([fresh(module)], names=ONE)
    world.train(model, execution={"gradient_checkpointing": True, "micro_batch_tokens": None})
    world.predict(model, tokens=100)


def from_hidden_states(precision: Precision, wanted: Sequence[str] | None, world: World) -> None:
    names = [kind for kind in wanted or world.trained if not kinds.get(kind).changes_tokens]
    states = world.states(world.model(names=names, precision=precision), layer=1)
    top = world.model([fresh(LORA(layers=(1,)))], names=names, precision=precision, from_layer=1)
    world.train(top, states=states, execution={"gradient_checkpointing": wanted is not None})
    world.predict(top, states)


def composed(module: Module, composition: Composition, world: World) -> None:
    count = 2 if composition.takes_several else 1
    chosen = composition.for_intermediates([f"task{place}" for place in range(count)])
    target, shape = chosen.target_module(module, count), world.shape
    attachments = chosen.attachments(target, world.intermediates(module, count), shape=shape, seed=1)
    model = world.model(attachments, names=ONE, whole=module.whole, dropout=0.0)
    world.train(model)
    shares = MixingWeights()
    world.predict(model, shares=shares)
    assert bool(shares.as_json()["sites"]) == model.encoder.mixes


def gates(module: Module, world: World) -> None:
    (finished,) = world.intermediates(module, 1)
    world.train(world.model(gated([finished]), names=ONE), train_head=False)
    if module.layers_of(LAYERS) == module.model_copy(update={"layers": (1,)}).layers_of(LAYERS):
        return
    (finished,) = world.intermediates(module.model_copy(update={"layers": (1,)}), 1)
    states = world.states(world.model(names=ONE, precision="bf16"), layer=1)
    top = world.model(gated([finished]), names=ONE, precision="bf16", from_layer=1)
    world.train(top, states=states, train_head=False)


def objective(given: Objective, names: Sequence[str] | None, world: World) -> None:
    rewriter = None
    if given.row_view is not None:
        names = [kind for kind in names or world.trained if not kinds.get(kind).changes_tokens]
        rewriter = Rewriter(world.tokenizer, SubwordSampling(world.tokenizer, 0.3), 0.9, 70)
    model = world.model([fresh(LORA(layers=(1,)))], names=names)
    world.train(model, objective=given, class_weights=True, rewriter=rewriter)


def class_weights(world: World) -> None:
    names = [kind for kind in world.trained if kinds.get(kind).classes]
    world.train(world.model([fresh(LORA())], names=names), class_weights=True)


def on_a_grid(world: World) -> None:
    """Train and predict in bf16 where torch cannot attend to packed rows."""
    with mock.patch.object(attention, "_varlen", return_value=None):
        trained(LORA(), "bf16", TWO, world)


def micro_batches(world: World) -> None:
    world.train(world.model([fresh(LORA())], names=ONE), execution={"micro_batch_tokens": 60})


def resume(world: World) -> None:
    """Stop in the middle of a training that selects weights, and resume it."""
    folder, steps = world.fresh_folder("checkpoints"), 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == 3

    def train(**options: Any) -> Any:
        model = world.model([fresh(LORA())], names=ONE)

        def metrics() -> dict[str, float | None]:
            world.predict(model)
            return {"accuracy": float(steps)}

        judge = Judge(metrics, "accuracy", every=2)
        return world.train(model, steps=4, judge=judge, checkpoint_dir=folder, **options)

    with pytest.raises(Stopped):
        train(stop=stop)
    assert train().measured.resumed_at == 3


def many_steps(world: World) -> None:
    """Train heads for an epoch of ten steps, with losses that stay on the device for four."""
    with mock.patch.object(loop, "ACCELERATOR_LAG", 4):
        world.train(world.model(names=TWO), steps=5)


def adapterdrop(world: World) -> None:
    model = world.model([fresh(LORA())], names=ONE)
    for drop in (AdapterDrop(train=1), AdapterDrop(train=1, random=True, predict=1)):
        model.encoder.drop(drop)
        world.train(model)
        world.predict(model)


def languages(world: World) -> None:
    """Train below a task, and swap for predictions, adapters of languages that change the embeddings."""
    spoken = modules.get("bottleneck")(reduction=2, invertible=True)
    tied = [kind for kind in world.trained if world.reads_words(kind)]
    learned = world.model([fresh(spoken)], names=tied)
    world.train(learned)
    weights = learned.encoder.state("target")
    language = AttachedModule("language", spoken, weights, trainable=False)
    model = world.model([fresh(LORA())], names=[*ONE, *tied])
    model.encoder.set_language(language)
    world.train(model)
    for given in (None, language):
        model.encoder.set_language(given)
        world.predict(model)


def token_types(world: World) -> None:
    """Train a BERT, whose rows have token types."""
    kind = "classification"
    data = with_segments(world.data[kind])
    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = AutoConfig.for_model("bert", vocab_size=world.tokenizer.size, **sizes)
    encoder = Encoder.from_model(AutoModel.from_config(config), clock=DropoutClock(3), dropout=0.1)
    encoder.attach([fresh(LORA())])
    model = Model(encoder, {kind: build_head(kind, data.labels, encoder, 0.1)}, {kind: data})
    world.train(model)
    world.predict(model)


def retrieval(world: World) -> None:
    features = world.data["retrieval"].features
    into = np.ones((2, features.rows, HIDDEN), np.float32)
    for special in (True, False):
        pooling = MeanPooling((1, 2), special)
        embed(world.model(names=()).encoder, pooling, features, into, execution=on_device())
    sides = np.ones((2, 9, HIDDEN), np.float32)
    both_ways(sides[0], sides[1], execution=on_device(), side=4)


PACKAGES = Path(__file__).parents[2] / "adapters_hub_export"


def _answers(folder: Path) -> bool:
    task = open_package(folder).card.task
    return task is not None and kinds.get(task.kind).result is not None


def serving(world: World, *, precision: Precision, check: bool) -> None:
    """Predict rows of every package that the project ships, one after another on one encoder; unchecked, of one."""
    folders = sorted(path.parent for path in PACKAGES.glob("*/transfer_card.json"))
    answering = [folder for folder in folders if _answers(folder)]
    assert answering
    if not check:
        answering = answering[:1]
    served = Layover.load(answering, others=folders, device="cuda", precision=precision, check=check)
    for package in (*served.packages, served.packages[0]):
        task = served.card(package).task
        assert task is not None
        row = ast.literal_eval(kinds.get(task.kind).shown_row(task.columns))
        assert len(served.predict([row, row], package=package)) == 2


SINGLE: Mapping[str, Round] = {
    "class weights": class_weights,
    "attention on a grid": on_a_grid,
    "micro-batches": micro_batches,
    "resume": resume,
    "many steps": many_steps,
    "AdapterDrop": adapterdrop,
    "languages": languages,
    "token types": token_types,
    "retrieval": retrieval,
    "sweep": lambda world: run_sweep(world.fresh_folder("sweep")),
    "serving": partial(serving, precision="fp32", check=True),
    "serving in bf16": partial(serving, precision="bf16", check=False),
}
