"""Settings and weights of adapters that mean something else than they seem to, or that Layover has no module for."""

from __future__ import annotations

from typing import Any

import pytest

from layover.errors import MistakesError

HUB_EXTRA = (
    "roberta.encoder.layer.0.output.adapters.one.gate.weight",
    "roberta.encoder.layer.0.output.adapters.two.adapter_up.weight",
    "roberta.encoder.layer.0.attention.output.adapters.one.adapter_up.weight",
    "roberta.invertible_adapters.one.F.0.weight",
    "roberta.encoder.layer.0.output.adapter_fusion_layer.one,two.query.weight".replace(",", "-"),
    "heads.one.1.weight",
)


@pytest.mark.parametrize("name", HUB_EXTRA)
def test_a_weight_too_many_for_adapters_is_refused(bottleneck: Any, name: str) -> None:
    bottleneck.add(name, 4, 32)
    bottleneck.refused("has no such weight")


INSIDE: dict[str, tuple[Any, str]] = {
    "inv_adapter": ("nice", 'inv_adapter is "nice", but Layover only supports null'),
    "use_gating": (True, "use_gating is true, but Layover only supports false"),
    "phm_layer": (True, "phm_layer is true, but Layover only supports false"),
    "ln_before": (True, "only supports false"),
    "ln_after": (True, "only supports false"),
    "original_ln_after": (False, "only supports true"),
    "residual_before_ln": ("post_add", "only supports true"),
    "residual_before_ln-1": (1, "only supports true"),
    "adapter_residual_before_ln": (True, "only supports false"),
    "cross_adapter": (True, "only supports false"),
    "output_adapter": (False, "only supports true"),
    "mh_adapter": (True, "is none of the placements pfeiffer, houlsby, parallel"),
    "mh_adapter-text": ("no", "set the placement, but their values are"),
    "is_parallel": (True, "is none of the placements"),
    "original_ln_before": (False, "is none of the placements"),
    "scaling": (2.0, "is none of the placements"),
    "scaling-learned": ("learned", "set the placement, but their values are"),
    "scaling-whole": (1, "set the placement, but their values are"),
    "reduction_factor": ({"0": 4, "default": 4}, "reduction_factor is .*, but must be one number for all layers"),
    "reduction_factor-other": (8, "has the shape"),
    "reduction_factor-zero": (0, "one number for all layers"),
    "reduction_factor-tiny": (5e-324, "one number for all layers"),
    "reduction_factor-text": ("4", "one number for all layers"),
    "non_linearity": ("rellu", "non_linearity is \"rellu\"; did you mean 'relu'?"),
    "non_linearity-list": (["relu"], "non_linearity is"),
    "leave_out": ([0], "has no such weight"),
    "leave_out-all": ([0, 1, 2, 3], "leave_out names all 4 layers of the encoder"),
    "leave_out-text": ("0", 'leave_out is "0", but must be a list of layer'),
    "leave_out-minus": ([-1], "but must be a list of layer"),
    "architecture": ("prefix_tuning", '"architecture" is "prefix_tuning", but must be'),
    "architecture-union": ("union", "but must be"),
    "not_yet_invented": (1, '"not_yet_invented" is 1, but Layover lacks this setting'),
}


@pytest.mark.parametrize("name", INSIDE)
def test_a_bottleneck_that_means_something_else_is_refused(bottleneck: Any, name: str) -> None:
    value, message = INSIDE[name]
    bottleneck.configure_inside(**{name if name == "not_yet_invented" else name.partition("-")[0]: value})
    bottleneck.refused(message)


NEEDED = [
    *("mh_adapter", "is_parallel", "original_ln_before", "scaling", "reduction_factor", "non_linearity"),
    *("original_ln_after", "output_adapter", "residual_before_ln", "name", "config", "version", "hidden_size"),
]


@pytest.mark.parametrize("name", NEEDED)
def test_a_setting_that_decides_is_never_guessed(bottleneck: Any, name: str) -> None:
    """What adapters takes when a setting is missing is not what a placement has: seq_bn without it is another one."""
    bottleneck.without(name)
    bottleneck.refused("is missing|set the placement|is null")


def test_settings_of_adapters_that_decide_nothing_are_let_be(bottleneck: Any) -> None:
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
    "composition_mode": ("scale", 'composition_mode is "scale", but Layover only supports "add"'),
    "use_dora": (True, "only supports false"),
    "use_gating": (True, "only supports false"),
    "vera_d": (0.1, "only supports null"),
    "dtype": ("float16", "only supports null"),
    "r": (5, "has the shape"),
    "r-text": ("4", "must be a number above 0"),
    "r-zero": (0, "must be a number above 0"),
    "alpha": (None, "must be a number above 0"),
    "alpha-zero": (0, "must be a number above 0"),
    "attn_matrices": (["q", "o"], "must list some of q, k, v"),
    "attn_matrices-list": ([["q"]], "must list some of"),
    "attn_matrices-none": (None, "must list some of"),
    "attn_matrices-more": (["q", "k", "v"], "is missing"),
    "attn_matrices-less": (["q"], "has no such weight"),
    "selfattn_lora": (False, "selects no linear map"),
    "selfattn_lora-1": (1, "must be true or false"),
    "output_lora": (True, "is missing"),
    "intermediate_lora": ("yes", "must be true or false"),
    "architecture": ("mtl_lora", "but must be"),
}


