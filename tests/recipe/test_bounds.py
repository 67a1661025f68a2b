"""Every number of a recipe has a range, and what is outside it ends in words."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from tests.recipe.conftest import SMALL, Told
from tests.recipe.schema_walk import ROOTS, numbers_of

from layover.recipe.expected import bounds, plain
from layover.settings import size_of

NUMBERS = [
    pytest.param(path, option, id=f"{model.__name__}.{'.'.join(map(str, path))}")
    for model in ROOTS
    for path, option in numbers_of(model)
]
SIZES = {("run", "memory"), ("run", "hidden_state_cache")}


def test_the_walk_finds_the_numbers_of_every_section() -> None:
    found = {(model.__name__, path) for model in ROOTS for path, _ in numbers_of(model)}
    for one in (
        ("Document", ("train", "epochs")),
        ("Document", ("sweep", "seed", 0)),
        ("Document", ("tasks", "key", "limit", "key")),
        ("Document", ("methods", "key", "adapterdrop", "predict")),
        ("Lora", ("patterns", 0, "rank")),
        ("Merge", ("weights", "key")),
        ("Route", ("gates", "lr")),
    ):
        assert one in found
    assert len(found) > 75


@pytest.mark.parametrize(("path", "option"), NUMBERS)
def test_a_number_has_finite_bounds_and_is_held_to_them(path: tuple[str | int, ...], option: Any) -> None:
    lowest, highest = bounds(option)
    assert lowest is not None
    assert highest is not None
    assert -math.inf < lowest < highest < math.inf
    adapter = TypeAdapter(option)
    step = 1 if plain(option) is int else max(abs(lowest), abs(highest)) * 1e-6
    for wrong in (lowest - step, highest + step, math.inf, -math.inf, math.nan, True, "1", 10**30, -(10**30)):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
    if path not in SIZES:
        assert adapter.validate_python(lowest) == lowest


def test_sections_have_no_numbers_that_the_walk_cannot_see() -> None:
    def plain_numbers(model: type[BaseModel]) -> set[str]:
        return {name for name, field in model.model_fields.items() if field.annotation in (int, float)}

    for model in ROOTS:
        seen = {path[0] for path, _ in numbers_of(model)}
        assert plain_numbers(model) <= seen


@pytest.mark.parametrize(
    "override",
    [
        "train.epochs=1e308",
        "train.epochs=.nan",
        "train.warmup=.inf",
        "train.clip=-.inf",
        "train.batch=100000000000000000000000",
        "train.batch=1.5",
        "train.dropout=1",
        "sweep.seed=[-1]",
        "sweep.seed=[1, 100000000000000000000000]",
        "run.threads=1000000",
        "run.checkpoint_seconds=0",
        "methods.bn={module: bottleneck, reduction: 1e-300}",
        "methods.lora.rank=0",
        "methods.lora.alpha=1e308",
        "methods.lora.layers=[1000]",
        "methods.lora.patterns=[{rank: 100000}]",
        "methods.lora.compose={name: merge, density: 0}",
        "methods.lora.adapterdrop={train: 5000}",
        "tasks.sandbox/nli.limit={train: 0}",
        "tasks.sandbox/qa_open.no_answer=1e300",
        "mixtures.both={tasks: [sandbox/nli, sandbox/text], sampling: temperature, temperature: 1e-300}",
    ],
)
def test_an_override_obeys_the_same_ranges(told: Told, override: str) -> None:
    (found,) = told(SMALL, override)
    assert found.startswith(f"command line ({override}): {override.partition('=')[0]}")
    assert " to " in found.partition("write ")[2]


def test_thousands_of_digits_and_endless_sweeps_are_refused(told: Told) -> None:
    (found,) = told(SMALL, f"train.batch={'9' * 5000}")
    assert "the number has 5,000 digits" in found
    seeds = ", ".join(map(str, range(1001)))
    (found,) = told(SMALL, f"sweep.seed=[{seeds}]")
    assert found.endswith("sweep.seed: the list has 1,001 items; write at most 1,000")
    many = [f"t{number}" for number in range(101)]
    own = "{kind: mlm, text: [text], files: {train: a.txt, validation: {en: a.txt}}}"
    tasks = [f"tasks.{name}={own}" for name in many]
    axes = [f"sweep.target=[{', '.join(many)}]", f"sweep.seed=[{', '.join(map(str, range(1000)))}]"]
    found = "\n".join(told(SMALL, *tasks, *axes, "eval.split=validation"))
    assert "sweep: the axes make 101,000 cells, but a sweep has at most 100,000" in found


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("12GB", 12 * 10**9),
        ("12 GB", 12 * 10**9),
        ("12gb", 12 * 10**9),
        ("12GiB", 12 * 2**30),
        ("12 GiB", 12 * 2**30),
        ("12G", 12 * 2**30),
        ("1.5g", 3 * 2**29),
        ("500MiB", 500 * 2**20),
        ("500MB", 500 * 10**6),
        ("64K", 2**16),
        ("2TB", 2 * 10**12),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize(
    "text", ["12", "GB", "12XB", "-1GB", "0GB", "1e3GB", "12 G B", "9999999999999TB", "１２GB", ""]
)
def test_other_sizes_say_what_is_taken(told: Told, text: str) -> None:
    for key in ("run.memory", "run.hidden_state_cache"):
        (found,) = told(SMALL, f'{key}="{text}"')
        assert f"{key}: {text!r} is" in found
        assert "write it like 12GB, 10GiB or 500MiB" in found
    assert told(SMALL, "run.hidden_state_cache=0") == []
    assert told(SMALL, "run.memory=12GB") == []
