"""Settings and weights of peft that mean something else than they seem to, or that Layover has no module for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.quick import quick

from layover import layouts, modules
from layover.errors import MistakesError, ModelError
from layover.modules import INNER

LORA, DORA, IA3, BOTTLENECK = (modules.get(name) for name in ("lora", "dora", "ia3", "bottleneck"))
BEFORE = "base_model.model.roberta.encoder.layer"


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
def test_a_weight_too_many_is_refused(lora: Any, name: str) -> None:
    lora.read()
    lora.add(EXTRA[name], 4, 32)
    lora.refused("not a weight of the layers|has no such weight|does not name|has weights for layer 9999")


STARTS = ["pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga", "", 0.0, ["gaussian"], {"a": 1}]


@pytest.mark.parametrize("start", STARTS)
def test_a_start_that_changed_the_encoder_is_refused(lora: Any, start: object) -> None:
    lora.configure(init_lora_weights=start)
    lora.refused("init_lora_weights is .*: this changes the encoder before training")


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
    "bias": ("all", 'bias is "all": this trains biases of the encoder itself'),
    "bias-lora": ("lora_only", "this trains biases of the encoder itself"),
    "fan_in_fan_out": (True, '"fan_in_fan_out" is true, but Layover lacks this setting'),
    "lora_bias": (True, "Layover lacks this setting"),
    "layer_replication": ([[0, 4], [2, 5]], "Layover lacks this setting"),
    "use_qalora": (True, "Layover lacks this setting"),
    "arrow_config": ({"top_k": 2}, "Layover lacks this setting"),
    "target_parameters": (["x"], "Layover lacks this setting"),
    "trainable_token_indices": ([1, 2], "Layover lacks this setting"),
    "alora_invocation_tokens": ([1], "Layover lacks this setting"),
    "loftq_config": ({"loftq_bits": 4}, "Layover lacks this setting"),
    "not_yet_invented": (0.5, '"not_yet_invented" is 0.5, but Layover lacks this setting'),
    "bad\nname\x1b[2J": ("\x1b[2J\ud800", "Layover lacks this setting"),
    "use_dora": ("yes", 'use_dora is "yes", but must be true or false'),
    "use_rslora": (1, "use_rslora is 1, but must be true or false"),
    "r": (5, "lora_A has 4 rows, but the rank is 5"),
    "r-none": (None, "r is null, but must be a number above 0"),
    "r-text": ("4", "must be a number above 0"),
    "r-zero": (0, "must be a number above 0"),
    "r-true": (True, "must be a number above 0"),
    "r-half": (4.0, "r is 4.0, but must be a whole number"),
    "lora_alpha": (-1, "must be a number above 0"),
    "lora_alpha-huge": (10**900, "must be a number above 0"),
    "lora_alpha-list": ([8], "must be a number above 0"),
    "rank_pattern": ({"query": 3}, "lora_A has 4 rows, but the rank is 3"),
    "rank_pattern-zero": ({"query": 0}, "must be a number above 0"),
    "rank_pattern-list": ([["query", 4]], "rank_pattern is .*, but must be a JSON object"),
    "rank_pattern-null": (None, "rank_pattern is null, but must be a JSON object"),
    "alpha_pattern": ({"query": None}, "must be a number above 0"),
    "alpha_pattern-broken": ({"(query": 3}, "the pattern .* is not run here"),
    "alpha_pattern-behind": ({r"(.)\1": 3}, "is not run here"),
    "target_modules": (None, "target_modules is null, but must be a pattern or a list of names"),
    "target_modules-numbers": ([1, 2], "but must be a pattern or a list of names"),
    "target_modules-less": (["query"], "does not name .*value"),
    "target_modules-more": (["query", "value", "key"], "names .*key, but the file has no weights for it"),
    "target_modules-pattern": (r".*\.(query|key|value)", "names .*key, but the file has no weights"),
    "target_modules-short": (r"encoder\..*\.(query|value)", "does not name roberta"),
    "target_modules-ahead": (r".*(?=query).*", "is not run here"),
    "target_modules-all": ("all-linear", "names .*, but the file has no weights for it"),
    "target_modules-empty": ([], "does not name"),
    "exclude_modules": (["value"], "does not name .*value"),
    "exclude_modules-pattern": (r".*layer\.0.*", "does not name .*layer.0"),
    "exclude_modules-number": (7, "exclude_modules is 7"),
    "layers_to_transform": ([0, 1], "does not name roberta.encoder.layer.2"),
    "layers_to_transform-one": (0, "does not name roberta.encoder.layer.1"),
    "layers_to_transform-text": ("all", 'layers_to_transform is "all"'),
    "layers_to_transform-true": (True, "layers_to_transform is true"),
    "layers_to_transform-minus": ([-1], "layers_to_transform is"),
    "layers_pattern": ("layer", "layers_pattern is .*, but layers_to_transform is absent"),
    "modules_to_save": (["query"], r'modules_to_save is \["query"\], but Layover only reads heads in it'),
    "modules_to_save-text": ("classifier", "modules_to_save is .*, but must be a list of names"),
    "peft_type": ("VERA", 'peft_type is "VERA", but Layover reads LORA and IA3'),
    "peft_type-list": (["LORA"], "peft_type"),
    "peft_type-null": (None, "peft_type is null"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_means_something_else_is_refused(lora: Any, name: str) -> None:
    value, message = SETTINGS[name]
    setting = name if name == "not_yet_invented" or "\n" in name else name.partition("-")[0]
    lora.configure(**{setting: value})
    lora.refused(message)


def test_layers_are_called_layer(lora: Any) -> None:
    lora.configure(layers_to_transform=[0, 1, 2, 3], layers_pattern=["layer"])
    lora.read()
    lora.configure(layers_pattern=["blocks"])
    lora.refused("layers_pattern is .*; the name of the layers is layer")
    lora.configure(layers_pattern=None, target_modules=".*(query|value)")
    lora.refused("layers_to_transform is .*, but must be a list of numbers, and target_modules a list of names")


def test_settings_that_decide_nothing_are_let_be(lora: Any) -> None:
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
    "feedforward_modules": ([], "has the shape|scales the input"),
    "feedforward_modules-all": (["dense", "key", "value"], "scales the input of .*key"),
    "feedforward_modules-null": (None, "feedforward_modules is null"),
    "feedforward_modules-pattern": ("(a|", "is not run here"),
    "fan_in_fan_out": (True, "Layover lacks this setting"),
    "r": (8, "Layover lacks this setting"),
    "target_modules": (["key", "value"], "does not name"),
    "peft_type": ("LORA", '"feedforward_modules" is .*, but Layover lacks this setting'),
}


@pytest.mark.parametrize("name", SCALES)
def test_an_ia3_that_means_something_else_is_refused(ia3: Any, name: str) -> None:
    value, message = SCALES[name]
    ia3.configure(**{name.partition("-")[0]: value})
    ia3.refused(message)


def test_scales_of_some_layers_only_are_refused(folder_of: Callable[..., Any], sample: Any, tmp_path: Path) -> None:
    folder = folder_of(sample, tmp_path / "one", "peft", IA3(target=("key", "value")))
    folder.configure(target_modules=r".*(value|[012]\.attention\.self\.key)")
    folder.change(lambda weights: {key: value for key, value in weights.items() if "3.attention.self.key" not in key})
    folder.refused("key is scaled in some layers, but not in layer 3")


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize(
    ("targets", "sites"),
    [
        (None, ("key", "value", INNER)),
        (["attention.output.dense"], ("value",)),
        (r".*(layer\.1\.attention\.output\.dense|value)", ("value",)),
        (r".*([013]\.attention\.self\.value|2\.attention\.output\.dense)", ("value",)),
    ],
)
def test_scales_of_what_comes_into_attentions_last_map_are_those_of_the_values(
    sample_of: Callable[..., Any], tmp_path: Path, head: bool, targets: object, sites: tuple[str, ...]
) -> None:
    """peft's own defaults for these encoders name `output.dense`, which is the end of two linear maps."""
    from peft import IA3Config, get_peft_model

    sample = sample_of("roberta")
    inward = r".*output\.dense" if isinstance(targets, str) else targets
    chosen = {} if targets is None else {"target_modules": targets, "feedforward_modules": inward}
    config = IA3Config(**chosen, **({"task_type": "SEQ_CLS"} if head else {}))
    model = get_peft_model(sample.with_head() if head else sample.encoder(), config)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "ia3_l" in name:
                value.copy_(1 + 0.5 * torch.randn(value.shape, generator=generator))
    model.eval().save_pretrained(tmp_path)
    found = layouts.read(tmp_path, sample.base)
    assert found.module == IA3(target=sites)
    encoder = model.base_model.model.get_submodule(sample.prefix) if head else model
    torch.testing.assert_close(sample.ours(found.module, found.weights()), sample.hidden(encoder), atol=1e-4, rtol=0)


