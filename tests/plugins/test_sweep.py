"""A sweep by things of another package: from the plan to a prediction, and what its version changes."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.conftest import command
from tests.plugins.site import NAME, TOY, describe, install, seen
from typer.testing import CliRunner, Result

from layover import compositions, modules, objectives, perturbations, specs
from layover.cli.main import build_app
from layover.cli.shared import planned
from layover.data.subset import Subset
from layover.errors import ModelError, PluginError, RecipeError, StoreError
from layover.packages.card import CARD, read_card
from layover.plan import Plan
from layover.specs import EncoderSpec, Learned, Plugins, Start, TokenizerSpec, plugin_names_in
from layover.specs._perturbed import PerturbedTexts
from layover.specs.compose import ComposeSpec
from layover.specs.import_ import HeadSpec, ImportSpec
from layover.specs.tokenize import DataSpec, TokenizeSpec
from layover.steps.artifacts import TRAINING
from layover.steps.unchanged import check_plugins
from layover.store import Store

CELL = "mini/beside/claims/toy_moods/1"


def layover(*arguments: str | Path) -> Result:
    return CliRunner().invoke(build_app(), [str(one) for one in arguments])


def said(*arguments: str | Path) -> str:
    found = layover(*arguments)
    assert found.exit_code == 0, (found.exception, found.output)
    return found.output


def plan_of(root: Path, version: str, folder: Path) -> Plan:
    with seen(install(folder / version, version)):
        return planned(root / "toys.yaml", [], root / "store").plan


def keys(plan: Plan) -> dict[str, str]:
    found = {node.label: key for key, node in plan.nodes.items()}
    assert len(found) == len(plan.nodes)
    return found


OWN = {
    "tokenize signs train und",
    "tokenize signs test und",
    "train signs mini/lora seed 1",
    "train signs mini/lora after claims seed 1",
    "predict signs mini/lora/none seed 1 test und",
    "predict signs mini/lora/claims seed 1 test und",
    "score signs mini/lora/none seed 1",
    "score signs mini/lora/claims seed 1",
}
"""What only Layover itself computes, from data of its own formats."""


def test_a_version_changes_the_keys_of_what_it_computes_and_no_other(ran: Path, tmp_path: Path) -> None:
    before, after = keys(plan_of(ran, "1.0", tmp_path)), keys(plan_of(ran, "1.1", tmp_path))
    assert {*before} == {*after}
    assert {label for label in before if before[label] == after[label]} == OWN
    assert {*before.values()} <= Store.existing(ran / "store").finished()


BY = {
    "tokenize signs train und": set(),
    "tokenize toy_moods validation en": {"formats"},
    "tokenize verdicts test und": {"kinds"},
    "train signs mini/lora after claims seed 1": set(),
    "train signs mini/shift seed 1": {"modules"},
    "train toy_moods mini/shift seed 1": {"modules", "metrics"},
    "train toy_moods mini/lora seed 1": {"metrics"},
    "train toy_moods mini/beside after claims seed 1": {"modules", "metrics", "compositions", "mixers"},
    "train verdicts mini/lora seed 1": {"kinds", "heads"},
    "predict toy_moods mini/beside/claims seed 1 test en": set(),
    "predict verdicts mini/lora/none seed 1 test und": {"kinds", "heads"},
    "score signs mini/shift/none seed 1": set(),
    "score toy_moods mini/lora/none seed 1": {"metrics"},
    "score verdicts mini/lora/none seed 1": {"kinds", "metrics"},
}
"""Label of a node -> the groups of what computes it; what it reads knows the rest."""


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Path]:
    """Each thing of the toy is brought by a distribution of its own, called after its group."""
    project = tomllib.loads((TOY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(TOY / "src", tmp_path / "site")
    for group, entries in project["entry-points"].items():
        describe(tmp_path / "site", group.removeprefix("layover."), "1.0", {group: entries})
    with seen(tmp_path / "site") as site:
        yield site


def test_each_step_names_what_computes_it(ran: Path, apart: Path) -> None:
    nodes = {node.label: node.spec for node in planned(ran / "toys.yaml", [], ran / "store").plan.nodes.values()}
    assert {label: {*nodes[label].needed_plugins()} for label in BY} == BY
    for spec in nodes.values():
        assert (
            spec.canonical().get("plugins", {}) == spec.needed_plugins() == dict.fromkeys(spec.needed_plugins(), "1.0")
        )


def test_what_no_plan_here_has_names_its_plugins_too(apart: Path) -> None:
    shift, beside = modules.get("shift")(), compositions.get("beside")()
    encoder, head = EncoderSpec(), HeadSpec("0" * 64, "verdict", ("no", "yes"))
    imported = ImportSpec(encoder=encoder, module=shift, weights="0" * 64, belongs_to=None, head=head)
    assert {*imported.needed_plugins()} == {"modules", "kinds", "heads"}
    composed = ComposeSpec(
        encoder=encoder,
        module=modules.get("none")(),
        start=Start(beside, (Learned("0" * 64, module=shift),)),
        kind="verdict",
        labels=("no", "yes"),
        head=None,
        precision="fp32",
        seed=1,
    )
    assert {*composed.needed_plugins()} == {"compositions", "mixers", "kinds", "heads"}
    assert {*Plugins.of(plugin_names_in(objectives.get("doubled")())).canonical()} == {"objectives"}
    changed = PerturbedTexts(perturbations.of("shouted-10"), 1, "en")
    assert {*Plugins.of(plugin_names_in(changed)).canonical()} == {"perturbations"}
    assert PerturbedTexts.parse(changed.canonical()) == changed


def test_formats_are_named_wherever_data_have_them(apart: Path) -> None:
    part = {"files": ["0" * 64], "layouts": [{"format": "bars"}], "reading": {}}
    assert [*DataSpec(part).formats()] == ["bars"]
    assert [*DataSpec({"joined": [{"hub": {}, "reading": {}}, part]}).formats()] == ["bars"]
    other = DataSpec({"files": ["1" * 64], "layouts": [{"format": "csv"}], "reading": {}})
    spec = TokenizeSpec(
        data=other, without=(DataSpec(part),), subset=Subset(), kind="classification", labels=(),
        tokenizer=TokenizerSpec(), max_length=8,
    )  # fmt: skip
    assert {*spec.needed_plugins()} == {"formats"}


def test_the_same_sweep_is_known_again(ran: Path, tmp_path: Path) -> None:
    with seen(install(tmp_path)):
        assert "34 of 34 nodes finished" in said("status", ran / "toys.yaml", "--store", ran / "store")


def test_why_says_that_the_version_changed(ran: Path, tmp_path: Path) -> None:
    key = keys(plan_of(ran, "1.1", tmp_path))["train signs mini/shift seed 1"]
    with seen(install(tmp_path / "again", "1.1")):
        told = said("why", key, ran / "toys.yaml", "--store", ran / "store")
        answer = json.loads(said("why", key, ran / "toys.yaml", "--store", ran / "store", "--json"))
    assert "it differs in\n  the plug-in toy-plug has changed: 1.0 there, 1.1 here (plugins.toy-plug)\n" in told
    assert answer["nearest"]["differences"] == [{"path": "plugins.toy-plug", "there": "1.0", "here": "1.1"}]
    score = keys(plan_of(ran, "1.1", tmp_path / "more"))["score signs mini/shift/none seed 1"]
    with seen(install(tmp_path / "third", "1.1")):
        told = said("why", score, ran / "toys.yaml", "--store", ran / "store")
    assert told.count("the plug-in toy-plug has changed") == 1


def test_a_node_is_computed_by_the_version_of_its_key(ran: Path, tmp_path: Path) -> None:
    spec = (
        plan_of(ran, "1.0", tmp_path)
        .nodes[keys(plan_of(ran, "1.0", tmp_path / "a"))["train signs mini/shift seed 1"]]
        .spec
    )
    with seen(install(tmp_path / "b")):
        check_plugins(spec)
    with (
        seen(install(tmp_path / "c", "1.1")),
        pytest.raises(PluginError, match=r"toy-plug 1\.1 is installed, not 1\.0"),
    ):
        check_plugins(spec)
    with pytest.raises(PluginError, match=r"needs the plug-in toy-plug 1\.0, not installed here"):
        check_plugins(spec)


def test_a_stored_specification_keeps_its_version(ran: Path, tmp_path: Path) -> None:
    key = keys(plan_of(ran, "1.0", tmp_path))["train signs mini/shift seed 1"]
    identity = Store.existing(ran / "store").done(key)["identity"]
    with seen(install(tmp_path / "newer", "2.0")):
        assert specs.parse(identity).key == key
        assert specs.parse(identity).needed_plugins() == {NAME: "1.0"}
    with pytest.raises(StoreError, match=r"train cannot be read: it needs the plug-in toy-plug 1\.0, not installed"):
        specs.parse(identity)


BUILT_IN = """\
schema: 1
name: others
models: {{mini: {{name: sandbox/mini}}}}
data_root: {root}/data
methods: {{lora: {{module: lora, compose: stack, rank: 2, lr: 3e-3}}}}
train: {{batch: 8, epochs: 1, max_length: 24}}
tasks:
  claims: {{kind: classification, labels: [no, yes], text: [text], label: label, select: null,
           files: {{train: claims.jsonl}}}}
  signs: {{kind: classification, labels: [no, yes], text: [text], label: label, metrics: [accuracy], select: null,
          files: {{train: claims.jsonl, test: signs.jsonl}}}}
