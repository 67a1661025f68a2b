"""What peft and adapters take in half, wrongly or without a word is refused here, in one sentence that says what."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from layover import layouts, modules
from layover.errors import ModelError
from layover.layouts import CONFIG
from layover.modules import LINEARS

LORA, DORA, IA3, BOTTLENECK = (modules.get(name) for name in ("lora", "dora", "ia3", "bottleneck"))
BEFORE = "base_model.model.roberta.encoder.layer"


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
        found = change(load_file(self.file))
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


@pytest.fixture
def lora(sample: Any, tmp_path: Path) -> Folder:
    return Folder(sample, tmp_path / "one", "peft", LORA(rank=4, alpha=8.0))


@pytest.fixture
def ia3(sample: Any, tmp_path: Path) -> Folder:
    return Folder(sample, tmp_path / "one", "peft", IA3())


@pytest.fixture
def bottleneck(sample: Any, tmp_path: Path) -> Folder:
    return Folder(sample, tmp_path / "one", "adapterhub", BOTTLENECK(reduction=4))


@pytest.fixture
def hub_lora(sample: Any, tmp_path: Path) -> Folder:
    return Folder(sample, tmp_path / "one", "adapterhub", LORA(rank=4, alpha=8.0))


EVERY = {
    "peft": (LORA(rank=4), "peft"),
    "pattern": (LORA(rank=4, target=("output",)), "peft"),
    "dora": (DORA(rank=4), "peft"),
    "ia3": (IA3(), "peft"),
    "hub": (BOTTLENECK(reduction=4), "adapterhub"),
    "hub-lora": (LORA(rank=4), "adapterhub"),
}
PREFIXED = {"peft": "base_model.model.", "adapterhub": ""}


@pytest.mark.parametrize("name", EVERY)
def test_either_prefix_is_read_and_no_mixture(sample: Any, tmp_path: Path, name: str) -> None:
    """peft loads nothing, or half, from the other prefix, and warns; here both are the same module."""
    module, layout = EVERY[name]
    folder, before = Folder(sample, tmp_path / "one", layout, module), PREFIXED[layout]
    expected = folder.read().weights()
    folder.change(
        lambda weights: {key.replace(f"{before}roberta.", before, 1): value for key, value in weights.items()}
    )
    found = folder.read()
    assert not any("roberta" in theirs for theirs in found.names.values())
    assert found.weights().keys() == expected.keys()
    assert all(torch.equal(value, expected[own]) for own, value in found.weights().items())
    key = max(load_file(folder.file))
    folder.change(
        lambda weights: {
            **{one: value for one, value in weights.items() if one != key},
            key.replace(f"{before}encoder", f"{before}roberta.encoder", 1): weights[key],
        }
    )
    folder.refused("is missing|not ask for|no weights for it")


@pytest.mark.parametrize("name", EVERY)
def test_an_encoder_of_another_depth_is_refused(sample_of: Callable[..., Any], tmp_path: Path, name: str) -> None:
    """peft warns at the one, and says nothing at the other; adapters says nothing at all."""
    module, layout = EVERY[name]
    folder = Folder(sample_of(), tmp_path / "one", layout, module)
    folder.refused("has weights for layer [23], but the encoder has 2 layers", sample_of(num_hidden_layers=2).base)
    deeper = sample_of(num_hidden_layers=6).base
    folder.refused("with fewer layers than this one's 6|does not cover this encoder", deeper)


@pytest.mark.parametrize("name", EVERY)
def test_an_encoder_of_another_size_is_refused(sample_of: Callable[..., Any], tmp_path: Path, name: str) -> None:
    module, layout = EVERY[name]
    folder = Folder(sample_of(), tmp_path / "one", layout, module)
    wider = sample_of(hidden_size=48, intermediate_size=96).base
    folder.refused("has the shape|hidden_size is 32, but the encoder's is 48", wider)


@pytest.mark.parametrize("name", EVERY)
def test_another_family_is_refused(sample_of: Callable[..., Any], tmp_path: Path, name: str) -> None:
    module, layout = EVERY[name]
    folder = Folder(sample_of(), tmp_path / "one", layout, module)
    folder.refused("not a weight of the layers of bert|model_type is", sample_of("bert").base)


@pytest.mark.parametrize("name", EVERY)
def test_a_weight_too_few_is_refused(sample: Any, tmp_path: Path, name: str) -> None:
    module, layout = EVERY[name]
    folder = Folder(sample, tmp_path / "one", layout, module)
    whole = load_file(folder.file)
    for key in whole:
        folder.change(lambda _, key=key: {one: value for one, value in whole.items() if one != key})
        folder.refused("is missing|no lora_A|no weights for it")


EXTRA = {
    "twice-named": f"{BEFORE}.0.attention.self.query.lora_A.default.weight",
    "pooler": "base_model.model.roberta.pooler.dense.lora_A.weight",
    "embeddings": "base_model.model.roberta.embeddings.word_embeddings.lora_embedding_A",
    "base-weight": f"{BEFORE}.0.attention.self.query.weight",
    "base-bias": f"{BEFORE}.0.attention.self.query.bias",
    "norm": f"{BEFORE}.0.output.LayerNorm.lora_A.weight",
    "lm-head": "base_model.model.lm_head.dense.lora_A.weight",
    "no-prefix": "roberta.encoder.layer.0.attention.self.query.lora_A.weight",
    "lora-bias": f"{BEFORE}.0.attention.self.query.lora_B.bias",
    "magnitude": f"{BEFORE}.0.attention.self.query.lora_magnitude_vector",
    "other-place": f"{BEFORE}.0.attention.self.key.lora_A.weight",
    "zero-padded": f"{BEFORE}.00.attention.self.query.lora_A.weight",
    "layer-9999": f"{BEFORE}.9999.attention.self.query.lora_A.weight",
    "layer-99999": f"{BEFORE}.99999.attention.self.query.lora_A.weight",
    "prompt": "prompt_embeddings",
    "gate": f"{BEFORE}.0.attention.self.query.gate.weight",
}


@pytest.mark.parametrize("name", EXTRA)
def test_a_weight_too_many_is_refused(lora: Folder, name: str) -> None:
    lora.read()
    lora.add(EXTRA[name], 4, 32)
    lora.refused("not a weight of the layers|has no such weight|does not ask for|has weights for layer 9999")


HUB_EXTRA = (
    "roberta.encoder.layer.0.output.adapters.one.gate.weight",
    "roberta.encoder.layer.0.output.adapters.two.adapter_up.weight",
    "roberta.encoder.layer.0.attention.output.adapters.one.adapter_up.weight",
    "roberta.invertible_adapters.one.F.0.weight",
    "roberta.encoder.layer.0.output.adapter_fusion_layer.one,two.query.weight".replace(",", "-"),
    "heads.one.1.weight",
)


@pytest.mark.parametrize("name", HUB_EXTRA)
def test_a_weight_too_many_for_adapters_is_refused(bottleneck: Folder, name: str) -> None:
    bottleneck.add(name, 4, 32)
    bottleneck.refused("has no such weight")


STARTS = ["pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga", "", 0.0, ["gaussian"], {"a": 1}]


@pytest.mark.parametrize("start", STARTS)
def test_a_start_that_changed_the_encoder_is_refused(lora: Folder, start: object) -> None:
    lora.configure(init_lora_weights=start)
    lora.refused("init_lora_weights is .*: the weights belong to an encoder that was changed at the start")


def test_a_pissa_of_peft_is_refused_until_it_is_converted(sample: Any, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(sample.encoder(), LoraConfig(target_modules=["query"], init_lora_weights="pissa"))
    model.save_pretrained(tmp_path / "start")
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "lora_" in key:
                value.mul_(1.3)
    model.eval().save_pretrained(tmp_path / "one")
    with pytest.raises(ModelError, match='init_lora_weights is "pissa"'):
        layouts.read(tmp_path / "one", sample.base)
    expected = sample.hidden(model)
    model.save_pretrained(tmp_path / "two", path_initial_model_for_weight_conversion=str(tmp_path / "start"))
    found = layouts.read(tmp_path / "two", sample.base)
    torch.testing.assert_close(sample.ours(found.module, found.weights()), expected, atol=1e-4, rtol=0)


SETTINGS: dict[str, tuple[Any, str]] = {
    "bias": ("all", 'bias is "all": biases of the encoder itself were trained'),
    "bias-lora": ("lora_only", "biases of the encoder itself were trained"),
    "fan_in_fan_out": (True, '"fan_in_fan_out" is true: not known here'),
    "lora_bias": (True, "not known here"),
    "layer_replication": ([[0, 4], [2, 5]], "not known here"),
    "use_qalora": (True, "not known here"),
    "arrow_config": ({"top_k": 2}, "not known here"),
    "target_parameters": (["x"], "not known here"),
    "trainable_token_indices": ([1, 2], "not known here"),
    "alora_invocation_tokens": ([1], "not known here"),
    "loftq_config": ({"loftq_bits": 4}, "not known here"),
    "not_yet_invented": (0.5, '"not_yet_invented" is 0.5: not known here'),
    "bad\nname\x1b[2J": ("\x1b[2J\ud800", "not known here"),
    "use_dora": ("yes", 'use_dora is "yes", neither true nor false'),
    "use_rslora": (1, "use_rslora is 1, neither"),
    "r": (5, "lora_A has 4 rows, but its rank is 5"),
    "r-none": (None, "r of .* is null, no number above 0"),
    "r-text": ("4", "no number above 0"),
    "r-zero": (0, "no number above 0"),
    "r-true": (True, "no number above 0"),
    "r-half": (4.0, "r of .* is 4.0, no whole number"),
    "lora_alpha": (-1, "no number above 0"),
    "lora_alpha-huge": (10**900, "no number above 0"),
    "lora_alpha-list": ([8], "no number above 0"),
    "rank_pattern": ({"query": 3}, "lora_A has 4 rows, but its rank is 3"),
    "rank_pattern-zero": ({"query": 0}, "no number above 0"),
    "rank_pattern-list": ([["query", 4]], "rank_pattern is .*, no object"),
    "rank_pattern-null": (None, "rank_pattern is null, no object"),
    "alpha_pattern": ({"query": None}, "no number above 0"),
    "alpha_pattern-broken": ({"(query": 3}, "the pattern .* a group is not closed"),
    "alpha_pattern-behind": ({r"(.)\1": 3}, "is not run; write a list of names instead"),
    "target_modules": (None, "target_modules is null, neither a pattern nor a list of names"),
    "target_modules-numbers": ([1, 2], "neither a pattern nor a list of names"),
    "target_modules-less": (["query"], "does not ask for .*value"),
    "target_modules-more": (["query", "value", "key"], "asks for .*key, and the file has no weights for it"),
    "target_modules-pattern": (r".*\.(query|key|value)", "asks for .*key, and the file has no weights"),
    "target_modules-short": (r"encoder\..*\.(query|value)", "does not ask for roberta"),
    "target_modules-ahead": (r".*(?=query).*", "groups that begin with .* are not run"),
    "target_modules-all": ("all-linear", "asks for .*, and the file has no weights for it"),
    "target_modules-empty": ([], "does not ask for"),
    "exclude_modules": (["value"], "does not ask for .*value"),
    "exclude_modules-pattern": (r".*layer\.0.*", "does not ask for .*layer.0"),
    "exclude_modules-number": (7, "exclude_modules is 7"),
    "layers_to_transform": ([0, 1], "does not ask for roberta.encoder.layer.2"),
    "layers_to_transform-one": (0, "does not ask for roberta.encoder.layer.1"),
    "layers_to_transform-text": ("all", 'layers_to_transform is "all"'),
    "layers_to_transform-true": (True, "layers_to_transform is true"),
    "layers_to_transform-minus": ([-1], "layers_to_transform is"),
    "layers_pattern": ("layer", "layers_pattern is .*, beside no layers_to_transform"),
    "modules_to_save": (["query"], "does not ask for .*query"),
    "modules_to_save-text": ("classifier", "modules_to_save is .*, no list of names"),
    "peft_type": ("VERA", 'peft_type "VERA": Layover has LORA and IA3'),
    "peft_type-list": (["LORA"], "peft_type"),
    "peft_type-null": (None, "peft_type null"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_means_something_else_is_refused(lora: Folder, name: str) -> None:
    value, message = SETTINGS[name]
    setting = name if name == "not_yet_invented" or "\n" in name else name.partition("-")[0]
    lora.configure(**{setting: value})
    lora.refused(message)


def test_layers_are_called_layer(lora: Folder) -> None:
    lora.configure(layers_to_transform=[0, 1, 2, 3], layers_pattern=["layer"])
    lora.read()
    lora.configure(layers_pattern=["blocks"])
    lora.refused("layers_pattern is .*; the layers are called layer")
    lora.configure(layers_pattern=None, target_modules=".*(query|value)")
    lora.refused("layers_to_transform is .*; it is a list of numbers, beside target_modules that are a list of names")


def test_settings_that_decide_nothing_are_let_be(lora: Folder) -> None:
    expected = lora.read()
    lora.configure(
        lora_dropout=0.3,
        inference_mode=False,
        auto_mapping={"base_model_class": "XLMRobertaModel", "parent_library": "os"},
        peft_version="0.99",
        eva_config={"rho": 2.0},
        not_yet_invented=None,
        also_not=[],
        base_model_name_or_path="/home/somebody/secret",
    )
    found = lora.read()
    assert found.module == expected.module
    assert found.names == expected.names


SCALES: dict[str, tuple[Any, str]] = {
    "feedforward_modules": ([], "has the shape|scales what"),
    "feedforward_modules-all": (["dense", "key", "value"], "scales what comes into .*key"),
    "feedforward_modules-null": (None, "feedforward_modules is null"),
    "feedforward_modules-pattern": ("(a|", "a group is not closed"),
    "fan_in_fan_out": (True, "not known here"),
    "r": (8, "not known here"),
    "target_modules": (["key", "value"], "does not ask for"),
    "peft_type": ("LORA", "not a weight of the layers"),
}


@pytest.mark.parametrize("name", SCALES)
def test_an_ia3_that_means_something_else_is_refused(ia3: Folder, name: str) -> None:
    value, message = SCALES[name]
    ia3.configure(**{name.partition("-")[0]: value})
    ia3.refused(message)


def test_scales_of_some_layers_only_are_refused(sample: Any, tmp_path: Path) -> None:
    folder = Folder(sample, tmp_path / "one", "peft", IA3(target=("key", "value")))
    folder.configure(target_modules=r".*(value|[012]\.attention\.self\.key)")
    folder.change(lambda weights: {key: value for key, value in weights.items() if "3.attention.self.key" not in key})
    folder.refused("key is scaled in some layers and not in layer 3")


def test_pefts_usual_ia3_is_refused(sample_of: Callable[..., Any], tmp_path: Path) -> None:
    """Its `output.dense` is the end of `attention.output.dense`, too, where Layover scales nothing that comes in."""
    from peft import IA3Config, get_peft_model

    sample = sample_of("roberta")
    get_peft_model(sample.with_head(), IA3Config(task_type="SEQ_CLS")).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"scales what comes into roberta.*attention\.output\.dense"):
        layouts.read(tmp_path, sample.base)


INSIDE: dict[str, tuple[Any, str]] = {
    "inv_adapter": ("nice", 'inv_adapter is "nice"; only null is known here'),
    "use_gating": (True, "use_gating is true; only false"),
    "phm_layer": (True, "phm_layer is true; only false"),
    "ln_before": (True, "only false"),
    "ln_after": (True, "only false"),
    "original_ln_after": (False, "only true"),
    "residual_before_ln": ("post_add", "only true"),
    "residual_before_ln-1": (1, "only true"),
    "adapter_residual_before_ln": (True, "only false"),
    "cross_adapter": (True, "only false"),
    "output_adapter": (False, "only true"),
    "mh_adapter": (True, "is none of the placements pfeiffer, houlsby, parallel"),
    "mh_adapter-text": ("no", "decide the placement, and are"),
    "is_parallel": (True, "is none of the placements"),
    "original_ln_before": (False, "is none of the placements"),
    "scaling": (2.0, "is none of the placements"),
    "scaling-learned": ("learned", "decide the placement, and are"),
    "scaling-whole": (1, "decide the placement, and are"),
    "reduction_factor": ({"0": 4, "default": 4}, "reduction_factor is .*; one number for all layers is needed"),
    "reduction_factor-other": (8, "has the shape"),
    "reduction_factor-zero": (0, "one number for all layers"),
    "reduction_factor-tiny": (5e-324, "one number for all layers"),
    "reduction_factor-text": ("4", "one number for all layers"),
    "non_linearity": ("rellu", "non_linearity is \"rellu\"; did you mean 'relu'?"),
    "non_linearity-list": (["relu"], "non_linearity is"),
    "leave_out": ([0], "has no such weight"),
    "leave_out-all": ([0, 1, 2, 3], "leave_out leaves no layer of the encoder's 4"),
    "leave_out-text": ("0", 'leave_out is "0", no list of layers'),
    "leave_out-minus": ([-1], "no list of layers"),
    "architecture": ("prefix_tuning", '"architecture" is "prefix_tuning": not known here'),
    "architecture-union": ("union", "not known here"),
    "not_yet_invented": (1, '"not_yet_invented" is 1: not known here'),
}


@pytest.mark.parametrize("name", INSIDE)
def test_a_bottleneck_that_means_something_else_is_refused(bottleneck: Folder, name: str) -> None:
    value, message = INSIDE[name]
    bottleneck.configure_inside(**{name if name == "not_yet_invented" else name.partition("-")[0]: value})
    bottleneck.refused(message)


NEEDED = [
    *("mh_adapter", "is_parallel", "original_ln_before", "scaling", "reduction_factor", "non_linearity"),
    *("original_ln_after", "output_adapter", "residual_before_ln", "name", "config", "version", "hidden_size"),
]


@pytest.mark.parametrize("name", NEEDED)
def test_a_setting_that_decides_is_never_guessed(bottleneck: Folder, name: str) -> None:
    """What adapters takes when a setting is missing is not what a placement has: seq_bn without it is another one."""
    bottleneck.without(name)
    bottleneck.refused("is missing|decide the placement|is null|has no config and name")


def test_settings_of_adapters_that_decide_nothing_are_let_be(bottleneck: Folder) -> None:
    expected = bottleneck.read()
    bottleneck.configure_inside(dropout=0.3, init_weights="houlsby", init_weights_seed=7, phm_dim=9, not_invented=None)
    bottleneck.configure(
        model_name="/home/somebody/secret", model_class="RobertaAdapterModel", version="adapters.1.0.1"
    )
    for name in ("stochastic_depth", "phm_layer", "inv_adapter", "use_gating"):  # as before they were invented
        bottleneck.without(name)
    found = bottleneck.read()
    assert found.module == expected.module
    assert found.names == expected.names


HUB_LORA: dict[str, tuple[Any, str]] = {
    "composition_mode": ("scale", 'composition_mode is "scale"; only "add" is known here'),
    "use_dora": (True, "only false"),
    "use_gating": (True, "only false"),
    "vera_d": (0.1, "only null"),
    "dtype": ("float16", "only null"),
    "r": (5, "has the shape"),
    "r-text": ("4", "no numbers above 0"),
    "r-zero": (0, "no numbers above 0"),
    "alpha": (None, "no numbers above 0"),
    "alpha-zero": (0, "no numbers above 0"),
    "attn_matrices": (["q", "o"], "attn_matrices are some of q, k, v"),
    "attn_matrices-list": ([["q"]], "attn_matrices are some of"),
    "attn_matrices-none": (None, "attn_matrices are some of"),
    "attn_matrices-more": (["q", "k", "v"], "is missing"),
    "attn_matrices-less": (["q"], "has no such weight"),
    "selfattn_lora": (False, "asks for no linear map"),
    "selfattn_lora-1": (1, "neither true nor false"),
    "output_lora": (True, "is missing"),
    "intermediate_lora": ("yes", "neither true nor false"),
    "architecture": ("mtl_lora", "not known here"),
}


@pytest.mark.parametrize("name", HUB_LORA)
def test_a_lora_of_adapters_that_means_something_else_is_refused(hub_lora: Folder, name: str) -> None:
    value, message = HUB_LORA[name]
    hub_lora.configure_inside(**{name.partition("-")[0]: value})
    hub_lora.refused(message)


OUTSIDE: dict[str, tuple[Any, str]] = {
    "model_type": ("roberta", 'model_type is "roberta", but the encoder\'s is xlm-roberta'),
    "hidden_size": (768, "hidden_size is 768, but the encoder's is 32"),
    "version": ("3.2.1", 'version is "3.2.1", from before adapters 1.0'),
    "version-none": (None, "from before adapters 1.0 or unknown"),
    "name": ("two", "is missing"),
    "name-path": ("../two", "has no config and name"),
    "name-format": ("{0.__class__}", "has no config and name"),
    "name-list": (["one"], "has no config and name"),
    "config": (None, "has no config and name"),
    "config-text": ("pfeiffer", "has no config and name"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_config_of_adapters_about_something_else_is_refused(bottleneck: Folder, name: str) -> None:
    value, message = OUTSIDE[name]
    bottleneck.configure(**{name.partition("-")[0]: value})
    bottleneck.refused(message)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(sample: Any, tmp_path: Path, name: str, number: float) -> None:
    module, layout = EVERY[name]
    folder = Folder(sample, tmp_path / "one", layout, module)

    def spoilt(weights: dict[str, Any]) -> dict[str, Any]:
        weights[max(weights)].view(-1)[-1] = number
        return weights

    folder.change(spoilt)
    folder.refused("holds NaN or infinity")


def test_numbers_in_a_config_that_are_none_are_refused(lora: Folder) -> None:
    for number in (float("nan"), float("inf")):
        lora.configure(lora_alpha=number)
        lora.refused("is no number")


@pytest.mark.parametrize(
    "where", ["rank_pattern", "alpha_pattern", "target_modules", "exclude_modules", "modules_to_save"]
)
def test_patterns_that_would_run_for_years_do_not(lora: Folder, where: str) -> None:
    for pattern in ("(.|.)" * 70 + "!", "(.+)+!", "((.*)*)*!"):
        value = {pattern: 4} if where.endswith("pattern") else [pattern] if where == "modules_to_save" else pattern
        lora.configure(**{where: value})
        start = time.process_time()
        try:
            lora.read()
        except ModelError as error:
            assert "take too long" in str(error) or "does not ask for" in str(error)  # noqa: PT017
        assert time.process_time() - start < 10.0


class Program:
    """What a pickle can do to whoever opens it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self._file), "w")