def test_a_row_of_scales_has_the_width_of_the_encoder(sample_of: Callable[..., Any], tmp_path: Path) -> None:
    from peft import IA3Config, get_peft_model
    from safetensors.torch import load, save_file

    sample = sample_of("roberta")
    get_peft_model(sample.encoder(), IA3Config()).save_pretrained(tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    weights = load(file.read_bytes())
    (name,) = [name for name in weights if "layer.2.attention.output" in name]
    save_file({**weights, name: torch.ones(1, 7)}, file)
    with pytest.raises(ModelError, match=r"layer\.2\.attention\.output.*: has the shape \[1, 7\]"):
        layouts.read(tmp_path, sample.base)


MISTAKES: dict[str, tuple[dict[str, object], list[str]]] = {
    "lora": (
        {
            "bias": "all",
            "modules_to_save": ["pooler"],
            "target_parameters": ["experts.0"],
            "init_lora_weights": "pissa",
            "use_dora": 1,
            "r": "4",
            "rank_pattern": [],
            "lora_bias": True,
            "layers_pattern": "layer",
        },
        [
            '"target_parameters" is ["experts.0"]',
            '"lora_bias" is true',
            'modules_to_save is ["pooler"]',
            'layers_pattern is "layer"',
            'bias is "all"',
            'init_lora_weights is "pissa"',
            "use_dora is 1",
            'r is "4"',
            "rank_pattern is []",
        ],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_all_mistakes_are_told_at_once(lora: Any, name: str) -> None:
    settings, expected = MISTAKES[name]
    lora.configure(**settings)
    with pytest.raises(MistakesError) as error:
        lora.read()
    begin = f"{lora.path / 'adapter_config.json'}: "
    assert len(error.value.mistakes) == len(expected)
    for told, mistake in zip(error.value.mistakes, expected, strict=True):
        assert told.startswith(begin + mistake)


KINDS = (
    *("VERA", "LOHA", "LOKR", "ADALORA", "OFT", "BOFT", "PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING"),
    *("LN_TUNING", "FOURIERFT", "XLORA", "HRA", "VBLORA", "CPT", "TRAINABLE_TOKENS", "ADAPTION_PROMPT", "MULTITASK"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_are_named(lora: Any, kind: str) -> None:
    lora.configure(peft_type=kind)
    lora.refused(f'peft_type is "{kind}", but Layover reads LORA and IA3')


def test_numbers_in_a_config_that_are_none_are_refused(lora: Any) -> None:
    for number in (float("nan"), float("inf")):
        lora.configure(lora_alpha=number)
        lora.refused("is not a number")


@pytest.mark.parametrize("where", ["rank_pattern", "alpha_pattern", "target_modules", "exclude_modules"])
def test_patterns_that_would_run_for_years_do_not(lora: Any, where: str) -> None:
    for pattern in ("(.|.)" * 70 + "!", "(.+)+!", "((.*)*)*!"):
        value = {pattern: 4} if where.endswith("pattern") else pattern
        lora.configure(**{where: value})
        with quick(10):
            try:
                lora.read()
            except ModelError as error:
                assert "take too long" in str(error) or "does not name" in str(error)  # noqa: PT017


def test_a_head_beside_a_module_is_left_out(lora: Any) -> None:
    """peft saves it in the same file; it is no part of the module, and its numbers are not even looked at."""
    expected = lora.read().weights()
    lora.add("base_model.model.classifier.out_proj.weight", 3, 32)
    lora.change(lambda weights: {**weights, "base_model.model.classifier.dense.bias": torch.tensor([float("nan")])})
    found = lora.read()
    assert len(found.left_out) == 2
    assert all(torch.equal(value, expected[name]) for name, value in found.weights().items())