sweep: {{model: [mini], method: [lora], intermediate: [none, claims], target: [signs], seed: [1]}}
run: {{workers: 1, threads: 1, device: cpu}}
"""


def test_without_it_what_it_computed_is_still_told(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran / "store", tmp_path / "store")
    key = keys(plan_of(ran, "1.0", tmp_path))["score toy_moods mini/beside/claims seed 1"]
    recipe, store = tmp_path / "others.yaml", tmp_path / "store"
    recipe.write_text(BUILT_IN.format(root=ran), encoding="utf-8")
    assert "8 of 8 nodes finished" in said("status", recipe, "--store", store)
    assert "with toy-plug" not in said("report", recipe, "--store", store, "--out", tmp_path / "out")
    assert "plugins: {'toy-plug': '1.0'}" in said("why", key, "--store", store)
    refused = layover("report", ran / "toys.yaml", "--store", store)
    assert isinstance(refused.exception, RecipeError)
    assert "no kind is called 'verdict'" in str(refused.exception)
    before = len(Store.existing(store).finished())
    said("gc", recipe, "--store", store, "--yes")
    assert (before, len(Store.existing(store).finished())) == (34, 8)


@pytest.fixture(scope="module")
def packages(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages that need the toy."""
    to = tmp_path_factory.mktemp("packages")
    with seen(install(tmp_path_factory.mktemp("site"))):
        for cell in (CELL, "mini/lora/none/verdicts/1", "mini/lora/none/signs/1"):
            said("export", ran / "toys.yaml", cell, "--store", ran / "store", "--to", to)
    return to


