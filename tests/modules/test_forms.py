"""A module is one file: it says how other libraries have it, and a module that does not say so is told as that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file

from layover import layouts, modules
from layover.errors import ModelError
from layover.hub.writing import write_module
from layover.layouts import CONFIG, Base, WrittenNames
from layover.modules import Module
from layover.modules._base import FromFile, LayeredModule, Site, site_at
from layover.modules._forms import AdaptersFolder, Form, InAdapters, InFile, InPeft, Names, NoForm, PeftFolder, Values
from layover.modules.lora import Lora
from layover.packages.meaning import same
from layover.packages.package import MODULE_LAYOUT
from layover.packages.untrained import untrained, untrained_file
from layover.shape import Shape

SHAPE = Shape(layers=3, hidden=8, intermediate=16, vocabulary=100)
BASE = Base("xlm-roberta", SHAPE)
NAMED = WrittenNames("mine", None, None)


class Shift(LayeredModule):
    """A vector that is added to the queries; nothing is said of other libraries."""

    name: ClassVar[str] = "shift"
    neutral: ClassVar[Mapping[str, float]] = {"by": 0.0}

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        return tuple(site_at(layer, "query", shape) for layer in self.layers_of(shape.layers))

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        return {"by": (site.outputs,)}


def _no_mistakes(values: Values) -> list[str]:
    return [] if isinstance(values.get("shift_on"), bool) else ["shift_on is neither true nor false"]


class Told(Shift):
    """The same, with all that its file can say."""

    name: ClassVar[str] = "told"
    noun: ClassVar[str] = "shift of queries"
    in_peft: ClassVar[InPeft] = InPeft("SHIFT", {"by": "shift_by"}, frozenset({"shift_scale"}))
    in_adapters: ClassVar[InAdapters] = InAdapters(
        "shift", {"by": "shifts.{}.by"}, {"architecture": "shift"}, frozenset({"shift_on"}), _no_mistakes
    )

    def to_peft(self, names: Names) -> Form | NoForm:
        return Form({"peft_type": "SHIFT", "shift_scale": 1}, self._weights(names.shape, "shift_by", column=True))

    @classmethod
    def from_peft(cls, folder: PeftFolder) -> FromFile:
        return FromFile(cls(layers=tuple(layer for layer, _ in folder.places)))

    def to_adapters(self, shape: Shape) -> Form | NoForm:
        return Form({"architecture": "shift", "shift_on": True}, self._weights(shape, "shifts.{}.by", column=False))

    @classmethod
    def from_adapters(cls, folder: AdaptersFolder) -> Module:
        return cls(layers=folder.layers)

    def _weights(self, shape: Shape, end: str, *, column: bool) -> dict[str, InFile]:
        return {
            f"{site.name}.by": InFile((site.layer, site.place), end, (8, 1) if column else (8,))
            for site in self.sites(shape)
        }


class Unread(Told):
    """Written, and not read."""

    name: ClassVar[str] = "unread"

    def to_peft(self, names: Names) -> Form | NoForm:
        return super().to_peft(names)


class Mine(Lora):
    """A LoRA that computes something else."""

    name: ClassVar[str] = "mine"


OTHERS = {kind.name: kind for kind in (Shift, Told, Unread, Mine)}


@pytest.fixture
def _with_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have modules that are no file of Layover."""
    names, get = modules.names, modules.get
    monkeypatch.setattr(modules, "names", lambda: tuple(sorted((*names(), *OTHERS))))
    monkeypatch.setattr(modules, "get", lambda name: OTHERS[name] if name in OTHERS else get(name))


def random(module: Module) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        f"{site.name}.{name}": torch.randn(size, generator=generator)
        for site in module.sites(SHAPE)
        for name, size in module.weights(site).items()
    }


@pytest.mark.parametrize("layout", layouts.names())
@pytest.mark.parametrize("name", modules.names())
def test_every_module_says_how_a_layout_has_it_or_why_not(name: str, layout: str) -> None:
    form = layouts.get(layout).form(modules.get(name)(), BASE)
    if isinstance(form, NoForm):
        assert form.reason
        assert "does not define" not in form.reason
        return
    module = modules.get(name)()
    sites = {f"{site.name}.{weight}" for site in module.sites(SHAPE) for weight in module.weights(site)}
    assert set(form.weights) == sites
    assert modules.get(name) in layouts.get(layout).kinds


@pytest.mark.usefixtures("_with_others")
@pytest.mark.parametrize("kind", [Shift, Mine])
@pytest.mark.parametrize(
    ("layout", "library", "method"), [("peft", "peft", "to_peft"), ("adapterhub", "adapters", "to_adapters")]
)
def test_what_says_nothing_is_told_as_that(kind: Callable[[], Module], layout: str, library: str, method: str) -> None:
    """An inherited statement is about another module: `Mine` is no LoRA that peft could compute."""
    module, how = kind(), layouts.get(layout)
    reason = f"Layover cannot write {module.name} as {library} yet: the module does not define `{method}`"
    assert how.refuses(module, BASE) == reason
    assert type(module) not in how.kinds
    with pytest.raises(ModelError, match=f"{module.name} has no form in the layout {layout}: Layover cannot write"):
        how.laid_out(module, BASE, "mine", random(module))


