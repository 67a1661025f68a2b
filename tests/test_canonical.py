"""Canonical forms: what stands in them, what is left out, and that what they say never changes its meaning."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from layover import compositions, modules
from layover.canonical import (
    OMITTED,
    Canonical,
    CanonicalModel,
    Omitted,
    Opaque,
    Through,
    aside,
    called,
    inlined,
    later,
    plain,
)
from layover.compositions import GateTraining
from layover.identity import key_of
from layover.modules import AdapterDrop
from layover.specs import Hyperparameters

SOURCE = Path(__file__).parents[1] / "src" / "layover"

FROZEN = Path(__file__).parent / "omitted_values.json"
"""Class -> field -> the value with which the field is left out; results were kept under it, so it stays."""


def omitted() -> dict[str, dict[str, Any]]:
    """Return the omitted values of all classes of the package, by the class that declares the field."""
    for file in SOURCE.rglob("*.py"):
        if "layover.canonical" in file.read_text(encoding="utf-8"):  # where else would it have the marks from
            name = ".".join(("layover", *file.relative_to(SOURCE).with_suffix("").parts))
            importlib.import_module(name.removesuffix(".__init__"))
    values: dict[str, dict[str, Any]] = {}
    for cls in {*_below(Canonical), *_below(CanonicalModel)}:
        marked = cls.omitted() if issubclass(cls, CanonicalModel) else _omitted_in(cls)
        own = {name: plain(value) for name, value in marked.items() if name in vars(cls).get("__annotations__", {})}
        if own and cls.__module__.startswith("layover."):
            values[f"{cls.__module__}.{cls.__name__}"] = own
    return json.loads(json.dumps(values))  # type: ignore[no-any-return]


def _omitted_in(cls: Any) -> dict[str, Any]:
    return {one.name: one.metadata[OMITTED] for one in fields(cls) if OMITTED in one.metadata}


def _below(cls: type) -> Iterator[Any]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _below(sub)


def test_omitted_values_are_frozen() -> None:
    """A new one is pinned with `LAYOVER_GOLDEN=write`; one that is there is not changed."""
    found = omitted()
    kept = json.loads(FROZEN.read_text(encoding="utf-8"))
    for name, values in kept.items():
        for field_name, value in values.items():
            now = found.get(name, {}).get(field_name, "gone")
            assert now == value, f"{name}.{field_name}: results were kept under {value!r}; change the default alone"
    if os.environ.get("LAYOVER_GOLDEN") == "write":
        FROZEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    else:
        assert found == kept, "pin the new ones with LAYOVER_GOLDEN=write"


@dataclass(frozen=True)
class Point(Canonical):
    x: int
    y: float = 0.0


@dataclass(frozen=True)
class Named(Canonical):
    title: str = called("name")
    on: bool = later(omitted=False)


class Settings(CanonicalModel):
    rank: int = 4
    scaled: Annotated[bool, Omitted(value=False)] = False


@dataclass(frozen=True)
class Everything(Canonical):
    whole: int
    number: float
    text: str
    flag: bool
    nothing: None
    choice: Literal["a", "b"]
    maybe: str | None
    either: int | str
    row: tuple[int, ...]
    pair: tuple[str, float]
    nested: tuple[Point, ...]
    table: Mapping[str, tuple[str, str]]
    points: Mapping[str, Point]
    value: Point
    several: Point | Named | None
    model: Settings
    plain: Opaque
    through: Annotated[str, Through(lambda value: str(value).upper())]
    inner: Named = inlined()
    new: float | None = later(None)
    place: str = aside("here")
    places: Mapping[str, str] = aside(factory=dict)


EVERYTHING = Everything(
    whole=1,
    number=2.5,
    text="t",
    flag=True,
    nothing=None,
    choice="b",
    maybe=None,
    either="x",
    row=(1, 2),
    pair=("a", 0.5),
    nested=(Point(1), Point(2, 3.0)),
    table={"en": ("a", "b")},
    points={"p": Point(3)},
    value=Point(4, 5.0),
    several=Named("n", on=True),
    model=Settings(rank=2, scaled=True),
    plain={"any": [1, None, {"deep": "er"}]},
    through="UP",
    inner=Named("i"),
    place="there",
    places={"a": "b"},
)


def test_every_kind_of_field_is_read_back() -> None:
    form = EVERYTHING.canonical()
    read = Everything.parse(json.loads(json.dumps(form)))
    assert read == EVERYTHING
    assert type(read.nested[0]) is Point
    assert type(read.several) is Named
    assert read.canonical() == form
    assert (read.place, read.places) == ("here", {}), "what stands aside is at its default"


def test_the_form_is_plain_and_has_the_fields_names() -> None:
    form = EVERYTHING.canonical()
    assert form["name"] == "i", "an inlined field stands beside the others, under the name it is called"
    assert {"inner", "title", "on", "new", "place", "places"}.isdisjoint(form)
    assert form["points"] == {"p": {"x": 3, "y": 0.0}}
    assert form["several"] == {"name": "n", "on": True}
    assert form["model"] == {"rank": 2, "scaled": True}
    assert replace(EVERYTHING, new=1.5).canonical()["new"] == 1.5


def test_what_stands_aside_decides_nothing() -> None:
    moved = replace(EVERYTHING, place="elsewhere", places={})
    assert moved == EVERYTHING
    assert key_of(moved.canonical()) == key_of(EVERYTHING.canonical())


def test_a_whole_number_is_read_as_a_number_where_one_is_asked_for() -> None:
    point = Point.parse({"x": 1, "y": 2})
    assert type(point.y) is float
    assert key_of(point.canonical()) == key_of(Point(1, 2.0).canonical())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("whole", 1.5),
        ("whole", True),
        ("whole", "1"),
        ("number", "1"),
        ("number", True),
        ("text", 1),
        ("flag", 1),
        ("nothing", 0),
        ("choice", "c"),
        ("maybe", 1),
        ("either", 1.5),
        ("row", "12"),
        ("row", [1, "2"]),
        ("pair", ["a"]),
        ("pair", ["a", "b"]),
        ("nested", [{"x": 1, "y": "2"}]),
        ("table", {"en": "ab"}),
        ("points", {"p": 1}),
        ("value", None),
        ("several", {"z": 1}),
        ("model", {"rank": "two"}),
        ("new", "x"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"\b{name}\b|Point\.y|rank"):
        Everything.parse({**EVERYTHING.canonical(), name: value})


@pytest.mark.parametrize(
    "name", [one.name for one in fields(Everything) if one.compare and one.name not in {"new", "inner"}]
)
def test_a_missing_field_is_refused_by_name(name: str) -> None:
    form = EVERYTHING.canonical()
    del form[name]
    with pytest.raises(ValueError, match=f"Everything: there is no '{name}'"):
        Everything.parse(form)


def test_a_default_takes_no_place_of_a_missing_field() -> None:
    with pytest.raises(ValueError, match="Point: there is no 'y'"):
        Point.parse({"x": 1})
    with pytest.raises(ValidationError, match="there is no 'rank'"):
        Settings.parse({})


@pytest.mark.parametrize(("cls", "form"), [(Point, {"x": 1, "y": 2.0}), (Settings, {"rank": 1})])
def test_an_unknown_field_is_refused_by_name(cls: Any, form: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="other"):
        cls.parse({**form, "other": 1})


def test_names_that_stand_aside_or_have_another_name_are_unknown() -> None:
    with pytest.raises(ValueError, match="place"):
        Everything.parse({**EVERYTHING.canonical(), "place": "there"})
    with pytest.raises(ValueError, match="title"):
        Named.parse({"name": "n", "title": "n"})


@dataclass(frozen=True)
class Grown(Point):
    z: int = later(0, default=7)


class GrownSettings(Settings):
    scaled: Annotated[bool, Omitted(value=False)] = True


class Holding(CanonicalModel):
    held: tuple[GrownSettings, ...] = ()


def test_another_default_gives_other_keys_and_old_ones_keep_their_meaning() -> None:
    old = Point(1).canonical()
    assert Grown.parse(old).z == 0
    assert Grown.parse(old).canonical() == old
    assert Grown(1).canonical() == {**old, "z": 7}
    assert Grown.parse(Grown(1).canonical()) == Grown(1)


def test_the_same_of_models() -> None:
    old = Settings().canonical()
    assert old == {"rank": 4}
    assert GrownSettings.parse(old).scaled is False
    assert GrownSettings.parse(old).canonical() == old
    assert GrownSettings().canonical() == {"rank": 4, "scaled": True}
    assert GrownSettings.model_validate({"rank": 4}).scaled is True, "what a user leaves out is today's default"
    (held,) = Holding.parse({"held": [old]}).held
    assert held.scaled is False, "and so inside of another model"
    (held,) = Holding.model_validate({"held": [old]}).held
    assert held.scaled is True


def test_an_excluded_field_of_a_model_stands_aside() -> None:
    class Beside(CanonicalModel):
        rank: int
        lr: float | None = Field(default=None, exclude=True)

    assert Beside(rank=1, lr=0.5).canonical() == {"rank": 1}
    assert Beside.parse({"rank": 1}) == Beside(rank=1)


@dataclass(frozen=True)
class MoreHyperparameters(Hyperparameters):
    perturbation: float | None = later(None)
    rounds: int = later(1, default=3)
    note: str = field(default="", compare=False)


def test_more_hyperparameters_change_no_key() -> None:
    given: dict[str, Any] = {"lr": 1e-3, "epochs": 3.0, "batch": 32, "seed": 1}
    before = Hyperparameters(**given)
    after = MoreHyperparameters(**given, rounds=1, note="mine")
    assert key_of(after.canonical()) == key_of(before.canonical())
    assert MoreHyperparameters.parse(before.canonical()) == after
    assert key_of(MoreHyperparameters(**given).canonical()) != key_of(before.canonical())


def canonical_modules() -> list[Any]:
    lora, bottleneck = modules.get("lora"), modules.get("bottleneck")
    return [
        *(modules.get(name)() for name in modules.names()),
        lora(rslora=True, layers=(1, 3), patterns=({"target": ["query"], "rank": 2},)),
        bottleneck(invertible=True, inv_reduction=3, placement="houlsby"),
    ]


@pytest.mark.parametrize("module", canonical_modules(), ids=str)
def test_a_module_is_read_back_by_its_name(module: Any) -> None:
    form = json.loads(json.dumps(module.canonical()))
    assert form["name"] == module.name
    assert modules.parse(form) == module
    assert modules.parse(form).canonical() == form
    with pytest.raises(ValueError, match="other"):
        modules.parse({**form, "other": 1})


def canonical_compositions() -> list[Any]:
    get = compositions.get
    return [
        *(get(name)() for name in compositions.names()),
        get("stack")(on_top="none"),
        get("merge")(method="ties", weights=(0.5, 0.25), density=0.2, on_top="head"),
        get("fuse")(mixer="low_rank", own=True),
        get("route")(router="arrow", top_k=3, temperature=0.5, on_top="none"),
    ]


@pytest.mark.parametrize("composition", canonical_compositions(), ids=lambda one: str(one.canonical()))
def test_a_composition_is_read_back_by_its_name(composition: Any) -> None:
    form = json.loads(json.dumps(composition.canonical()))
    again = compositions.parse(form)
    assert type(again) is type(composition)
    assert again.canonical() == form
    assert again.trains() == composition.trains()


def test_what_stands_aside_in_a_composition() -> None:
    stack, route = compositions.get("stack"), compositions.get("route")
    assert stack(lr=1e-3).canonical() == stack().canonical() == "stack", "a training has it among its own numbers"
    assert route(gates={"steps": 3}).canonical() == route().canonical(), "trained gates have keys of their own"
    assert GateTraining(steps=3).canonical() == {"steps": 3, "lr": 5e-3}
    assert AdapterDrop.parse(AdapterDrop(train=2).canonical()) == AdapterDrop(train=2)


class MoreLora(modules.get("lora")):  # type: ignore[misc]
    """A LoRA that learned something later, and whose default of an older setting is another one today."""

    shift: Annotated[float, Omitted(0.0)] = 0.0
    rslora: Annotated[bool, Omitted(value=False)] = True


@pytest.mark.parametrize("module", [one for one in canonical_modules() if one.name == "lora"], ids=str)
def test_a_module_that_grows_keeps_its_keys(module: Any) -> None:
    old = module.canonical()
    settings = {name: value for name, value in old.items() if name != "name"}
    grown = MoreLora.parse(settings)
    assert grown.canonical() == old
    assert (grown.shift, grown.rslora) == (0.0, module.rslora)
    assert key_of(MoreLora().canonical()) != key_of(modules.get("lora")().canonical())
