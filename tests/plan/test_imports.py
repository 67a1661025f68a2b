"""Imported modules in plans: what is in their keys, which methods take them, and what a reader is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from layover.errors import RecipeError
from layover.plan import Cell, Node, Plan, build
from layover.plan.cost import estimate
from layover.plan.hub import Revisions
from layover.plan.trunks import with_trunks
from layover.recipe import load
from layover.store import FileHashes

RECIPE = """\
schema: 1
name: test
models: {mini: {name: sandbox/mini}}
modules:
  mine: {path: modules/lora}
methods:
  one: {module: lora, compose: stack, rank: 4, alpha: 8}
train: {epochs: 1, select: null}
tasks:
  sandbox/nli: {limit: {train: 8}}
  sandbox/paraphrase: {limit: {train: 8, test: 4}}
sweep:
  model: [mini]
  method: [one]
  intermediate: [none, mine]
  target: [sandbox/paraphrase]
eval: {languages: [en]}
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
Planned = Callable[..., Plan]


@pytest.fixture
def root(tmp_path: Path, foreign: Path) -> Path:
    """A folder with a recipe and a LoRA of its own."""
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    shutil.copytree(foreign / "lora", tmp_path / "modules" / "lora")
    return tmp_path


def plan_of(root: Path, *overrides: str) -> Plan:
    revisions = Revisions()
    revisions.offline = True
    return build(load(root / "recipe.yaml", overrides), FileHashes(), revisions)


def method(compose: str, settings: str = "rank: 4, alpha: 8", more: str = "") -> str:
    return f"methods.one={{module: lora, compose: {compose}, {settings}{more}}}"


def imported(plan: Plan) -> Node:
    (node,) = (node for node in plan.nodes.values() if node.kind == "import")
    return node


def cell(plan: Plan, intermediate: str = "mine") -> Cell:
    return next(one for one in plan.cells if one.intermediate == intermediate)


def trained(plan: Plan, intermediate: str = "mine") -> Node:
    return plan.nodes[cell(plan, intermediate).train or ""]


def edit(file: Path, change: Callable[[Any], object]) -> None:
    values = json.loads(file.read_text(encoding="utf-8"))
    change(values)
    file.write_text(json.dumps(values), encoding="utf-8")


def test_the_key_is_that_of_settings_weights_and_encoder(root: Path) -> None:
    node = imported(plan_of(root))
    module = {"name": "lora", "layers": "all", "rank": 4, "alpha": 8.0, "target": ["query", "value"]}
    assert node.identity["module"] == module
    assert node.identity["weights"] == FileHashes()(root / "modules" / "lora" / "adapter_model.safetensors")
    assert set(node.identity["encoder"]) == {"config", "weights"}
    said = json.dumps(node.identity)
    assert not [word for word in ("mine", str(root), "modules/lora") if word in said]
    assert node.needs == ()


def test_a_byte_of_the_file_changes_what_rests_on_it_and_nothing_else(root: Path) -> None:
    before, file = plan_of(root), root / "modules" / "lora" / "adapter_model.safetensors"
    weights = load_file(file)
    weights[min(weights)][0, 0] += 1.0
    save_file(weights, file)
    after = plan_of(root)
    gone, new = (
        sorted(plan.nodes[key].label for key in plan.nodes.keys() - other.nodes.keys())
        for plan, other in ((before, after), (after, before))
    )
    assert gone == new
    assert sorted({label.partition(" ")[0] for label in gone}) == ["import", "predict", "score", "train"]
    assert all("mine" in label for label in gone)
    assert trained(before, "none").key == trained(after, "none").key


def test_moving_and_renaming_change_nothing(root: Path) -> None:
    before = plan_of(root)
    (root / "modules").rename(root / "elsewhere")
    moved = plan_of(root, "modules={hers: {path: elsewhere/lora}}", "sweep.intermediate=[none, hers]")
    assert moved.nodes.keys() == before.nodes.keys()
    edit(root / "elsewhere" / "lora" / "adapter_config.json", lambda config: config.update(peft_version="9.9", r=4))
    same = plan_of(root, "modules={hers: {path: elsewhere/lora}}", "sweep.intermediate=[none, hers]")
    assert same.nodes.keys() == before.nodes.keys(), "what means nothing in a config decides nothing"
    edit(root / "elsewhere" / "lora" / "adapter_config.json", lambda config: config.update(lora_alpha=16))
    scaled = plan_of(root, "modules={hers: {path: elsewhere/lora}}", "sweep.intermediate=[none, hers]")
    assert imported(scaled).key != imported(before).key