def test_the_report_has_its_section_and_its_version(ran: Path, tmp_path: Path) -> None:
    with seen(install(tmp_path)):
        said("report", ran / "toys.yaml", "--store", ran / "store", "--out", tmp_path / "out")
    told = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "<summary>Counted by a toy</summary>\n\n10 cells" in told
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<summary>Counted by a toy</summary>" in page
    assert "with toy-plug 1.0.\n" in told
    assert "### verdicts: balanced" in told


def test_cards_name_the_plugins_that_a_package_needs(packages: Path) -> None:
    cards = {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in packages.glob(f"*/{CARD}")}
    assert {name: card["plugins"] for name, card in cards.items()} == {
        "mini-shift-signs-s1": {NAME: "1.0"},  # trained on what claims are; needed by the next one
        "mini-beside-claims-toy_moods-s1": {NAME: "1.0"},
        "mini-lora-verdicts-s1": {NAME: "1.0"},
        "mini-lora-signs-s1": {},
    }
    readme = (packages / "mini-beside-claims-toy_moods-s1" / "README.md").read_text(encoding="utf-8")
    assert "The programs also need these plug-ins: toy-plug 1.0." in readme


def test_packages_are_verified_and_predict(packages: Path, tmp_path: Path) -> None:
    with seen(install(tmp_path)):
        folders = sorted(file.parent for file in packages.glob(f"*/{CARD}"))
        told = said("verify", *folders)
        assert told.count("ok    probe") == len(folders)
        assert "FAIL" not in told
        moods = said("predict", "--package", packages / "mini-beside-claims-toy_moods-s1", "the bird is here")
        assert json.loads(moods)["label"] in {"no", "yes"}
        verdict = json.loads(said("predict", "--package", packages / "mini-lora-verdicts-s1", "the bird is here"))
        assert verdict["label"] in {"no", "yes"}
        assert 0.5 <= verdict["certainty"] <= 1


