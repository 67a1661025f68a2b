"""Plug-ins of other packages are found by entry points, and one that cannot be used is one clear error when it is."""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.plugins.conftest import command
from tests.plugins.site import NAME, TOY, describe, install, seen
from typer.testing import CliRunner

from layover import (
    compositions,
    kinds,
    metrics,
    mixers,
    modules,
    objectives,
    perturbations,
    plugins,
    samplers,
    tasks,
    tracking,
)
from layover.cli.main import build_app
from layover.data import formats
from layover.errors import DataError, LayoverError, ModelError, PluginError
from layover.execution import Execution
from layover.kinds.classification import Example
from layover.plugins import GROUPS, METRICS, MODULES

BROUGHT = {
    "layover.compositions": "beside",
    "layover.formats": "bars",
    "layover.heads": "verdict",
    "layover.kinds": "verdict",
    "layover.metrics": "balanced",
    "layover.mixers": "even",
    "layover.modules": "shift",
    "layover.objectives": "doubled",
    "layover.perturbations": "shouted",
    "layover.report_sections": "counted",
    "layover.samplers": "ends",
    "layover.tasks": "toy_moods",
    "layover.trackers": "listed",
}


def layover(*arguments: str) -> str:
    found = CliRunner().invoke(build_app(), arguments)
    assert found.exit_code == 0, (found.exception, found.output)
    return found.output


def rows(what: str) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads(layover("list", what, "--json"))
    return listed


def test_a_name_is_found_and_nothing_is_imported(toy: Path) -> None:
    assert "shift" in modules.names()
    assert "balanced" in metrics.names()
    assert "toy_moods" in tasks.names()
    assert not [name for name in sys.modules if name.startswith("toy_plug")]
    assert modules.get("shift").name == "shift"
    assert metrics.get("balanced").score(["a", "b", "b"], ["a", "b", "a"], "en") == 75.0
    assert formats.reads("bars") == frozenset()
    assert tasks.get("toy_moods").kind == "classification"


def test_a_tracker_of_it_records_a_sweep(toy: Path, tmp_path: Path) -> None:
    assert Execution(track="listed").track == "listed"
    tracker = tracking.get("listed")(tmp_path / "tracking")
    tracker(tracking.SweepStarted("moods", 3, 1, 2))
    assert (tmp_path / "tracking" / "events.txt").read_text(encoding="utf-8") == "SweepStarted\n"


def test_without_it_there_is_no_such_name() -> None:
    assert plugins.installed() == {}
    assert "shift" not in modules.names()
    with pytest.raises(ModelError, match="no module is called 'shift'"):
        modules.get("shift")


def test_every_group_has_a_thing_in_the_toy_and_a_registry(toy: Path) -> None:
    for row in rows("plugins"):
        assert (row["distribution"], row["version"], row["state"]) == (NAME, "1.0", "ok"), row
    there = {group for group, _ in plugins.installed()}
    assert there == GROUPS.keys() == BROUGHT.keys()
    assert {group: plugins.names(group) for group in there} == {group: (name,) for group, name in BROUGHT.items()}


def test_listings_say_who_brings_a_thing(toy: Path) -> None:
    methods = {(row[""], row["name"]): row["settings"] for row in rows("methods")}
    assert methods["module", "shift"] == "lr=0.01, epochs=3, layers='all' (toy-plug 1.0)"
    assert methods["composition", "beside"] == " (toy-plug 1.0)"
    assert methods["module", "lora"].startswith("lr=")
    assert "toy-plug" not in methods["module", "lora"]
    assert {row["task"]: row["summary"] for row in rows("tasks")}["toy_moods"] == "moods of sentences (toy-plug 1.0)"
    assert "plugins: toy-plug 1.0\n" in layover("doctor")
    assert json.loads(layover("doctor", "--json"))["plugins"] == {NAME: "1.0"}


def test_none_is_said_where_there_are_none() -> None:
    assert "plugins: none\n" in layover("doctor")
    assert rows("plugins") == []


