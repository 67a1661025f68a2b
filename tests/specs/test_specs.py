"""Specifications: each is read back from its form, each deciding field is in the key, and nothing else is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.plan.golden import small_world
from tests.specs.reflected import at, fields_in, others, put

from layover import specs
from layover.errors import StoreError
from layover.specs import StepSpec
from layover.specs.gate import GateSpec
from layover.specs.hidden_states import HiddenStatesSpec
from layover.specs.predict import PredictSpec
from layover.specs.train import TrainSpec
from layover.steps.trained import spec_of
from layover.store import Store


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> list[StepSpec]:
    """The specifications of all nodes of the small world's plans."""
    with small_world.at(tmp_path_factory.mktemp("specs")):
        plans = [small_world.plan_of(Path(path.name)) for path in small_world.WORLDS]
    return list({key: node.spec for plan in plans for key, node in plan.nodes.items()}.values())


@pytest.fixture(scope="module")
def various(planned: list[StepSpec]) -> list[StepSpec]:
    """One specification of each form, and of those that no plan begins with."""
    found = {small_world.form_of_spec(spec): spec for spec in planned}
    gates = next(one.gates for one in planned if isinstance(one, TrainSpec) and one.gates is not None)
    some = next(one for one in planned if isinstance(one, PredictSpec))
    states = HiddenStatesSpec(encoder=some.encoder, data=some.data, layer=1, precision="fp32")
    return [*found.values(), gates, states]


def test_every_step_has_an_example(various: list[StepSpec]) -> None:
    assert {one.step for one in various} == set(specs.steps())
    assert {type(one) for one in various} == {specs.get(step) for step in specs.steps()}


def test_every_node_is_read_back_from_its_form(planned: list[StepSpec], various: list[StepSpec]) -> None:
    assert len(planned) > 500
    for spec in (*planned, *various):
        read = specs.parse(json.loads(json.dumps(spec.canonical())))
        assert read.canonical() == spec.canonical()
        assert read.key == spec.key
        gated = isinstance(spec, TrainSpec) and spec.gates is not None
        assert type(read) is (GateSpec if gated else type(spec))


