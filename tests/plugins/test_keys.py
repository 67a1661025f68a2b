"""The keys of a plug-in's kind stand beside those of all kinds, and change none of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.conftest import command, write_data
from tests.plugins.site import describe, install, seen

from layover import kinds
from layover.errors import PluginError
from layover.tasks import _own

KEYS = {
    "type": "class Mine(Keys):\n    label: int = 0",
    "default": "class Mine(Keys):\n    label: str = 'gold'",
    "common": "class Mine(Keys):\n    summary: int = 0",
    "below": "class Mine(TextKeys):\n    text: str = ''",
    "config": "class Mine(Keys):\n    model_config = {'extra': 'allow'}",
    "model": "class Mine(Keys):\n    _no = model_validator(mode='before')(classmethod(lambda cls, values: {}))",
    "field": "class Mine(LabelKeys):\n    _no = field_validator('label')(classmethod(lambda cls, value: 'no'))",
    "order": (
        "class First(TextKeys, LabelKeys): pass\nclass Mine(LabelKeys, TextKeys): pass\n"
        "class Verdict(Verdict):\n    keys = (*Verdict.keys, First)"
    ),
    "method": "class Mine(LabelsKeys):\n    def declared_labels(self):\n        return ()",
}
HEADER = """\
from pydantic import field_validator, model_validator
from layover.kinds import Keys, LabelKeys, LabelsKeys, TextKeys
from toy_plug.verdict import Verdict
"""
TASK = (
    "  mine: {kind: KIND, labels: [no, yes], text: [text], label: label, select: null, files: {train: claims.jsonl}}\n"
)


def plug(site: Path, kind: str, keys: str, package: str) -> None:
    cls = f"class Other(Verdict):\n    name = {kind!r}\n    keys = (*Verdict.keys, Mine)\nKIND = Other()\n"
    text = f"{HEADER}{keys}\n{cls}"
    (site / f"{package}.py").write_text(text, encoding="utf-8")
    entries = {"layover.kinds": {kind: package}, "layover.heads": {kind: "toy_plug.verdict_head"}}
    describe(site, package, "1.0", entries)


def use(recipe: Path, kind: str) -> Path:
    text = recipe.read_text(encoding="utf-8").replace("\ntasks:\n", f"\ntasks:\n{TASK.replace('KIND', kind)}")
    other = recipe.with_name(f"{kind}.yaml")
    other.write_text(
        text.replace("intermediate: [none, claims]", "intermediate: [none, claims, mine]"), encoding="utf-8"
    )
    return other


@pytest.mark.parametrize("way", KEYS)
def test_a_key_of_a_plugin_changes_no_other_kind(tmp_path: Path, way: str) -> None:
    before = {name: repr(field) for name, field in _own.OwnTask.model_fields.items()}
    site = install(tmp_path)
    plug(site, "aaa", KEYS[way], "clashing")  # before all others in the order of names
    with seen(site):
        classes, refused = _own._keys_of_kinds()
    assembled = type("OwnTask", (*classes, _own.CommonKeys), {"__module__": __name__})
    assert {name: repr(field) for name, field in assembled.model_fields.items()} == before
    assert [*refused] == ["aaa"]
    assert str(refused["aaa"]).startswith("the plug-in 'aaa' (layover.kinds, clashing 1.0) cannot be used: ")


def test_keys_that_are_no_classes_are_told(tmp_path: Path) -> None:
    site = install(tmp_path)
    plug(site, "aaa", "Mine = 'label'", "clashing")
    with seen(site):
        assert _own._keys_of_kinds()[1] == {}
        with pytest.raises(PluginError, match="not a tuple of subclasses of Keys"):
            kinds.get("aaa")


def test_two_plugins_with_unlike_keys_are_both_refused(tmp_path: Path) -> None:
    site = install(tmp_path)
    plug(site, "aaa", "class Mine(Keys):\n    depth: int = 0", "first")
    with seen(site):
        classes, refused = _own._keys_of_kinds()
    assert refused == {}
    assert "depth" in {key for one in classes for key in one.model_fields}
    plug(site, "bbb", "class Mine(Keys):\n    depth: str = ''", "second")
    with seen(site):
        classes, refused = _own._keys_of_kinds()
    assert [*refused] == ["aaa", "bbb"]
    assert "'depth' (Mine) differs in type, default or check from the same key of the plug-in 'bbb'" in str(
        refused["aaa"]
    )
    assert "depth" not in {key for one in classes for key in one.model_fields}


def test_two_plugins_whose_classes_have_no_order_are_both_refused(tmp_path: Path) -> None:
    site = install(tmp_path)
    plug(site, "aaa", "class Mine(TextKeys, LabelKeys): pass", "first")
    plug(site, "bbb", "class Mine(LabelKeys, TextKeys): pass", "second")
    with seen(site):
        _, refused = _own._keys_of_kinds()
    assert [*refused] == ["aaa", "bbb"]
    assert "conflict with the keys of the plug-in 'bbb'" in str(refused["aaa"])


def test_a_recipe_is_told_of_it_where_it_uses_the_kind(tmp_path: Path) -> None:
    recipe, site = write_data(tmp_path), install(tmp_path / "site")
    plug(site, "aaa", KEYS["type"], "clashing")
    assert command(site, "check", str(recipe)).returncode == 0  # which does not use it
    found = command(site, "check", str(use(recipe, "aaa")))
    assert found.returncode == 2, found.stderr
    assert found.stderr == (
        "layover: the plug-in 'aaa' (layover.kinds, clashing 1.0) cannot be used: its key 'label' (Mine) differs in "
        "type, default or check from the same key of Layover; rename it\n"
    )