FILES = {
    "breaks": "raise RuntimeError('no\\nluck')",
    "leaves": "raise SystemExit(3)",
    "empty": "",
    "thing": "from layover.modules import LayeredModule\nclass Thing(LayeredModule): name = 'thing'\nMODULE = Thing",
    "other": "from layover.metrics import Metric\nMETRIC = Metric('mine', frozenset(), True, lambda *_: 1)\nMODULE = 3",
    "abstract": "from layover.mixers import Mixer\nclass Thing(Mixer): name = 'thing'\nMIXER = Thing",
    "stops": "from layover.samplers import TrialSampler\nclass Thing(TrialSampler):\n"
    "    name, stops = 'thing', (0.5, 0.25)\n    def points(self, *_): return []\nSAMPLER = Thing()",
    "function": "def FORMAT(path, layout):\n    return iter(())",
}
BROKEN = [
    ("layover.modules", "thing", "broken.breaks", "importing broken.breaks failed with RuntimeError: no luck"),
    ("layover.modules", "thing", "broken.leaves", "importing broken.leaves failed with SystemExit: 3"),
    ("layover.modules", "thing", "broken.nowhere", "importing broken.nowhere failed with ModuleNotFoundError"),
    ("layover.modules", "thing", "broken.empty", "broken.empty has no MODULE"),
    ("layover.modules", "thing", "broken.thing:Nothing", "broken.thing has no Nothing"),
    ("layover.modules", "thing", "broken.other", "MODULE of broken.other is of type int, not a subclass of Module"),
    ("layover.modules", "thing", "broken.thing", "MODULE of broken.thing has no value for default_lr"),
    ("layover.metrics", "thing", "broken.other", "METRIC of broken.other has the name 'mine'"),
    ("layover.metrics", "thing", "broken.thing:Thing", "Thing of broken.thing is the class Thing, not a Metric"),
    ("layover.kinds", "thing", "broken.other:METRIC", "METRIC of broken.other is of type Metric, not a Kind"),
    ("layover.tasks", "thing", "broken.other:METRIC", "METRIC of broken.other is of type Metric, not a Task"),
    (
        "layover.mixers",
        "thing",
        "broken.abstract",
        "broken.abstract does not define initialise, mixing_weights, weights",
    ),
    ("layover.compositions", "thing", "broken.thing:Thing", "is the class Thing, not a subclass of Composition"),
    ("layover.objectives", "thing", "broken.thing:Thing", "is the class Thing, not a subclass of Objective"),
    (
        "layover.samplers",
        "thing",
        "broken.other:METRIC",
        "METRIC of broken.other is of type Metric, not a TrialSampler",
    ),
    ("layover.samplers", "thing", "broken.stops", "has the stops (0.5, 0.25); write ascending shares between 0 and 1"),
    ("layover.perturbations", "thing", "broken.thing:Thing", "is the class Thing, not a subclass of Perturbation"),
    ("layover.formats", "thing", "broken.other:MODULE", "MODULE of broken.other is of type int, not a function"),
]
GETS = {
    "layover.modules": modules.get,
    "layover.metrics": metrics.get,
    "layover.kinds": kinds.get,
    "layover.tasks": tasks.get,
    "layover.mixers": mixers.get,
    "layover.compositions": compositions.get,
    "layover.objectives": objectives.get,
    "layover.samplers": samplers.get,
    "layover.perturbations": perturbations.get,
    "layover.formats": formats.get,
}


def broken(site: Path, entries: Mapping[str, Mapping[str, str]], version: str | None = "0.3") -> Path:
    (site / "broken").mkdir(parents=True)
    for name, text in FILES.items():
        (site / "broken" / f"{name}.py").write_text(f"{text}\n", encoding="utf-8")
    return describe(site, "broken", version, entries)


