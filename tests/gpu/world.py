"""A tiny encoder in a folder, and features of every kind: all that a round on the device needs."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tests.tiny import tiny_model
from torch import Tensor

from layover import kinds
from layover.compositions import AttachedModule, Attachment
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder, dtype_of
from layover.execution import Execution
from layover.heads import Head, build_head
from layover.inference.hidden_states import HiddenStates
from layover.inference.predict import keep_states, predict
from layover.modules import Module
from layover.numerics import Precision, computes_in, quantisation_of
from layover.plan import tokenizers
from layover.shape import Shape
from layover.specs import Hyperparameters
from layover.training import Branch, FitResult, fit
from layover_sandbox.encoders import folder_of

HIDDEN, LAYERS, SEED = 32, 2, 3
TIMES = 3
"""Copies of the five rows of a kind, so that an epoch has more than one batch."""


@dataclass(frozen=True)
class KindData:
    """The rows that `layover new task` writes for a kind, encoded."""

    labels: tuple[str, ...]
    examples: list[Any]
    features: Features


@dataclass(frozen=True)
class Model:
    """An encoder and a head for each of some kinds."""

    encoder: Encoder
    heads: Mapping[str, Head]
    data: Mapping[str, KindData]
    precision: Precision = "fp32"


@dataclass(frozen=True)
class World:
    """The folder of the encoder and of files that rounds write."""

    root: Path
    predicted: set[str] = field(default_factory=set)
    """The kinds that a round predicted."""

    @cached_property
    def tokenizer(self) -> Any:
        return tokenizers.load(str(folder_of("sandbox/mini")), None)

    @cached_property
    def source(self) -> Path:
        """The folder of the encoder; its vocabulary is the tokenizer's."""
        folder = self.root / "encoder"
        tiny_model(vocabulary=self.tokenizer.size, hidden=HIDDEN, layers=LAYERS, positions=80).save_pretrained(folder)
        return folder

    @cached_property
    def data(self) -> dict[str, KindData]:
        """Every kind, with its data."""
        return {kind: self._data(kind) for kind in kinds.names()}

    def _data(self, kind: str) -> KindData:
        module = importlib.import_module(f"layover.tasks._templates.{kind}")
        template = Path(module.__file__ or "").with_suffix(".json")
        rows, folder = json.loads(template.read_text(encoding="utf-8")), self.root / "data" / kind
        for name, text in {**rows["files"], **rows.get("beside", {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        task = module.TASK
        examples = task.read(task.locate(rows["split"], rows["language"], root=folder)) * TIMES
        features = kinds.get(kind).encode(examples, self.tokenizer, labels=task.labels, max_length=60, stride=8)
        return KindData(task.labels, examples, features)

    @property
    def shape(self) -> Shape:
        """The sizes of the encoder."""
        return Shape(LAYERS, HIDDEN, 64, self.tokenizer.size)

    @property
    def trained(self) -> tuple[str, ...]:
        """The kinds that are trained."""
        return tuple(kind for kind in kinds.names() if kinds.get(kind).trained)

    def model(
        self,
        attachments: Sequence[Attachment] = (),
        *,
        names: Sequence[str] | None = None,
        precision: Precision = "fp32",
        whole: bool = False,
        from_layer: int = 0,
        dropout: float = 0.1,
    ) -> Model:
        """Return a model with heads for some kinds, by default for all; encoder and heads drop at random."""
        names = self.trained if names is None else names
        encoder = Encoder.load(
            self.source,
            clock=DropoutClock(SEED),
            dropout=dropout,
            dtype=dtype_of(precision, whole=whole),
            quantisation=quantisation_of(precision),
            from_layer=from_layer,
            all_words=any(self.reads_words(kind) for kind in names),
        )
        encoder.attach(attachments)
        heads = {kind: build_head(kind, self.data[kind].labels, encoder, dropout) for kind in names}
        return Model(encoder, heads, {kind: self.data[kind] for kind in names}, precision)

    def reads_words(self, kind: str) -> bool:
        """Return whether the head of a kind is tied to the word embeddings."""
        return kinds.get(kind).head_size(self.data[kind].labels) is None

    def intermediates(self, module: Module, count: int) -> list[AttachedModule]:
        """Return finished intermediates with gates."""
        encoder = self.model([fresh(module)], names=()).encoder
        gates = {f"{site.name}.gates": _ones(1, site.inputs) for site in module.sites(encoder.shape)}
        names = ["intermediate"] if count == 1 else [f"intermediate.{place}" for place in range(count)]
        return [AttachedModule(name, module, encoder.state("target"), trainable=False, gates=gates) for name in names]

    def train(
        self,
        model: Model,
        *,
        steps: int = 1,
        states: Mapping[str, HiddenStates] | None = None,
        execution: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> FitResult:
        """Train all heads in turn, each for some steps, on the device; `options` are those of `fit`."""
        weighted = model.heads if options.pop("class_weights", False) else ()
        branches = [
            Branch(
                kind,
                head,
                model.data[kind].features,
                steps if len(model.heads) > 1 else None,
                None if states is None else states[kind],
                np.ones(head.size, np.float32) if kind in weighted and kinds.get(kind).classes else None,
            )
            for kind, head in model.heads.items()
        ]
        total = steps * len(branches)
        numbers = Hyperparameters(lr=1e-3, epochs=1, batch=8, seed=SEED, precision=model.precision, steps=total)
        given = {"judge": None, "checkpoint_dir": None, "progress": lambda _: None, **options}
        return fit(
            model.encoder,
            branches,
            hyperparameters=numbers,
            execution=on_device(**(execution or {})),
            clock=model.encoder.clock,
            **given,
        )

    def predict(
        self, model: Model, states: Mapping[str, HiddenStates] | None = None, tokens: int = 4096, **options: Any
    ) -> None:
        """Predict with every head on the device, and decode the outputs."""
        for kind, head in model.heads.items():
            data, own = model.data[kind], kinds.get(kind)
            outputs = predict(
                model.encoder,
                head,
                data.features,
                execution=on_device(micro_batch_tokens=tokens),
                precision=model.precision,
                states=None if states is None else states[kind],
                certainty=own.result is not None,
                **options,
            )
            decoded = own.decode(outputs, data.features, data.examples, labels=data.labels)
            assert len(decoded) == len(data.examples), kind
            self.predicted.add(kind)

    def states(self, model: Model, layer: int) -> dict[str, HiddenStates]:
        """Return the hidden states that enter a layer, computed on the device and kept in files."""
        number = "bfloat16" if computes_in(model.precision) == "bf16" else "float32"
        kept = {}
        for kind in model.heads:
            features = model.data[kind].features
            file = self.root / f"states-{kind}-{model.precision}"
            size = {"layer": layer, "kind": number, "tokens": int(features.arrays["offsets"][-1]), "hidden": HIDDEN}
            into = HiddenStates.create(file, **size)
            keep_states(model.encoder, features, into, execution=on_device(), precision=model.precision)
            into.flush()
            kept[kind] = HiddenStates.open(file, **size)
        return kept

    def fresh_folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir()
        return folder


def fresh(module: Module) -> AttachedModule:
    """Return the module that a training begins with."""
    return AttachedModule("target", module, None, trainable=True)


def on_device(**settings: Any) -> Execution:
    """Return the settings of a run on the device."""
    execution = Execution(device="cuda", micro_batch_tokens=4096, checkpoint_seconds=1e9)
    return execution.model_copy(update=settings)


def with_segments(data: KindData) -> KindData:
    """Return the data of a tokenizer that numbers the texts of a pair."""
    arrays = {**data.features.arrays, "segments": np.zeros(len(data.features.arrays["ids"]), np.int8)}
    return replace(data, features=replace(data.features, arrays=arrays))


def _ones(*size: int) -> Tensor:
    import torch

    return torch.ones(*size)


Round = Callable[[World], None]