@pytest.mark.parametrize("name", HUB_LORA)
def test_a_lora_of_adapters_that_means_something_else_is_refused(hub_lora: Any, name: str) -> None:
    value, message = HUB_LORA[name]
    hub_lora.configure_inside(**{name.partition("-")[0]: value})
    hub_lora.refused(message)


OUTSIDE: dict[str, tuple[Any, str]] = {
    "model_type": ("roberta", 'model_type is "roberta", but the encoder has xlm-roberta'),
    "hidden_size": (768, "hidden_size is 768, but the encoder has 32"),
    "version": ("3.2.1", 'version is "3.2.1", but must be adapters 1.0 or newer'),
    "version-none": (None, "version is null, but must be adapters 1.0 or newer"),
    "name": ("two", "is missing"),
    "name-path": ("../two", "name is .*, which is not a name that adapters writes"),
    "name-format": ("{0.__class__}", "name is .*, which is not a name that adapters writes"),
    "name-list": (["one"], "name is .*, which is not a name that adapters writes"),
    "config": (None, "config is .*, but must be an object, as adapters writes it"),
    "config-text": ("pfeiffer", "config is .*, but must be an object, as adapters writes it"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_config_of_adapters_about_something_else_is_refused(bottleneck: Any, name: str) -> None:
    value, message = OUTSIDE[name]
    bottleneck.configure(**{name.partition("-")[0]: value})
    bottleneck.refused(message)


def test_all_mistakes_of_a_bottleneck_are_told_at_once(bottleneck: Any) -> None:
    bottleneck.configure(version="3.2.1", name="../x")
    bottleneck.configure_inside(phm_layer=True, use_gating=True, non_linearity="gelo", reduction_factor="16", new=[1])
    with pytest.raises(MistakesError) as error:
        bottleneck.read()
    file = bottleneck.path / "adapter_config.json"
    expected = {
        f'{file}: version is "3.2.1", but must be',
        f'{file}: name is "../x", which is not',
        f"{file}: phm_layer is true, but Layover only supports false",
        f"{file}: use_gating is true, but Layover only supports false",
        f'{file}: non_linearity is "gelo"; did you mean',
        f'{file}: reduction_factor is "16", but must be one number',
        f'{file}: "new" is [1], but Layover lacks',
    }
    assert len(error.value.mistakes) == len(expected)
    assert all(any(told.startswith(begin) for told in error.value.mistakes) for begin in expected)


@pytest.mark.parametrize("architecture", ["prefix_tuning", "prompt_tuning", "union", "loreft", "mtl_lora", ["lora"]])
def test_other_architectures_of_adapters_are_named(hub_lora: Any, architecture: object) -> None:
    hub_lora.configure_inside(architecture=architecture)
    hub_lora.refused('"architecture" is .*, but must be')


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("phm_layer", True, "phm_layer is true, but Layover only supports false: this is a compacter, whose maps"),
        ("use_gating", True, "use_gating is true, but Layover only supports false: this is a gated module"),
        (
            "inv_adapter",
            "nice",
            'inv_adapter is "nice", but Layover only supports null: this is a language adapter with an invertible',
        ),
    ],
)
def test_what_a_bottleneck_of_adapters_is_is_named(bottleneck: Any, setting: str, value: object, message: str) -> None:
    bottleneck.configure_inside(**{setting: value})
    bottleneck.refused(message)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        (
            "composition_mode",
            "scale",
            'composition_mode is "scale", but Layover only supports "add": this is an IA3 of adapters',
        ),
        ("use_dora", True, "use_dora is true, but Layover only supports false: this is a DoRA of adapters"),
        ("vera_d", 0.1, "vera_d is 0.1, but Layover only supports null: this is a VeRA"),
    ],
)
def test_what_a_lora_of_adapters_is_is_named(hub_lora: Any, setting: str, value: object, message: str) -> None:
    hub_lora.configure_inside(**{setting: value})
    hub_lora.refused(message)


def test_scales_of_adapters_are_named(hub_lora: Any) -> None:
    hub_lora.configure_inside(composition_mode="scale", init_weights="ia3")
    hub_lora.refused('composition_mode is "scale", but Layover only supports "add"')