@pytest.mark.parametrize("name", ["peft", "hub"])
def test_a_pickle_is_never_opened(sample: Any, tmp_path: Path, name: str) -> None:
    module, layout = EVERY[name]
    folder, trace = Folder(sample, tmp_path / "one", layout, module), tmp_path / "it-ran"
    program = pickle.dumps(Program(trace))
    pickle.loads(program).close()  # noqa: S301 - it does run
    trace.unlink()
    planted = folder.path / layouts.get(layout).pickle
    planted.write_bytes(program)
    folder.read().weights()  # the other file is there, and is the one that is read
    assert not trace.exists()
    folder.file.unlink()
    folder.refused("a pickle, which could run any program when it is opened; it is not read")
    assert not trace.exists()
    # nor under the name of the other file
    folder.file.write_bytes(program)
    folder.refused("not a safetensors file")
    torch.save({"a": torch.ones(1)}, folder.file)
    folder.refused("not a safetensors file")
    (folder.path / CONFIG).write_bytes(program)
    folder.refused("not plain JSON")
    assert not trace.exists()


def test_what_is_no_module_is_told(sample: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no module in it that Layover can read; it knows AdapterHub's .*, peft's"):
        layouts.read(tmp_path, sample.base)
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(ModelError, match="no module in it that Layover can read"):
        layouts.read(tmp_path, sample.base)
    with pytest.raises(ModelError, match="no module in it that Layover can read"):
        layouts.read(tmp_path / "nowhere", sample.base)


@pytest.mark.parametrize("name", ["peft", "hub"])
def test_links_and_missing_files_are_told(sample: Any, tmp_path: Path, name: str) -> None:
    module, layout = EVERY[name]
    folder = Folder(sample, tmp_path / "one", layout, module)
    for file in (folder.file, folder.path / CONFIG):
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
        folder.refused("a link or no ordinary file")
        file.unlink()
        file.mkdir()
        folder.refused("a link or no ordinary file")
        file.rmdir()
        (tmp_path / "elsewhere").rename(file)
    folder.file.unlink()
    (folder.path / layouts.get(layout).pickle).unlink(missing_ok=True)
    folder.refused("is missing")


def test_a_file_that_changes_after_the_look_is_told(lora: Folder) -> None:
    found = lora.read()
    lora.change(lambda weights: {key: value[:, :2] if "lora_A" in key else value for key, value in weights.items()})
    with pytest.raises(ModelError, match="has changed since its shape was looked at"):
        found.weights()
    lora.change(lambda weights: {f"{key}x": value for key, value in weights.items()})
    with pytest.raises(ModelError, match="is missing"):
        found.weights()


def test_a_head_beside_a_module_is_left_out(lora: Folder) -> None:
    """peft saves it in the same file; it is no part of the module, and its numbers are not even looked at."""
    expected = lora.read().weights()
    lora.add("base_model.model.classifier.out_proj.weight", 3, 32)
    lora.change(lambda weights: {**weights, "base_model.model.classifier.dense.bias": torch.tensor([float("nan")])})
    found = lora.read()
    assert len(found.left_out) == 2
    assert all(torch.equal(value, expected[name]) for name, value in found.weights().items())


def test_what_a_file_calls_its_encoder_is_for_people(lora: Folder, sample: Any) -> None:
    assert lora.read().model is None
    for name, known in (("a/b", "a/b"), ("/tmp/x", "/tmp/x"), (7, None), ("", None), ("a\nb", None), ("x" * 201, None)):  # noqa: S108
        lora.configure(base_model_name_or_path=name)
        assert lora.read().model == known


def test_every_linear_map_has_a_place(sample: Any, tmp_path: Path) -> None:
    module = LORA(rank=2, target=tuple(LINEARS))
    found = Folder(sample, tmp_path / "one", "peft", module).read()
    assert {site.place for site in found.module.sites(sample.base.shape)} == set(LINEARS)
