"""AdapterHub's layout against adapters: what either writes, the other reads, and the outputs are equal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import load_file
from tests.tolerances import ROUNDING

from layover import kinds, layouts, modules
from layover.errors import ModelError
from layover.layouts import heads
from layover.modules import LINEARS, Module
from layover.modules._activations import Activation

adapters = pytest.importorskip("adapters", reason="the extra `adapterhub` is not installed", exc_type=ImportError)

LORA, BOTTLENECK = (modules.get(name) for name in ("lora", "bottleneck"))
MODULES: dict[str, Module] = {
    "pfeiffer": BOTTLENECK(reduction=5),
    "houlsby": BOTTLENECK(placement="houlsby", activation="swish"),
    "parallel": BOTTLENECK(placement="parallel", reduction=2),
    "wide": BOTTLENECK(reduction=0.5),
    "narrow": BOTTLENECK(reduction=1000),
    "top": BOTTLENECK(layers="top-2", reduction=4),
    "some": BOTTLENECK(layers=(0, 2), placement="houlsby", reduction=4),
    "lora": LORA(rank=4, alpha=8.0),
    "lora-many": LORA(rank=3, alpha=7.5, target=tuple(name for name in LINEARS if name != "attention_output")),
    "lora-output": LORA(rank=3, target=("output",), layers=(1, 3)),
}


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, atol=ROUNDING, rtol=0)


def loaded(model: Any, folder: Path) -> Any:
    """Return the model with a module taken in by adapters' own loader, which must find all of it."""
    if not hasattr(model, "load_adapter") or not isinstance(model, adapters.ModelAdaptersMixin):
        adapters.init(model)
    told: dict[str, Any] = {}
    name = model.load_adapter(str(folder), set_active=True, loading_info=told, use_safetensors=True)
    assert not told["missing_keys"]
    assert not told.get("unexpected_keys")
    assert name == "one"
    return model.eval()


def auto(sample: Any) -> Any:
    """Return a model of adapters with heads to add, on the same encoder."""
    model = adapters.AutoAdapterModel.from_config(sample.config())
    model.get_submodule(sample.prefix).load_state_dict(sample.encoder().state_dict(), strict=False)
    return model.eval()


@pytest.mark.parametrize("name", MODULES)
def test_adapters_reads_what_is_written(sample: Any, tmp_path: Path, name: str) -> None:
    module = MODULES[name]
    weights = sample.random(module)
    folder = sample.write(tmp_path / "one", "adapterhub", module, weights)
    expected = sample.ours(module, weights)
    assert float((expected - sample.ours()).abs().max()) > 0.01
    for model in (sample.encoder(), sample.with_head(), auto(sample)):
        close(sample.hidden(loaded(model, folder)), expected)
    found = layouts.read(folder, sample.base)
    assert found.module == module.model_copy(update={"layers": found.module.layers})
    assert torch.equal(sample.ours(found.module, found.weights()), expected)


@pytest.mark.parametrize("activation", get_args(Activation))
def test_activations_are_called_as_in_adapters(sample: Any, tmp_path: Path, activation: str) -> None:
    module = BOTTLENECK(reduction=5, activation=activation)
    weights = sample.random(module)
    folder = sample.write(tmp_path / "one", "adapterhub", module, weights)
    close(sample.hidden(loaded(sample.encoder(), folder)), sample.ours(module, weights))
    assert layouts.read(folder, sample.base).module == module


@pytest.mark.parametrize("name", ["houlsby", "parallel", "lora-many"])
@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_every_family(sample_of: Callable[..., Any], tmp_path: Path, model_type: str, name: str) -> None:
    sample, module = sample_of(model_type), MODULES[name]
    weights = sample.random(module)
    folder = sample.write(tmp_path / "one", "adapterhub", module, weights)
    for model in (sample.encoder(), sample.with_head(), auto(sample)):
        close(sample.hidden(loaded(model, folder)), sample.ours(module, weights))
    found = layouts.read(folder, sample.base)
    assert torch.equal(sample.ours(found.module, found.weights()), sample.ours(module, weights))


@pytest.mark.parametrize("name", ["pfeiffer", "lora-many"])
def test_it_trains_on_in_adapters(sample: Any, tmp_path: Path, step: Callable[..., Any], name: str) -> None:
    module = MODULES[name]
    folder = sample.write(tmp_path / "one", "adapterhub", module, sample.random(module))
    model = loaded(auto(sample), folder)
    model.add_classification_head("one", num_labels=3)
    model.train_adapter("one")
    model.set_active_adapters("one")
    labels = torch.tensor([0, 1, 2])
    loss, changed = step(model, lambda: model(input_ids=sample.ids, labels=labels).loss)
    assert loss < 100.0  # and so finite
    written = load_file(folder / "adapter.safetensors")
    inside = {key for key in changed if not key.startswith("heads.")}
    assert inside == set(written)
    # and what adapters then saves is read again
    model.save_adapter(str(tmp_path / "two"), "one", use_safetensors=True)
    found = layouts.read(tmp_path / "two", sample.base)
    close(sample.ours(found.module, found.weights()), sample.hidden(model))