@pytest.mark.parametrize(("group", "name", "target", "reason"), BROKEN, ids=[f"{one[0]}-{one[2]}" for one in BROKEN])
def test_a_broken_plugin_is_an_error_when_it_is_used(
    tmp_path: Path, group: str, name: str, target: str, reason: str
) -> None:
    with seen(broken(tmp_path, {group: {name: target}})):
        with pytest.raises(PluginError) as caught:
            GETS[group](name)
        said = str(caught.value)
        assert said.startswith(f"the plug-in 'thing' ({group}, broken 0.3) cannot be used: "), said
        assert reason in said
        assert said.endswith("; fix broken, or uninstall it")
        assert caught.value.exit_code == 2
        assert [row["state"] for row in rows("plugins")] == [said]


def test_a_format_says_what_of_a_layout_it_reads(tmp_path: Path) -> None:
    with seen(broken(tmp_path, {plugins.FORMATS: {"thing": "broken.function"}})):
        assert callable(formats.get("thing"))
        with pytest.raises(PluginError, match=r"broken\.function has no READS"):
            formats.reads("thing")


def test_listings_survive_broken_ones_and_tell_of_them(tmp_path: Path) -> None:
    site = broken(
        tmp_path,
        {group: {"thing": "broken.breaks"} for group in GETS} | {"layover.modulse": {"thing": "broken.thing"}},
    )
    with seen(site):
        methods = {(row[""], row["name"]): row["settings"] for row in rows("methods")}
        for what in ("module", "composition", "mixer"):
            assert "failed with RuntimeError: no luck" in methods[what, "thing"]
        assert ("module", "lora") in methods
        assert "failed with RuntimeError" in {row["task"]: row["summary"] for row in rows("tasks")}["thing"]
        assert "failed with RuntimeError" in {row["kind"]: row["metrics"] for row in rows("kinds")}["thing"]
        states = {row["group"]: row["state"] for row in rows("plugins")}
        assert states["layover.modulse"] == "Layover has no group of this name; did you mean 'layover.modules'?"


def test_what_is_not_used_breaks_nothing(tmp_path: Path) -> None:
    with seen(broken(tmp_path, {group: {"thing": "broken.breaks"} for group in GETS})):
        assert compositions.get("fuse")(mixer="gated").built_mixer().name == "gated"
        with pytest.raises(ValueError, match="'gate' is not a learned mixer"):
            compositions.get("fuse")(mixer="gate")
        with pytest.raises(ValueError, match="'gated' is not a router"):
            compositions.get("route")(router="gated")
        assert "xnli" in tasks.official()
        with pytest.raises(DataError, match="squad_f1 does not score classification"):
            kinds.get("classification").score(["a"], [Example("text", None, "a")], metrics=("squad_f1",), language="en")
        with pytest.raises(PluginError, match="no luck"):
            compositions.get("fuse")(mixer="thing")
        with pytest.raises(PluginError, match="no luck"):
            compositions.get("route")(router="thing")


def test_a_builtin_name_is_never_taken_silently(tmp_path: Path) -> None:
    with seen(describe(tmp_path, "Rude_Pack", "2.1", {MODULES: {"lora": "rude.lora"}, METRICS: {"_masked": "rude.m"}})):
        with pytest.raises(PluginError) as caught:
            modules.get("lora")
        assert str(caught.value) == (
            "the plug-in 'lora' (layover.modules, rude-pack 2.1) has the name of a built-in item of Layover, so "
            "'lora' is ambiguous; uninstall rude-pack, or rename the plug-in there"
        )
        assert modules.get("none").name == "none"
        methods = {(row[""], row["name"]): row["settings"] for row in rows("methods")}
        assert "has the name of a built-in item of Layover" in methods["module", "lora"]
        with pytest.raises(PluginError, match="has an invalid name"):
            metrics.get("_masked")


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (plugins.HEADS, "classification"),
        (plugins.FORMATS, "csv"),
        (plugins.REPORT_SECTIONS, "costs"),
        (plugins.TASKS, "xnli"),
        (plugins.TASKS, "sandbox"),
        (plugins.TASKS, "none"),
    ],
)
def test_every_group_keeps_its_own_names(tmp_path: Path, group: str, name: str) -> None:
    with seen(describe(tmp_path, "rude", "1", {group: {name: "rude"}})), pytest.raises(PluginError, match="rude 1"):
        plugins.find(group, name)