@pytest.mark.parametrize("kind", [Shift, Mine])
def test_it_is_exported_in_layovers_own_layout(kind: Callable[[], Module], tmp_path: Path) -> None:
    module = kind()
    weights = random(module)
    assert write_module(tmp_path, module, weights, BASE, NAMED, adapterhub=False) == MODULE_LAYOUT
    assert [file.name for file in tmp_path.iterdir()] == ["module.safetensors"]
    found = load_file(tmp_path / "module.safetensors")
    assert all(torch.equal(found[name], value) for name, value in weights.items())
    with pytest.raises(
        ModelError, match=f"mine: AdapterHub's layout: Layover cannot write {module.name} as adapters yet"
    ):
        write_module(tmp_path, module, weights, BASE, NAMED, adapterhub=True)


@pytest.mark.usefixtures("_with_others")
@pytest.mark.parametrize(
    ("layout", "key"),
    [
        ("peft", "base_model.model.roberta.encoder.layer.2.attention.self.query.shift_by"),
        ("adapterhub", "roberta.encoder.layer.2.attention.self.query.shifts.mine.by"),
    ],
)
def test_one_file_is_enough_to_be_written_and_read(layout: str, key: str, tmp_path: Path) -> None:
    module, how = Told(layers=(0, 2)), layouts.get(layout)
    weights = random(module)
    (tmp_path / CONFIG).write_text(json.dumps(how.config(module, BASE, NAMED)), encoding="utf-8")
    theirs = how.laid_out(module, BASE, "mine", weights)
    assert key in theirs
    save_file(theirs, tmp_path / how.file)
    found = layouts.read(tmp_path, BASE)
    assert found.module == module
    assert all(torch.equal(value, weights[name]) for name, value in found.weights().items())
    assert set(found.weights()) == set(weights)
    assert "shift of queries" in how.describe
    assert not untrained(found).untouched
    assert untrained_file(tmp_path).places == 2
    config = how.config(module, BASE, NAMED)
    inner = config["config"] if layout == "adapterhub" else config
    inner["shift_more"] = 2
    (tmp_path / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match='"shift_more" is 2, but Layover lacks this setting; its effect would be lost'):
        layouts.read(tmp_path, BASE)


@pytest.mark.usefixtures("_with_others")
def test_what_is_not_read_is_not_written() -> None:
    reason = layouts.get("peft").refuses(Unread(), BASE)
    assert reason == "Layover cannot read unread in peft's layout: its class does not define it"


@pytest.mark.usefixtures("_with_others")
def test_what_is_known_is_told_of_every_file() -> None:
    (message,) = layouts.get("peft").mistakes({"peft_type": "VERA"})
    assert message.startswith('peft_type is "VERA", but Layover reads LORA, IA3 and SHIFT (DoRA: use_dora); ')
    assert not layouts.get("peft").mistakes({"peft_type": "SHIFT", "target_modules": ["query"]})
    written: dict[str, Any] = {"version": "adapters.1.3.0", "name": "x", "config": {"architecture": "prefix"}}
    (message,) = layouts.get("adapterhub").mistakes(written)
    assert message == '"architecture" is "prefix", but must be lora or shift, or absent'


def test_people_call_a_module_by_its_own_noun() -> None:
    assert [kind.called() for kind in (Lora, Told, Shift, Mine, Unread)] == [
        *("LoRA", "shift of queries", "shift", "mine", "unread"),
    ]


def test_a_stack_of_modules_without_a_statement_is_not_one() -> None:
    assert (
        Shift().stacked_in_adapters()
        == "Layover does not know whether adapters stacks several shift modules as Layover does"
    )
    with pytest.raises(ModelError, match="several shift modules cannot be joined into one"):
        Shift.joined({}, SHAPE)


@pytest.mark.parametrize(
    ("name", "settings", "equal"),
    [
        ("bottleneck", {"activation": "gelu"}, False),
        ("bottleneck", {"placement": "parallel"}, False),
        ("bottleneck", {"layers": (0, 1, 2)}, True),
        ("lora", {"alpha": 3.0}, False),
        ("lora", {"layers": (0, 1, 2)}, True),
        ("ia3", {"target": ("key",)}, False),
    ],
)
def test_settings_that_only_place_a_module_may_be_written_otherwise(
    name: str, settings: dict[str, Any], equal: bool
) -> None:
    kind = modules.get(name)
    assert same(kind(), kind.model_validate(settings), SHAPE) is equal