THEIRS: dict[str, Callable[[], Any]] = {
    "pfeiffer": lambda: adapters.SeqBnConfig(reduction_factor=4),
    "houlsby": lambda: adapters.DoubleSeqBnConfig(leave_out=[1], dropout=0.3),
    "parallel": adapters.ParBnConfig,
    "lora": lambda: adapters.LoRAConfig(r=4, alpha=16),
    "lora-many": lambda: adapters.LoRAConfig(
        r=3, alpha=5, attn_matrices=["q", "k", "v"], intermediate_lora=True, output_lora=True, leave_out=[0, 2]
    ),
    "lora-inner": lambda: adapters.LoRAConfig(selfattn_lora=False, intermediate_lora=True, init_weights="bert"),
}


@pytest.mark.parametrize("kind", ["encoder", "static", "auto"])
@pytest.mark.parametrize("name", THEIRS)
def test_what_adapters_saves_is_read(sample: Any, tmp_path: Path, name: str, kind: str) -> None:
    model = {"encoder": sample.encoder, "static": sample.with_head, "auto": lambda: auto(sample)}[kind]()
    if kind != "auto":
        adapters.init(model)
    model.add_adapter("one", config=THEIRS[name](), set_active=True)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if ".one." in key:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.2 + 0.05)
    model.eval().save_adapter(str(tmp_path), "one", use_safetensors=True)
    found = layouts.read(tmp_path, sample.base)
    expected = sample.hidden(model)
    assert float((expected - sample.ours()).abs().max()) > 0.01
    close(sample.ours(found.module, found.weights()), expected)


def test_a_config_of_ours_is_the_one_that_adapters_writes(sample: Any, tmp_path: Path) -> None:
    """Not one setting more or less, but for how weights are made at the start."""
    for number, (theirs, name) in enumerate((("pfeiffer", "pfeiffer"), ("parallel", "parallel"), ("lora", "lora"))):
        model = sample.encoder()
        adapters.init(model)
        model.add_adapter("one", config=THEIRS[theirs]())
        model.save_adapter(str(tmp_path / f"{number}"), "one", use_safetensors=True)
        written = json.loads((tmp_path / f"{number}" / "adapter_config.json").read_text())
        ours = layouts.get("adapterhub").config(MODULES[name], sample.base, layouts.WrittenNames("one", None, None))
        assert ours.keys() == written.keys()
        assert ours["config"].keys() | {"architecture"} == written["config"].keys() | {"architecture"}


def test_lora_from_before_scaling_is_read_as_adapters_reads_it(sample: Any, tmp_path: Path) -> None:
    """Until 1.1 adapters' LoRA was trained unscaled, whatever its config says; newer ones put that right on loading."""
    module = MODULES["lora"]
    weights = sample.random(module)
    folder = sample.write(tmp_path / "one", "adapterhub", module, weights)
    config = json.loads((folder / "adapter_config.json").read_text())
    outputs = {}
    for version in ("1.0.1", "1.1.0"):
        (folder / "adapter_config.json").write_text(json.dumps(config | {"version": f"adapters.{version}"}))
        found = layouts.read(folder, sample.base)
        outputs[version] = sample.ours(found.module, found.weights())
        close(sample.hidden(loaded(sample.encoder(), folder)), outputs[version])
    assert float((outputs["1.0.1"] - outputs["1.1.0"]).abs().max()) > 0.01


@pytest.mark.parametrize("name", ["train", "keys", "type", "a.b", "", "a b"])
def test_names_that_adapters_cannot_keep_are_refused(sample: Any, name: str) -> None:
    with pytest.raises(ModelError, match="cannot be the name of a module in adapters"):
        layouts.get("adapterhub").config(MODULES["lora"], sample.base, layouts.WrittenNames(name, None, None))


def test_what_has_no_form_is_told(sample_of: Callable[..., Any]) -> None:
    hub, sample = layouts.get("adapterhub"), sample_of()
    camembert = sample_of("camembert")
    assert hub.refuses(MODULES["lora"], camembert.base) == "adapters does not support encoders of type camembert"
    with pytest.raises(ValueError, match="not pre-supported"):
        adapters.init(camembert.encoder())
    refused = {
        "invertible": BOTTLENECK(invertible=True),
        "dora": modules.get("dora")(),
        "single rank": LORA(patterns=({"target": ("key",), "rank": 2},)),
        "alpha / rank": LORA(rslora=True),
        "attention_output": LORA(target=("attention_output",)),
    }
    for reason, module in refused.items():
        assert reason in hub.refuses(module, sample.base)


def test_configs_of_modules_and_heads_name_the_encoder(sample: Any) -> None:
    """A head of its own file finds its encoder as a module does."""
    named = layouts.WrittenNames("one", "org/encoder", "0123abc")
    form = kinds.get("classification").head
    assert form is not None
    module = layouts.get("adapterhub").config(MODULES["lora"], sample.base, named)
    head = heads.adapters_config(form, ("no", "yes"), sample.base, named, choices=None)
    around = {
        "hidden_size": sample.base.shape.hidden,
        "model_class": "XLMRobertaAdapterModel",
        "model_name": "org/encoder",
        "model_type": "xlm-roberta",
        "name": "one",
        "version": "adapters.1.3.0",
    }
    assert [{name: value for name, value in one.items() if name != "config"} for one in (module, head)] == [around] * 2
    assert list(head["config"]) == sorted(head["config"])