def test_methods_and_seeds_share_an_import(root: Path) -> None:
    more = ("methods.two={module: lora, compose: merge, rank: 2}", "sweep.method=[one, two]", "sweep.seed=[1, 2]")
    plan = plan_of(root, *more)
    node = imported(plan)
    resting = [other for other in plan.nodes.values() if other.kind == "train" and node.key in other.needs]
    assert len(resting) == 4
    assert all(other.identity["intermediate"] == node.key for other in resting)
    predictions = [other for other in plan.nodes.values() if other.kind == "predict" and node.key in other.needs]
    assert len(predictions) == 4, "an import that is gone is done again where a prediction needs it"
    assert estimate(plan, lambda _: None)[node.key].flops is None
    assert estimate(plan, lambda _: None)[node.key].disk_bytes == 4.0 * 2 * 4 * (128 * 4 + 4 * 128)


def test_warm_takes_a_module_that_means_the_same_however_it_is_written(root: Path, foreign: Path) -> None:
    assert trained(plan_of(root, method("warm"))).identity["module"] == imported(plan_of(root)).identity["module"]
    written = method("warm", "rank: 2, alpha: 16, patterns: [{rank: 4, alpha: 8}]")
    node = trained(plan_of(root, written))
    assert node.identity["module"]["patterns"]
    with pytest.raises(RecipeError, match=r"no cell is left: mine: warm continues .* both modules must be the same"):
        plan_of(root, method("warm", "rank: 8, alpha: 8"), "sweep.intermediate=[mine]")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            method("warm", "rank: 2"),
            "mine: warm continues the intermediate's weights, so both modules must be the same",
        ),
        ("methods.one={module: full}", "mine: warm continues the intermediate's weights"),
        ("methods.one={module: none}", "trains no part of the encoder carries nothing over"),
        (method("{name: stack, on_top: none}"), "nothing is trained on top, and no head of the intermediates has the"),
        (method("{name: fuse, own: true}", "rank: 2"), "mine: fuse mixes modules of one kind"),
        (method("stack", more=", adapterdrop: {predict: 4}"), "without the lowest 4 layers it leaves nothing of lora"),
    ],
)
def test_cells_without_a_meaning_are_left_out_and_named(root: Path, override: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        plan_of(root, override, "sweep.intermediate=[mine]")
    assert expected in str(caught.value)
    assert len(caught.value.problems) == 1


def test_what_one_method_cannot_take_another_may(root: Path) -> None:
    two = ("methods.two={module: lora, compose: warm, rank: 2}", "sweep.method=[one, two]")
    plan = plan_of(root, *two)
    assert {one.method for one in plan.cells if one.intermediate == "mine"} == {"one"}
    (note,) = (note for note in plan.notes if "left out" in note)
    assert note.startswith("two: 1 cells left out: mine: warm continues the intermediate's weights")
    alone = (*two[:1], "sweep.method=[two]")
    with pytest.raises(RecipeError, match=r"recipe\.yaml:5: modules\.mine: no method takes it: two: mine: warm cont"):
        plan_of(root, *alone)


def test_gates_that_are_learned_need_data(root: Path) -> None:
    several = "sweep.intermediate=[[sandbox/nli, mine]]"
    with pytest.raises(RecipeError, match=r"gates are learned on a module's own training data, and mine comes without"):
        plan_of(root, method("route"), several)
    plan = plan_of(root, method("{name: route, router: arrow}"), several)
    assert imported(plan).key in trained(plan, "sandbox/nli+mine").identity["intermediate"]
    assert trained(plan_of(root, method("route"))).identity["intermediate"], "of one all tokens go to it"


def test_what_is_mixed_acts_at_the_same_places(root: Path) -> None:
    several, other = "sweep.intermediate=[[sandbox/nli, mine]]", "rank: 2, target: [query, key]"
    with pytest.raises(RecipeError, match="sandbox/nli and mine act at different places of the encoder"):
        plan_of(root, method("fuse", other), several)
    assert plan_of(root, method("stack", other), several).cells
    assert plan_of(root, method("fuse", "rank: 2"), several).cells, "ranks may differ"


def test_the_order_of_a_list_counts_where_modules_are_of_several_kinds(root: Path) -> None:
    def key(names: str, settings: str) -> str:
        return (
            plan_of(root, f"methods.one={{{settings}, compose: stack}}", f"sweep.intermediate=[[{names}]]")
            .cells[0]
            .score
        )

    both, turned = "sandbox/nli, mine", "mine, sandbox/nli"
    assert key(both, "module: lora") == key(turned, "module: lora")
    assert key(both, "module: bottleneck") != key(turned, "module: bottleneck")


def test_the_trunk_ends_below_the_imported_module_too(root: Path) -> None:
    """Hidden states without a module that acts on them would be another encoder's."""

    def layer(compose: str, intermediate: str) -> set[int]:
        override = method(compose, "rank: 4, alpha: 8, layers: top-1"), f"sweep.intermediate=[{intermediate}]"
        plan = plan_of(root, *override, "train.epochs=5")
        return {
            node.inputs.layer
            for node in with_trunks(plan, lambda _: None, (), 2**30).nodes.values()
            if node.kind == "trunk"
        }

    assert layer("stack", "none") == {3}
    for compose in ("stack", "merge"):
        assert layer(compose, "mine") == set(), "it acts from the lowest layer on"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "deeper",
            "has weights for layer 4, but the encoder has 4 layers, numbered 0 to 3: it was trained on a deeper",
        ),
        ("shallower", "and the file has no weights for it: it was trained on an encoder with fewer layers than this"),
        ("wider", "has the shape [4, 160], but [4, 128] is needed: it belongs to an encoder of another size"),
        ("bert", "not a weight of the layers of xlm-roberta"),
    ],
)
def test_a_module_of_another_encoder_is_refused_before_anything_runs(
    root: Path, foreign: Path, name: str, expected: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        plan_of(root, f"modules.mine.path={foreign / name}")
    (problem,) = caught.value.problems
    assert expected in problem.message
    assert problem.message.endswith("(mini)")
    assert problem.path == "modules.mine"


def test_every_mistake_is_told_at_once(root: Path, foreign: Path) -> None:
    more = ("modules.other={path: modules}", f"modules.wide={{path: {foreign / 'wider'}}}", f"data_root={root}")
    with pytest.raises(RecipeError) as caught:
        plan_of(root, *more, "sweep.intermediate=[mine, other, wide]", "tasks.sandbox/paraphrase.files={train: gone}")
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert set(found) >= {"modules.other", "modules.wide", "tasks.sandbox/paraphrase"}
    assert "no module in it that Layover can read" in found["modules.other"]


def test_a_pickle_is_refused_by_its_name(root: Path) -> None:
    folder = root / "modules" / "lora"
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(RecipeError, match=r"modules\.mine: .* a pickle, which could run any program"):
        plan_of(root)


def test_one_of_two_encoders_may_be_left_out(root: Path, foreign: Path) -> None:
    two = ("models.base={name: FacebookAI/xlm-roberta-base, revision: main}", "sweep.model=[mini, base]")
    with pytest.raises(RecipeError) as caught:
        plan_of(root, *two)
    (problem,) = caught.value.problems
    assert "(base); sweep.exclude: [{model: base, intermediate: mine}] leaves it out there" in problem.message
    plan = plan_of(root, *two, "sweep.exclude=[{model: base, intermediate: mine}]")
    assert {one.model for one in plan.cells if one.intermediate == "mine"} == {"mini"}


def test_an_encoder_of_which_nothing_is_known_cannot_be_compared_with(root: Path) -> None:
    with pytest.raises(RecipeError, match=r"modules\.mine: org/unknown: its config\.json is not here, or names no"):
        plan_of(root, f"models.mini={{name: org/unknown, revision: {COMMIT}}}")


def test_a_reader_is_told_what_is_not_taken_over_and_not_known(root: Path, foreign: Path) -> None:
    plain = plan_of(root).notes
    assert "mine: what it was trained on is not known, nor what of a target it has seen; say it with" in "\n".join(
        plain
    )
    assert not [note for note in plain if "head in its file" in note or "proves nothing" in note]
    told = plan_of(root, f"modules.mine={{path: {foreign / 'headed'}, task: sandbox/nli}}").notes
    (note,) = (note for note in told if note.startswith("mine: of a head in its file nothing is taken over"))
    assert "classifier.out_proj.weight" in note
    assert not [note for note in told if "is not known" in note]
    edit(
        root / "modules" / "lora" / "adapter_config.json",
        lambda config: config.update(base_model_name_or_path="org/other-encoder"),
    )
    (note,) = (note for note in plan_of(root).notes if "proves nothing" in note)
    assert "it was trained on org/other-encoder; here it acts on sandbox/mini" in note


def test_what_it_has_seen_of_a_target_is_told_by_the_task(root: Path) -> None:
    plan = plan_of(root, "modules.mine.task=sandbox/paraphrase")
    assert "sandbox/paraphrase after mine: it was trained on sandbox/paraphrase, as the target is" in plan.notes
    (root / "dev.json").write_text("{}", encoding="utf-8")
    files = ("tasks.squad.files={train: dev.json, validation: dev.json}", "tasks.xquad.files={test: {en: dev.json}}")
    one = (f"data_root={root}", *files, "sweep.target=[xquad]")
    notes = plan_of(root, *one, "modules.mine.task=squad").notes
    assert "xquad after mine: it was trained on squad, as the target is" in notes
    seen = "xquad after mine: texts it is scored on are in the validation data of squad, which mine may have seen"
    assert seen in notes
    assert not [note for note in plan_of(root, *one, "modules.mine.task=mnli").notes if "after mine" in note]


def test_a_result_that_no_seed_decides_is_one(root: Path) -> None:
    aligned = (
        "sweep.target=[sandbox/aligned]",
        "eval.languages=[de]",
        "sweep.seed=[1, 2]",
        "sweep.intermediate=[mine]",
    )
    more = ("methods.two={module: lora, compose: warm, rank: 4, alpha: 8}", "sweep.method=[one, two]")
    plan = plan_of(root, *aligned, *more)
    assert len(plan.cells) == 4
    assert len({one.score for one in plan.cells}) == 1, "the encoder with the module on it, whatever the method"
    assert not any(one.seeded for one in plan.cells)
    drawn = plan_of(root, *aligned, method("{name: merge, method: dare}"))
    assert len({one.score for one in drawn.cells}) == 2
    assert all(one.seeded for one in drawn.cells)
    learned = plan_of(root, *aligned, "sweep.intermediate=[[mine, sandbox/nli]]")
    assert all(one.seeded for one in learned.cells)


def test_the_imported_module_is_no_part_of_a_method_with_gates_or_languages_of_its_own(root: Path) -> None:
    languages = "languages={module: lora, text: {en: sandbox/text}, fallback: en}"
    plan = plan_of(root, languages, method("stack", more=", languages: true"))
    assert imported(plan).needs == ()
    assert trained(plan).identity["languages"]["train"], "the adapter of the language acts below it"


# the hub


def cached(hub: Path, files: Mapping[str, Path], *, refs: tuple[str, ...] = ("main",)) -> None:
    """Lay files down as the cache of the hub has them: links to what is named by its content."""
    repository = hub / "models--org--adapter"
    snapshot, blobs = repository / "snapshots" / COMMIT, repository / "blobs"
    blobs.mkdir(parents=True)
    (repository / "refs").mkdir()
    for ref in refs:
        (repository / "refs" / ref).write_text(COMMIT, encoding="utf-8")
    for number, (name, source) in enumerate(files.items()):
        shutil.copyfile(source, blobs / str(number))
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(blobs / str(number))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_a_module_of_the_hub_is_what_its_files_are(root: Path, hub: Path, foreign: Path) -> None:
    lora = foreign / "lora"
    cached(hub, {file.name: file for file in lora.iterdir()})
    by_branch = plan_of(root, "modules.mine={hub: org/adapter, revision: main}")
    by_commit = plan_of(root, f"modules.mine={{hub: org/adapter, revision: {COMMIT}}}")
    assert by_branch.nodes.keys() == by_commit.nodes.keys() == plan_of(root).nodes.keys()
    origin = imported(by_branch).inputs.origin
    assert (origin.id, origin.commit) == ("org/adapter", COMMIT)
    assert set(origin.names) == {"adapter_config.json", "adapter_model.safetensors"}, "and nothing else is asked for"


def test_without_a_network_it_is_said_what_lacks(root: Path, hub: Path, foreign: Path) -> None:
    with pytest.raises(RecipeError, match=r"org/adapter@main: the hub does not tell which commit that is, nor does"):
        plan_of(root, "modules.mine={hub: org/adapter, revision: main}")
    cached(hub, {"adapter_config.json": foreign / "lora" / "adapter_config.json"})
    with pytest.raises(RecipeError, match=r"modules\.mine: org/adapter@0123456789ab: the hub cannot be reached, and"):
        plan_of(root, "modules.mine={hub: org/adapter, revision: main}")


def test_what_is_wrong_with_it_is_told_by_the_repository(root: Path, hub: Path, foreign: Path) -> None:
    cached(hub, {file.name: file for file in (foreign / "wider").iterdir()})
    with pytest.raises(RecipeError) as caught:
        plan_of(root, "modules.mine={hub: org/adapter, revision: main}")
    assert "modules.mine: org/adapter@0123456789ab/adapter_model.safetensors: " in str(caught.value)
    assert "/tmp" not in str(caught.value).replace(str(root), "")  # noqa: S108 - nobody knows that folder
