"""`layover fit`: what it proposes, and that a recipe takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from layover.cli.main import build_app
from layover.errors import LayoverError
from layover.execution import Execution
from layover.memory import USABLE
from layover.recipe.schema import Method


def fit(*arguments: str) -> Any:
    found = CliRunner().invoke(build_app(), ["fit", *arguments, "--json"], catch_exceptions=False)
    return json.loads(found.stdout)


def test_the_best_that_fits_comes_first_and_a_recipe_takes_it() -> None:
    found = fit("--gpu", "6GiB", "--model", "base")
    first = found["choices"][0]
    assert (first["layers"], first["precision"], first["checkpointing"], first["costs"]) == ("all", "fp32", False, [])
    assert first["fits"]
    assert first["peak_bytes"] < USABLE * found["budget_bytes"]
    assert [one["cached"] for one in found["choices"]] == [one["layers"] != "all" for one in found["choices"]]
    recipe = YAML(typ="safe").load(found["recipe"])
    Method.model_validate(recipe["methods"]["lora"])
    assert Execution.model_validate(recipe["run"]).memory == int(USABLE * 6 * 1024) * 2**20


def test_less_memory_asks_for_more_concessions() -> None:
    wide, narrow = (fit("--ram", size, "--model", "base", "--batch", "64") for size in ("16GiB", "800MiB"))
    chosen = [next(one for one in found["choices"] if one["fits"]) for found in (wide, narrow)]
    assert chosen[0]["costs"] == []
    assert chosen[1]["costs"]
    assert chosen[0]["rows"] == 32, "no more than 4,096 tokens at once on a CPU"
    assert fit("--ram", "2GiB", "--model", "large", "--method", "full")["recipe"] is None


def test_a_folder_needs_its_config_alone(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 6, "hidden_size": 64, "intermediate_size": 128, "vocab_size": 100}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = fit("--gpu", "1GiB", "--model", str(tmp_path), "--layers", "top-2")
    assert {one["layers"] for one in found["choices"]} == {"top-2"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gpu", "6XB", "--model", "base"], "--gpu: '6XB' is not a size; write it like 12GB, 10GiB or 500MiB"),
        (["--model", "base"], "either --gpu 6GiB or --ram 16GiB"),
        (["--ram", "6GiB", "--model", "base", "--capability", "7.5"], "--capability describes a GPU"),
        (["--gpu", "6GiB", "--model", "base", "--capability", "sm_75"], "'sm_75' is not a compute capability; write"),
        (["--gpu", "6GiB", "--model", "base", "--capability", "75"], "write it as NVIDIA does: 7.5 for a T4"),
        (["--gpu", "6GiB", "--model", "lrge"], "did you mean 'large'?"),
        (["--gpu", "6GiB", "--model", "base", "--method", "lor"], "did you mean 'lora'?"),
        (["--gpu", "6GiB", "--model", "base", "--layers", "top-20"], "the encoder has 12"),
        (["--gpu", "6GiB", "--model", "base", "--layers", "upper"], "write all or top-4"),
        (["--gpu", "6GiB", "--model", "base", "--method", "full", "--layers", "top-2"], "omit the option"),
    ],
)
def test_mistakes_are_told(arguments: list[str], message: str) -> None:
    with pytest.raises(LayoverError) as error:
        fit(*arguments)
    assert message in str(error.value)


def test_an_older_card_has_plain_attention_and_slow_bfloat16() -> None:
    def halved(*arguments: str) -> dict[str, Any]:
        choices = fit("--gpu", "6GiB", "--model", "base", "--layers", "all", *arguments)["choices"]
        return next(one for one in choices if one["precision"] == "bf16" and not one["checkpointing"])

    unknown, newer, older = halved(), halved("--capability", "8.6"), halved("--capability", "7.5")
    assert newer == unknown
    assert (older["peak_bytes"] / older["rows"]) > 1.2 * (newer["peak_bytes"] / newer["rows"])
    assert "emulates it, so fp32 may be faster" in older["costs"][0]
    assert "emulates" not in newer["costs"][0]


@pytest.mark.parametrize(("capability", "offered"), [(None, True), ("8.0", True), ("7.5", False)])
def test_tf32_is_named_where_a_card_has_it(capability: str | None, offered: bool) -> None:
    more = [] if capability is None else ["--capability", capability]
    text = CliRunner().invoke(build_app(), ["fit", "--gpu", "24GiB", "--model", "base", *more]).stdout
    assert ("# precision: tf32 takes the same memory" in text) == offered