class Anything:
    """Stands in a field that decides nothing: whoever looks at it, fails."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def test_what_stands_aside_is_in_no_key(various: list[StepSpec]) -> None:
    seen = set()
    for spec in various:
        for field in fields_in(spec):
            if field.aside:
                changed = put(spec, field.path, Anything())
                assert changed.key == spec.key, (spec.step, field)
                assert changed == spec, (spec.step, field)
                seen.add((field.owner, field.path[-1]))
    assert seen >= {("EncoderSpec", "label"), ("DataSpec", "place"), ("TaskSpec", "name"), ("Learned", "module")}
    assert len(seen) > 30


def gated(spec: StepSpec) -> bool:
    return isinstance(spec, TrainSpec) and spec.gates is not None


UNLESS: list[tuple[str, tuple[str, ...], Callable[[Any, Any], bool]]] = [
    # the key of the training knows the encoder, and only one side is read
    ("predict", ("encoder",), lambda spec, _: spec.matching is not None),
    ("predict", ("adapters",), lambda one, other: one.matching is not None or one.adapters[:1] != other.adapters[:1]),
    # of no layers none is drawn; without a selection the training predicts nothing
    ("train", ("adapterdrop", "random"), lambda spec, _: spec.adapterdrop.train > 0),
    ("train", ("adapterdrop", "predict"), lambda spec, _: spec.selection is not None),
    # of one intermediate it can be its head alone
    (
        "train",
        ("head_from",),
        lambda one, other: len(one.start.learned) != 1 or None in (one.head_from, other.head_from),
    ),
    # one alone is `layer`
    ("score", ("search", "layers"), lambda *both: max(len(one.search.layers) for one in both) > 1),
]
"""Step, field, and when a change of the field changes the key: always, unless it stands here."""


def decides(spec: Any, changed: Any, path: tuple[str | int, ...]) -> bool:
    """Return whether a change of a deciding field changes the key."""
    names = tuple(one for one in path if isinstance(one, str))
    if gated(spec):
        return names[0] == "gates"  # the key of the training whose gates they are stands for all the rest
    found = [when for step, field, when in UNLESS if step == spec.step and names[: len(field)] == field]
    return all(when(spec, changed) for when in found)


def possible(spec: Any) -> bool:
    """Return whether a plan can have a specification: it trains on tasks, and matches by layers."""
    layers = [one.layers for name in ("matching", "search") if (one := getattr(spec, name, None)) is not None]
    if not isinstance(spec, TrainSpec):
        return all(layers)
    return bool(spec.tasks) and (spec.sampling is not None or spec.tasks[0].head is None)  # one task has one head


def test_every_deciding_field_is_in_the_key(various: list[StepSpec]) -> None:
    """Each field that the reflection finds, changed to something else; one of a type that it does not know fails."""
    in_key, there = set(), set()
    for spec in various:
        for field in fields_in(spec):
            if field.aside:
                continue
            there.add((field.owner, field.path[-1]))
            for value in others(field.hint, at(spec, field.path)):
                changed = put(spec, field.path, value)
                if not possible(changed):
                    continue
                wanted = decides(spec, changed, field.path)
                assert (changed.key != spec.key) == wanted, (spec.kind_of_node, field, at(spec, field.path), value)
                assert changed != spec, (spec.kind_of_node, field)
                if wanted:
                    in_key.add((field.owner, field.path[-1]))
    assert there - in_key == set(), "no example shows that these decide anything"
    for cls in map(specs.get, specs.steps()):
        assert {(cls.__name__, field.name) for field in dataclasses.fields(cls) if field.compare} <= in_key


def test_another_version_is_refused_by_its_step(various: list[StepSpec], tmp_path: Path) -> None:
    for spec in various:
        form = {**spec.canonical(), "version": 99}
        with pytest.raises(StoreError, match=rf"a specification of {form['node']}, version 99, but .* reads version"):
            specs.parse(form)
    with pytest.raises(StoreError, match="unheard"):
        specs.parse({"node": "unheard", "version": 1})
    spec = next(one for one in various if isinstance(one, TrainSpec) and not gated(one))
    with pytest.raises(StoreError, match=r"a specification of train, version 3, but .* reads version \d+ of train"):
        spec_of(*_finished(tmp_path, spec, version=3), TrainSpec)


def test_an_unknown_field_is_refused_by_step_and_name(various: list[StepSpec], tmp_path: Path) -> None:
    for spec in various:
        with pytest.raises(StoreError, match=rf"a specification of {spec.kind_of_node} .*'unheard_of'"):
            specs.parse({**spec.canonical(), "unheard_of": 1})
    spec = next(one for one in various if isinstance(one, TrainSpec) and not gated(one))
    with pytest.raises(StoreError, match=r"a specification of train cannot be read: .*'unheard_of'"):
        spec_of(*_finished(tmp_path, spec, unheard_of=1), TrainSpec)


def _finished(root: Path, spec: StepSpec, **more: int) -> tuple[Store, str]:
    """Return a store with a node whose form says something else besides, and its key."""
    store = Store(root / "store")
    with store.writing(spec.kind_of_node, {**spec.canonical(), **more}, ()) as folder:
        (folder / "file").touch()
    (key,) = store.finished()
    return store, key


def read_or_refused(form: dict[str, Any]) -> tuple[Any, str]:
    """Return the specification of a form, or why there is none; any other error than the store's fails the test."""
    try:
        return specs.parse(form), ""
    except StoreError as error:
        return None, str(error)


def test_a_missing_field_is_refused_by_step_and_name(various: list[StepSpec]) -> None:
    for spec in various:
        form = spec.canonical()
        for name in form.keys() - {"node", "version"}:
            rest = {one: value for one, value in form.items() if one != name}
            read, refused = read_or_refused(rest)
            if refused:
                assert f"a specification of {form['node']} cannot be read: " in refused
                assert f"'{name}'" in refused
            else:  # it may be left out, and then says something else
                assert read.canonical() == rest


@pytest.mark.parametrize("value", [None, 0, 1.5, True, "x", [], ["x"], {}, {"x": 1}], ids=repr)
def test_a_value_of_any_other_type_is_an_error_of_the_store(various: list[StepSpec], value: object) -> None:
    for spec in various:
        form = json.loads(json.dumps(spec.canonical()))
        for name in form.keys() - {"node", "version"}:
            read, refused = read_or_refused({**form, name: value})
            if refused:
                assert f"a specification of {form['node']} cannot be read: " in refused
            else:
                assert type(read) is specs.get(form["node"])
