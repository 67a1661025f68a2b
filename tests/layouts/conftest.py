"""Tiny random encoders of every family, with and without heads, and folders as Layover writes them."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load, save_file
from tests.kinds_of import form_of
from torch import Tensor, nn
from transformers import PreTrainedModel

from layover import layouts, modules
from layover.compositions import Part
from layover.encoder import DropoutClock, Encoder, write_weights
from layover.errors import ModelError
from layover.layouts import CONFIG, Base, Named, heads
from layover.modules import Module
from layover.shape import Shape
from layover.store import write_json

SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    # larger than usual, so that a difference anywhere shows in the output
    "initializer_range": 0.2,
}
IDS = torch.randint(4, 100, (3, 13), generator=torch.Generator().manual_seed(7))
"""Rows of one length: where nothing is padded, the libraries do the very same sums."""


@dataclass(frozen=True)
class Sample:
    """An encoder, and what its family calls things."""

    base: Base
    sizes: Mapping[str, object]

    @property
    def ids(self) -> Tensor:
        return IDS

    @property
    def prefix(self) -> str:
        return self.base.prefix

    def config(self, **settings: object) -> transformers.PretrainedConfig:
        family = heads.FAMILIES[self.base.model_type]
        return getattr(transformers, f"{family}Config")(**self.sizes, **settings)

    def of_class(self, name: str, labels: int = 3, seed: int = 0, **settings: object) -> PreTrainedModel:
        """Return a model of a class of transformers; its encoder is the same in all of them."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = getattr(transformers, f"{heads.FAMILIES[self.base.model_type]}{name}")
            model: PreTrainedModel = made(self.config(num_labels=labels), **settings).eval()
        encoder = model if name == "Model" else model.get_submodule(self.prefix)
        missing = encoder.load_state_dict(_encoder_weights(self.base, tuple(self.sizes.items())), strict=False)
        assert not missing.unexpected_keys
        assert all(key.startswith("pooler") for key in missing.missing_keys)
        return model

    def encoder(self) -> PreTrainedModel:
        return self.of_class("Model", add_pooling_layer=False)

    def with_head(self, kind: str = "classification") -> PreTrainedModel:
        return self.of_class(form_of(kind).transformers, labels=form_of(kind).outputs or 3)

    def ours(self, module: Module | None = None, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return last hidden states as Layover computes them."""
        encoder = Encoder.from_model(self.encoder(), clock=DropoutClock(0)).eval()
        if module is not None:
            encoder.attach([Part("one", module, weights, trainable=False)])
        with torch.inference_mode():
            return encoder(IDS, torch.full((len(IDS),), IDS.shape[1])).clone()

    def hidden(self, model: nn.Module) -> Tensor:
        """Return last hidden states of a model of any library, with a head or without."""
        with torch.inference_mode():
            found = model(input_ids=IDS, attention_mask=torch.ones_like(IDS), output_hidden_states=True)
        return found.hidden_states[-1].clone()

    def random(self, module: Module, seed: int = 0) -> dict[str, Tensor]:
        """Return random weights of a module, large enough to be seen."""
        generator = torch.Generator().manual_seed(seed)
        sites = module.sites(self.base.shape)
        sizes = {f"{site.name}.{name}": size for site in sites for name, size in module.weights(site).items()}
        return {name: torch.randn(size, generator=generator) * 0.2 + 0.05 for name, size in sizes.items()}

    def write(self, folder: Path, layout: str, module: Module, weights: Mapping[str, Tensor]) -> Path:
        """Write a module as an export does."""
        one = layouts.get(layout)
        assert not one.refuses(module, self.base)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / CONFIG, one.config(module, self.base, Named("one", None, None)))
        write_weights(folder / one.file, one.laid_out(module, self.base, "one", weights))
        return folder


@cache
def _encoder_weights(base: Base, sizes: tuple[tuple[str, object], ...]) -> dict[str, Tensor]:
    sample = Sample(base, dict(sizes))
    family = heads.FAMILIES[base.model_type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, f"{family}Model")(sample.config(), add_pooling_layer=False).state_dict()


def make(model_type: str = "xlm-roberta", **settings: object) -> Sample:
    sizes = SIZES | ({"type_vocab_size": 2, "pad_token_id": 0} if model_type == "bert" else {}) | settings
    shape = Shape(sizes["num_hidden_layers"], sizes["hidden_size"], sizes["intermediate_size"], sizes["vocab_size"])
    return Sample(Base(model_type, shape), sizes)


class Folder:
    """A folder with a module, and what can be done to it."""

    def __init__(self, sample: Any, path: Path, layout: str, module: Any) -> None:
        self.sample, self.path = sample, sample.write(path, layout, module, sample.random(module))
        self.file = path / layouts.get(layout).file

    def read(self, base: Any = None) -> layouts.Found:
        return layouts.read(self.path, base or self.sample.base)

    def configure(self, **settings: Any) -> None:
        config = json.loads((self.path / CONFIG).read_text())
        (self.path / CONFIG).write_text(json.dumps(config | settings))

    def configure_inside(self, **settings: Any) -> None:
        config = json.loads((self.path / CONFIG).read_text())
        self.configure(config={**config["config"], **settings})

    def without(self, name: str) -> None:
        config = json.loads((self.path / CONFIG).read_text())
        (config if name in config else config["config"]).pop(name)
        (self.path / CONFIG).write_text(json.dumps(config))

    def change(self, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        found = change(load(self.file.read_bytes()))  # no map of a file that is written next
        save_file({name: value.contiguous().clone() for name, value in found.items()}, self.file)

    def add(self, name: str, *shape: int) -> None:
        self.change(lambda weights: {**weights, name: torch.ones(shape)})

    def refused(self, message: str, base: Any = None) -> None:
        """It is refused by one sentence that names a file of the folder."""
        with pytest.raises(ModelError, match=message) as error:
            self.read(base).weights()
        assert str(error.value).startswith(str(self.path))
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 500 + len(str(self.path))


@pytest.fixture(scope="session")
def sample_of() -> Callable[..., Sample]:
    return make


@pytest.fixture(scope="session")
def sample() -> Sample:
    return make()


def one_step(model: nn.Module, forward: Callable[[], Tensor]) -> tuple[float, set[str]]:
    """Return the loss of a step of training, and which weights it changed."""
    before = {name: value.clone() for name, value in copy.copy(model.state_dict()).items()}
    model.train()
    optimiser = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=0.01)
    loss = forward()
    loss.backward()
    optimiser.step()
    model.eval()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    return float(loss.detach()), changed


@pytest.fixture
def step() -> Callable[..., tuple[float, set[str]]]:
    return one_step


@pytest.fixture
def _loudly() -> object:
    """A warning of peft that it did not find, or did not take, what it was given is an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(missing adapter keys|[Uu]nexpected).*")
        yield


@pytest.fixture
def folder_of() -> Callable[..., Folder]:
    return Folder


@pytest.fixture
def lora(sample: Any, tmp_path: Path) -> Folder:
    return Folder(sample, tmp_path / "one", "peft", modules.get("lora")(rank=4, alpha=8.0))


@pytest.fixture
def ia3(sample: Any, tmp_path: Path) -> Folder:
    return Folder(sample, tmp_path / "one", "peft", modules.get("ia3")())


@pytest.fixture
def bottleneck(sample: Any, tmp_path: Path) -> Folder:
    return Folder(sample, tmp_path / "one", "adapterhub", modules.get("bottleneck")(reduction=4))


@pytest.fixture
def hub_lora(sample: Any, tmp_path: Path) -> Folder:
    return Folder(sample, tmp_path / "one", "adapterhub", modules.get("lora")(rank=4, alpha=8.0))