@pytest.mark.parametrize("verb", ["verify", "predict"])
def test_a_package_without_its_plugin_is_one_clear_error(packages: Path, verb: str) -> None:
    folder = packages / "mini-lora-verdicts-s1"
    arguments: list[Any] = [folder] if verb == "verify" else ["--package", folder, "the bird is here"]
    found = layover(verb, *arguments)
    assert isinstance(found.exception, ModelError)
    assert found.exception.exit_code == 2
    assert str(found.exception) == (
        f"{folder / CARD}: it needs the plug-in toy-plug 1.0, not installed here; a plug-in is code, so check "
        "who publishes it, then run: pip install 'toy-plug==1.0'"
    )
    assert read_card(packages / "mini-lora-signs-s1").plugins == {}


def test_a_recipe_that_imports_such_a_package_is_told_where(packages: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "importing.yaml"
    recipe.write_text(
        "schema: 1\nname: importing\nmodels: {mini: {name: sandbox/mini}}\nmethods: {lora: {module: lora, rank: 2}}\n"
        f"modules: {{mine: {{path: {packages / 'mini-shift-signs-s1'}}}}}\n"
        "sweep: {model: [mini], method: [lora], intermediate: [mine], target: [sandbox/nli]}\n",
        encoding="utf-8",
    )
    found = layover("plan", recipe, "--store", tmp_path / "store")
    assert isinstance(found.exception, RecipeError)
    assert f"{recipe}:5: modules.mine" in str(found.exception)
    assert "it needs the plug-in toy-plug 1.0, not installed here" in str(found.exception)


@pytest.mark.parametrize(
    "value", [{"Toy Plug": "1"}, {"toy": "1; rm"}, {"toy": 1}, ["toy"], {"-r x": "1"}, {"toy\n": "1"}], ids=str
)
def test_a_card_names_distributions_and_nothing_else(packages: Path, tmp_path: Path, value: object) -> None:
    folder = tmp_path / "mini-lora-signs-s1"
    shutil.copytree(packages / "mini-lora-signs-s1", folder)
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps({**card, "plugins": value}), encoding="utf-8")
    found = layover("verify", folder)
    assert found.exception is not None
    assert "plugins" in str(found.exception)
    assert "pip install" not in str(found.exception)


def test_an_objective_of_a_plug_in_trains_and_is_in_the_key_with_its_version(ran: Path, tmp_path: Path) -> None:
    few = ["sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.target=[signs]", "sweep.exclude=[]"]
    losses, sites = {}, {version: install(tmp_path / version, version) for version in ("1.0", "1.1")}
    with seen(sites["1.0"]):
        for name in ("plain", "doubled"):
            every = [*few, f"methods.lora.objective={name}"]
            done = command(sites["1.0"], "run", str(ran / "toys.yaml"), *every, "--store", str(tmp_path / "store"))
            assert done.returncode == 0, done.stdout + done.stderr
            prepared = planned(ran / "toys.yaml", every, tmp_path / "store")
            (cell,) = prepared.plan.cells
            assert cell.train is not None
            record = json.loads((prepared.store.path(cell.train) / TRAINING).read_text(encoding="utf-8"))
            losses[name], key = record["history"][0]["loss"], cell.train
        assert "doubled" in said("list", "objectives")
    assert losses["doubled"] == pytest.approx(2 * losses["plain"], rel=0.05)
    with seen(sites["1.1"]):
        (cell,) = planned(ran / "toys.yaml", every, tmp_path / "store").plan.cells
        assert cell.train != key
