"""peft's layout against peft: what either writes, the other reads, and the outputs are equal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_file
from tests.tolerances import ROUNDING

from layover import layouts, modules
from layover.modules import INNER, LINEARS, Module

pytestmark = pytest.mark.usefixtures("_loudly")

LORA, DORA, IA3 = (modules.get(name) for name in ("lora", "dora", "ia3"))
EVERYWHERE = tuple(LINEARS)
PATTERNS = (
    {"target": ("query",), "layers": "top-2", "rank": 5, "alpha": 2.0},
    {"target": ("output",), "layers": (1,), "rank": 2, "alpha": 0.1},
)
MODULES: dict[str, Module] = {
    "query-value": LORA(rank=4, alpha=8.0),
    "all": LORA(rank=3, alpha=7.0, target=EVERYWHERE),
    "output": LORA(rank=3, target=("output",)),
    "attention_output": LORA(rank=3, target=("attention_output",)),
    "top": LORA(rank=3, layers="top-2"),
    "some": LORA(rank=3, layers=(0, 2), target=("key", "output")),
    "rslora": LORA(rank=3, alpha=0.3, rslora=True),
    "patterns": LORA(rank=3, patterns=PATTERNS),
    "rslora-patterns": LORA(rank=3, rslora=True, patterns=PATTERNS),
    "rank-0": LORA(rank=3, target=EVERYWHERE, patterns=({"layers": (0,), "rank": 0}, {"target": ("key",), "rank": 0})),
    "dora": DORA(rank=4),
    "dora-all": DORA(rank=3, alpha=7.0, target=EVERYWHERE),
    "dora-patterns": DORA(rank=3, rslora=True, patterns=PATTERNS),
    "ia3-paper": IA3(),
    "ia3-all": IA3(target=(*EVERYWHERE[:-1], INNER)),
    "ia3-output": IA3(target=("output",)),
    "ia3-top": IA3(layers="top-2"),
}


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, atol=ROUNDING, rtol=0)


def loaded(model: Any, folder: Path, **settings: Any) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(folder), **settings).eval()


@pytest.mark.parametrize("name", MODULES)
def test_peft_reads_what_is_written(sample: Any, tmp_path: Path, name: str) -> None:
    module = MODULES[name]
    weights = sample.random(module)
    folder = sample.write(tmp_path / "one", "peft", module, weights)
    expected = sample.ours(module, weights)
    assert float((expected - sample.ours()).abs().max()) > 0.01
    close(sample.hidden(loaded(sample.with_head(), folder)), expected)
    bare = loaded(sample.encoder(), folder, key_mapping={rf"^{sample.prefix}\.": ""})
    close(sample.hidden(bare), expected)
    found = layouts.read(folder, sample.base)
    for own, value in found.weights().items():
        assert torch.equal(value, weights[own]), own
    assert torch.equal(sample.ours(found.module, found.weights()), expected)


@pytest.mark.parametrize("name", ["all", "some", "rank-0", "dora", "ia3-paper"])
@pytest.mark.parametrize("model_type", ["bert", "roberta", "camembert"])
def test_every_family(sample_of: Callable[..., Any], tmp_path: Path, model_type: str, name: str) -> None:
    sample, module = sample_of(model_type), MODULES[name]
    weights = sample.random(module)
    folder = sample.write(tmp_path / "one", "peft", module, weights)
    expected = sample.ours(module, weights)
    close(sample.hidden(loaded(sample.with_head(), folder)), expected)
    close(sample.hidden(loaded(sample.encoder(), folder, key_mapping={rf"^{sample.prefix}\.": ""})), expected)
    assert torch.equal(sample.ours(module, layouts.read(folder, sample.base).weights()), expected)


@pytest.mark.parametrize("name", ["patterns", "dora", "ia3-paper"])
def test_it_trains_on_in_peft(sample: Any, tmp_path: Path, step: Callable[..., Any], name: str) -> None:
    module = MODULES[name]
    folder = sample.write(tmp_path / "one", "peft", module, sample.random(module))
    model = loaded(sample.with_head(), folder, is_trainable=True)
    labels = torch.tensor([0, 1, 2])
    loss, changed = step(model, lambda: model(input_ids=sample.ids, labels=labels).loss)
    assert loss < 100.0  # and so finite
    written = load_file(folder / "adapter_model.safetensors")
    assert len(changed) == len(written)
    assert all("lora_" in one or "ia3_" in one for one in changed)
    # and what peft then saves is read again
    model.save_pretrained(tmp_path / "two")
    found = layouts.read(tmp_path / "two", sample.base)
    assert found.names.keys() == layouts.read(folder, sample.base).names.keys()
    close(sample.ours(found.module, found.weights()), sample.hidden(model))


LAYERS = r"encoder\.layer\.(0|3)\..*(query|output\.dense)"
THEIRS: dict[str, dict[str, Any]] = {
    "usual": {},
    "names": {"target_modules": ["query", "attention.output.dense", "intermediate.dense"], "r": 5, "lora_alpha": 3},
    "dense": {"target_modules": ["dense"], "exclude_modules": ["pooler.dense"]},
    "full-names": {"target_modules": ["encoder.layer.1.attention.self.key", "encoder.layer.3.output.dense"]},
    "all-linear": {"target_modules": "all-linear", "exclude_modules": r".*pooler\.dense"},
    "pattern": {"target_modules": rf"(.*\.)?{LAYERS}"},
    "layers": {"layers_to_transform": [1, 3]},
    "one-layer": {"layers_to_transform": 2, "layers_pattern": "layer", "target_modules": ["value"]},
    "rslora": {"use_rslora": True, "r": 7},
    "dora": {"use_dora": True, "target_modules": ["key", "output.dense"]},
    "ranks": {
        "rank_pattern": {
            r"layer\.[01]\..*query": 3,
            "query": 6,
            r"^(roberta\.)?encoder\.layer\.3\.attention\.self\.value": 2,
        },
        "alpha_pattern": {r"3\.attention\.self\.value": 32, r"\w+\.attention.self.query": 1},
    },
    "gaussian": {"init_lora_weights": "gaussian", "lora_dropout": 0.3},
    "orthogonal": {"init_lora_weights": "orthogonal"},
}


def randomised(model: Any) -> Any:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name or "ia3_" in name:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.2 + 0.05)
    return model.eval()


@pytest.mark.parametrize("with_head", [True, False], ids=["head", "encoder"])
@pytest.mark.parametrize("name", THEIRS)
def test_what_peft_saves_is_read(sample: Any, tmp_path: Path, name: str, *, with_head: bool) -> None:
    from peft import LoraConfig, get_peft_model

    settings = {"target_modules": ["query", "value"], "task_type": "SEQ_CLS" if with_head else None} | THEIRS[name]
    if name == "dense" and with_head:
        settings["exclude_modules"] = ["pooler.dense", "classifier.dense"]
    model = sample.with_head() if with_head else sample.encoder()
    model = randomised(get_peft_model(model, LoraConfig(**settings)))
    model.save_pretrained(tmp_path)
    found = layouts.read(tmp_path, sample.base)
    expected = sample.hidden(model)
    assert float((expected - sample.ours()).abs().max()) > 0.01
    close(sample.ours(found.module, found.weights()), expected)
    classifier = {
        "classifier.dense.weight",
        "classifier.dense.bias",
        "classifier.out_proj.weight",
        "classifier.out_proj.bias",
    }
    assert {one.removeprefix("base_model.model.") for one in found.left_out} == (classifier if with_head else set())


@pytest.mark.parametrize("with_head", [True, False], ids=["head", "encoder"])
@pytest.mark.parametrize("model_type", ["bert", "camembert"])
def test_what_peft_saves_of_other_families_is_read(
    sample_of: Callable[..., Any], tmp_path: Path, model_type: str, *, with_head: bool
) -> None:
    from peft import LoraConfig, get_peft_model

    sample = sample_of(model_type)
    model = sample.with_head() if with_head else sample.encoder()
    config = LoraConfig(target_modules=["query", "output.dense"], task_type="SEQ_CLS" if with_head else None)
    model = randomised(get_peft_model(model, config))
    model.save_pretrained(tmp_path)
    found = layouts.read(tmp_path, sample.base)
    close(sample.ours(found.module, found.weights()), sample.hidden(model))
    assert bool(found.left_out) is with_head


@pytest.mark.parametrize("with_head", [True, False], ids=["head", "encoder"])
@pytest.mark.parametrize(
    ("targets", "feedforward"),
    [
        (["key", "value", "intermediate.dense"], []),
        (r".*\d\.(output\.dense|attention\.self\.(key|value))", r".*\d\.output\.dense"),
    ],
    ids=["names", "pattern"],
)
def test_what_peft_saves_of_ia3_is_read(
    sample: Any, tmp_path: Path, targets: Any, feedforward: Any, *, with_head: bool
) -> None:
    from peft import IA3Config, get_peft_model

    config = IA3Config(
        target_modules=targets, feedforward_modules=feedforward, task_type="SEQ_CLS" if with_head else None
    )
    model = randomised(get_peft_model(sample.with_head() if with_head else sample.encoder(), config))
    model.save_pretrained(tmp_path)
    found = layouts.read(tmp_path, sample.base)
    close(sample.ours(found.module, found.weights()), sample.hidden(model))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_fewer_bits_are_read_as_they_are(sample: Any, tmp_path: Path, dtype: torch.dtype) -> None:
    from safetensors.torch import save_file

    module = MODULES["all"]
    folder = sample.write(tmp_path, "peft", module, sample.random(module))
    file = folder / "adapter_model.safetensors"
    save_file({name: value.to(dtype) for name, value in load(file.read_bytes()).items()}, file)
    found = layouts.read(folder, sample.base)
    close(sample.ours(module, found.weights()), sample.hidden(loaded(sample.with_head(), folder)))
    assert all(value.dtype == torch.float32 for value in found.weights().values())


@pytest.mark.parametrize("name", MODULES)
def test_settings_come_back(sample: Any, tmp_path: Path, name: str) -> None:
    """However they are written, the module that is read has the same weights and scales as the one that was written."""
    module = MODULES[name]
    found = layouts.read(sample.write(tmp_path, "peft", module, sample.random(module)), sample.base).module
    assert found.name == module.name
    sites = {site.name: site for site in module.sites(sample.base.shape)}
    assert [site.name for site in found.sites(sample.base.shape)] == list(sites)
    for site in sites.values():
        assert found.weights(site) == module.weights(site)
        if module.name != "ia3":
            assert found.scale(site) == module.scale(site)


def test_no_path_stands_in_a_config(sample: Any, tmp_path: Path) -> None:
    folder = sample.write(tmp_path, "peft", MODULES["all"], sample.random(MODULES["all"]))
    assert str(tmp_path) not in json.dumps(json.loads((folder / "adapter_config.json").read_text()))


def test_ia3_of_both_sides_of_a_map_has_no_form(sample: Any) -> None:
    assert "not both" in layouts.get("peft").refuses(IA3(target=("output", INNER)), sample.base)
    assert layouts.get("peft").refuses(modules.get("bottleneck")(), sample.base) == "peft has no bottleneck adapter"