def test_two_of_one_name_are_an_error(tmp_path: Path) -> None:
    describe(tmp_path, "one", "1", {MODULES: {"tilt": "one.tilt"}})
    with seen(describe(tmp_path, "two", "2", {MODULES: {"tilt": "two.tilt"}})):
        assert "tilt" in modules.names()
        with pytest.raises(PluginError) as caught:
            modules.get("tilt")
        assert str(caught.value) == (
            "2 plug-ins are called 'tilt' (layover.modules): one 1 has one.tilt and two 2 has two.tilt; keep one and "
            "uninstall the others"
        )
        assert [row["state"] for row in rows("plugins")] == [str(caught.value)] * 2


@pytest.mark.parametrize("name", ["Tilt", "tilt-er", "1tilt", "ti lt", "tilt.er", "tilt/er"])
def test_a_name_is_one_of_the_house(tmp_path: Path, name: str) -> None:
    said = "use a lower-case letter, then lower-case letters, digits and underscores"
    with seen(describe(tmp_path, "one", "1", {MODULES: {name: "one.tilt"}})), pytest.raises(PluginError, match=said):
        modules.get(name)


def test_a_plugin_without_a_version_could_not_stand_in_a_key(tmp_path: Path) -> None:
    site = broken(tmp_path, {METRICS: {"mine": "broken.other"}}, None)
    with seen(site), pytest.raises(PluginError, match=r"mine.*broken has no version"):
        metrics.get("mine")


@pytest.mark.parametrize(
    ("name", "version"),
    [("two words", "1"), ("a|b", "1"), ("a" * 81, "1"), ("one", "1 beta"), ("one", "1'; true"), ("one", "1" * 81)],
)
def test_a_distribution_that_no_card_can_name_is_refused(tmp_path: Path, name: str, version: str) -> None:
    site = broken(tmp_path, {METRICS: {"mine": "broken.other"}})
    (info,) = site.glob("*.dist-info")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    with seen(site), pytest.raises(PluginError, match="its distribution has an invalid name or version"):
        metrics.get("mine")


def test_a_version_of_a_stranger_stays_one_word_of_the_command() -> None:
    said = plugins.missing({"nobody": "1'; touch x; '"})
    assert shlex.split(said.partition("pip install ")[2]) == ["nobody==1'; touch x; '"]


def test_an_error_is_no_traceback_and_ends_with_2(tmp_path: Path) -> None:
    site = broken(tmp_path / "site", {MODULES: {"thing": "broken.breaks"}})
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "schema: 1\nname: x\nmodels: {mini: {name: sandbox/mini}}\nmethods: {m: {module: thing}}\n"
        "sweep: {model: [mini], method: [m], target: [sandbox/nli]}\n",
        encoding="utf-8",
    )
    found = command(site, "check", str(recipe))
    assert found.returncode == 2
    assert found.stderr.startswith(
        "layover: the plug-in 'thing' (layover.modules, broken 0.3) cannot be used: importing"
    )
    assert "Traceback" not in found.stderr


def test_a_real_installation_is_found(tmp_path: Path) -> None:
    for needed in ("pip", "setuptools"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} builds packages, and is not here")
    site = tmp_path / "site"
    shutil.copytree(TOY, tmp_path / "source" / "toy")
    arguments = ["install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    built = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, str(tmp_path / "source" / "toy")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    with seen(site):
        assert plugins.installed().keys() == {*BROUGHT.items()}
        assert {row["state"] for row in rows("plugins")} == {"ok"}
        assert modules.get("shift").name == "shift"
    with seen(install(tmp_path / "by-hand")):
        assert plugins.installed().keys() == {*BROUGHT.items()}  # as the other tests install it


def test_every_error_of_a_plugin_is_for_people() -> None:
    assert issubclass(PluginError, LayoverError)
    assert PluginError.exit_code == 2
