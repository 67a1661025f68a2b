"""Plans: what is in a key, what is not, and which work is shared."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layover.errors import RecipeError
from layover.identity import key_of
from layover.plan import Plan, build
from layover.plan.collect import removable
from layover.plan.hub import Revisions
from layover.plan.nodes import of
from layover.recipe import load
from layover.specs.train import TrainSpec
from layover.store import FileHashes, Store

if TYPE_CHECKING:
    from tests.plan.conftest import World


def keys(plan: Plan, kind: str | None = None) -> set[str]:
    return {key for key, node in plan.nodes.items() if kind in {None, node.kind}}


def changed_kinds(before: Plan, after: Plan) -> set[str]:
    gone = keys(before) ^ keys(after)
    return {plan.nodes[key].kind for plan in (before, after) for key in gone if key in plan.nodes}


@pytest.mark.parametrize("axes", ["[]", "[target, method]", "[model, method, intermediate, target]"])
def test_how_a_report_treats_results_changes_no_key(world: World, axes: str) -> None:
    assert list(world.plan(f"report.family={axes}").nodes) == list(world.plan().nodes)
    assert ",".join(world.plan(f"report.family={axes}").recipe.document.report.family) == axes[1:-1].replace(" ", "")


def test_every_node_stands_after_what_it_needs(world: World) -> None:
    plan = world.plan()
    seen: set[str] = set()
    for key, node in plan.nodes.items():
        assert key == key_of(node.spec.canonical())
        assert set(node.needs) <= seen
        seen.add(key)


def test_cells_and_nodes_are_counted(world: World) -> None:
    plan = world.plan()
    # full, lora: none and claims; head: none only; stack: claims only; each with two seeds
    assert len(plan.cells) == (2 + 2 + 1 + 1) * 2
    counts = Counter(node.kind for node in plan.nodes.values())
    # intermediates: full and lora (stack shares lora's), each with two seeds
    assert counts["train"] == len(plan.cells) + 2 * 2
    assert counts["score"] == len(plan.cells)
    assert counts["tokenize"] == 2 + 2 + 1
    assert any("head: 2 cells left out" in note for note in plan.notes)


def test_a_method_renamed_runs_nothing(world: World) -> None:
    before = world.plan()
    after = world.plan(
        change=lambda text: (
            text.replace("lora:", "low:").replace("lora,", "low,").replace("module: low", "module: lora")
        )
    )
    assert keys(before) == keys(after)
    assert {cell.method for cell in after.cells} == {"full", "head", "low", "stack"}


def test_a_task_renamed_runs_nothing(world: World) -> None:
    before = world.plan()
    after = world.plan(
        change=lambda text: text.replace("claims:", "beliefs:").replace("[none, claims]", "[none, beliefs]")
    )
    assert keys(before) == keys(after)


def test_a_method_changed_under_its_name_runs_what_it_touches(world: World) -> None:
    before, after = world.plan(), world.plan("methods.lora.rank=2")
    for cell, other in zip(before.cells, after.cells, strict=True):
        assert (cell.score == other.score) == (cell.method != "lora")


@pytest.mark.parametrize(
    "override",
    ["run.workers=2", "run.threads=1", "run.device=cpu", "run.micro_batch_tokens=64", "run.checkpoint_seconds=1",
     "run.gradient_checkpointing=true", "run.deterministic=false", "run.hidden_state_cache=0", "name=other"],
)  # fmt: skip
def test_how_it_is_computed_is_in_no_key(world: World, override: str) -> None:
    assert keys(world.plan()) == keys(world.plan(override))


def test_paths_are_in_no_key(world: World, other_world: World) -> None:
    assert keys(world.plan()) == keys(other_world.plan())


@pytest.mark.parametrize(
    ("override", "kinds"),
    [
        ("train.batch=4", {"train", "predict", "score"}),
        ("train.epochs=1", {"train", "predict", "score"}),
        ("train.warmup=0.1", {"train", "predict", "score"}),
        ("train.weight_decay=0.1", {"train", "predict", "score"}),
        ("train.clip=0.5", {"train", "predict", "score"}),
        ("train.dropout=0.2", {"train", "predict", "score"}),
        ("train.precision=bf16", {"train", "predict", "score"}),
        ("train.select=null", {"tokenize", "train", "predict", "score"}),
        ("train.select.patience=1", {"train", "predict", "score"}),
        ("train.max_length=16", {"tokenize", "train", "predict", "score"}),
        ("tasks.moods.limit={train: 1}", {"tokenize", "train", "predict", "score"}),
        ("tasks.moods.limit={test: 1}", {"tokenize", "predict", "score"}),
        ("sweep.seed=[3, 4]", {"train", "predict", "score"}),
        ("methods.full.lr=2e-3", {"train", "predict", "score"}),
    ],
)
def test_what_decides_a_result_is_in_its_key(world: World, override: str, kinds: set[str]) -> None:
    assert changed_kinds(world.plan(), world.plan(override)) == kinds


@pytest.mark.parametrize("field", ["model.safetensors", "config.json"])
def test_the_encoder_is_in_the_key(world: World, field: str) -> None:
    before = world.plan()
    file = world.root / "encoder" / field
    file.write_bytes(file.read_bytes() + b" ")
    after = world.plan()
    assert not keys(before, "train") & keys(after, "train")
    assert keys(before, "tokenize") == keys(after, "tokenize")


def test_two_recipes_that_differ_in_the_selection_data_alone_train_apart(world: World) -> None:
    world.write("moods/other.jsonl", "quite another text")
    files = "tasks.moods.files={train: moods/train.jsonl, validation: moods/%s.jsonl, test: {en: moods/en.jsonl}}"
    one, other = (world.plan("sweep.intermediate=[none]", files % name) for name in ("dev", "other"))
    assert keys(one, "train")
    assert not keys(one, "train") & keys(other, "train")


def test_data_that_changed_run_what_uses_them(world: World) -> None:
    before = world.plan()
    world.write("claims/train.jsonl", "something else")
    after = world.plan()
    for cell, other in zip(before.cells, after.cells, strict=True):
        assert (cell.score == other.score) == (cell.intermediate == "none")


def test_a_stack_without_intermediate_is_the_module_alone(world: World) -> None:
    plan = world.plan("sweep.exclude=[]")
    score = {(cell.method, cell.intermediate, cell.seed): cell.score for cell in plan.cells}
    assert score["stack", "none", 1] == score["lora", "none", 1]
    assert score["stack", "claims", 1] != score["lora", "claims", 1]


def test_the_baseline_of_an_excluded_cell_is_found_by_its_key(world: World) -> None:
    plan = world.plan()
    score = {(cell.method, cell.intermediate, cell.seed): cell for cell in plan.cells}
    assert score["stack", "claims", 1].baseline == score["lora", "none", 1].score
    assert score["lora", "none", 1].baseline is None


def test_equal_training_data_share_the_training(world: World) -> None:
    for part in ("train", "dev"):
        shutil.copy(world.root / "data" / "claims" / f"{part}.jsonl", world.root / "data" / "moods" / f"{part}.jsonl")
    plan = world.plan("sweep.target=[moods, claims]", "sweep.intermediate=[none]", "sweep.exclude=[]")
    trained = {(cell.target, cell.method, cell.seed): cell.train for cell in plan.cells}
    assert trained["moods", "lora", 1] == trained["claims", "lora", 1]
    assert len({cell.score for cell in plan.cells if cell.method == "lora" and cell.seed == 1}) == 2


def test_an_intermediate_is_the_training_of_the_task_as_target(world: World) -> None:
    plan = world.plan("sweep.target=[moods, claims]", "sweep.method=[lora]")
    trained = {(cell.target, cell.intermediate, cell.seed): cell.train for cell in plan.cells}
    after = plan.nodes[trained["moods", "claims", 1]]
    assert after.spec.canonical()["intermediate"] == trained["claims", "none", 1]


def test_absent_languages_are_told(world: World) -> None:
    (world.root / "data" / "claims" / "sw.jsonl").unlink()
    with pytest.raises(RecipeError, match=r"sw\.jsonl"):
        world.plan("sweep.target=[claims]")


def test_everything_that_is_missing_is_told_at_once(world: World) -> None:
    shutil.rmtree(world.root / "encoder")
    (world.root / "data" / "claims" / "train.jsonl").unlink()
    (world.root / "data" / "moods" / "dev.jsonl").unlink()
    with pytest.raises(RecipeError) as caught:
        world.plan()
    assert [problem.path for problem in caught.value.problems] == ["models.tiny", "tasks.claims", "tasks.moods"]


def test_a_holdout_is_taken_from_the_training_data(world: World) -> None:
    plan = world.plan(
        change=lambda text: text.replace("validation: moods/dev.jsonl, ", "").replace(
            "moods: {kind", "moods: {holdout: 1, kind"
        )
    )
    subsets = [
        node.spec.canonical()["subset"]
        for node in plan.nodes.values()
        if node.kind == "tokenize" and node.spec.of_task == "moods"
    ]
    assert {"holdout": 1, "part": "rest"} in subsets
    assert {"holdout": 1, "part": "held"} in subsets


def test_only_what_a_missing_score_needs_is_wanted(world: World) -> None:
    plan = world.plan()
    assert [node.key for node in plan.wanted(())] == list(plan.nodes)
    scores = keys(plan, "score")
    assert plan.wanted(scores) == []
    one = plan.cells[0]
    wanted = {node.key for node in plan.wanted(scores - {one.score})}
    assert {one.score, one.train} < wanted
    assert len([key for key in wanted if plan.nodes[key].kind == "train"]) == 1


def test_gc_policies(world: World, tmp_path: Path) -> None:
    plan, store = world.plan(), Store(tmp_path / "store")
    for node in plan.nodes.values():
        with store.writing(node.kind, node.spec.canonical(), node.needs) as folder:
            (folder / "file").write_text(node.label, encoding="utf-8")
    narrow = world.plan("sweep.seed=[1]")
    assert removable(store, [plan], "all") == []
    assert set(removable(store, [narrow], "all")) == keys(plan) - keys(narrow)
    full = {key for key, node in plan.nodes.items() if node.kind == "train" and node.spec.module.name == "full"}
    assert set(removable(store, [plan], "modules")) == full
    assert set(removable(store, [plan], "records")) == keys(plan) - keys(plan, "score")
    unfinished = next(cell for cell in plan.cells if cell.method == "full")
    store.remove(unfinished.score)
    assert unfinished.train in full
    predictions = [key for key in plan.nodes[unfinished.score].needs if plan.nodes[key].kind == "predict"]
    assert not set(predictions) & set(removable(store, [plan], "records"))


def test_revisions_of_the_hub(world: World) -> None:
    name = "models={tiny: {name: FacebookAI/xlm-roberta-base}}"
    plan = world.plan(name)
    assert [one.name for one in plan.unresolved] == ["models/FacebookAI/xlm-roberta-base@main"]
    commit = "e" * 40
    pinned = world.plan(f"models={{tiny: {{name: FacebookAI/xlm-roberta-base, revision: {commit}}}}}")
    assert pinned.unresolved == ()
    assert not keys(plan, "train") & keys(pinned, "train")
    train = next(node for node in pinned.nodes.values() if node.kind == "train")
    assert train.spec.canonical()["encoder"] == {"hub": "FacebookAI/xlm-roberta-base", "commit": commit}


@pytest.mark.parametrize("name", ["nowhere", "./nowhere", "a/b/c"])
def test_a_model_that_is_nowhere(world: World, name: str) -> None:
    with pytest.raises(RecipeError, match="neither a local directory nor a hub id"):
        world.plan(f"models={{tiny: {{name: {name}}}}}")


def test_a_large_sweep_hashes_each_file_once(world: World) -> None:
    """4 x 6 x 8 x 3 cells; the work grows with the cells, not with cells x files."""
    calls: Counter[Path] = Counter()
    hashes = FileHashes()

    def counted(path: Path) -> str:
        calls[path] += 1
        return hashes(path)

    def many(text: str) -> str:
        lines, names = [], []
        for index in range(14):
            names.append(f"t{index}")
            world.write(f"t{index}/x.jsonl", f"t{index}")
            files = f"{{train: t{index}/x.jsonl, validation: t{index}/x.jsonl, test: {{en: t{index}/x.jsonl}}}}"
            lines.append(
                f"  t{index}: {{kind: classification, labels: [no, yes], text: [text], label: label, files: {files}}}\n"
            )
        text = text.replace("tasks:\n", "tasks:\n" + "".join(lines))
        text = text.replace("intermediate: [none, claims]", f"intermediate: [{', '.join(names[:6])}]")
        return text.replace("target: [moods]", f"target: [{', '.join(names[6:])}]").replace(
            "seed: [1, 2]", "seed: [1, 2, 3]"
        )

    plan = build(
        load(world.recipe(many), ["methods.head={module: lora, lr: 1e-2}", "sweep.exclude=[]"]), counted, Revisions()
    )
    assert len(plan.cells) == 4 * 6 * 8 * 3
    assert max(calls.values()) <= 8  # for each thing that a plan asks of a file, not for each cell


def test_one_plain_test_file_is_one_language(world: World) -> None:
    plan = world.plan("tasks.moods.files.test=moods/en.jsonl")
    assert {node.spec.language for node in plan.nodes.values() if node.kind == "predict"} == {"en"}


def test_selection_on_what_is_scored_is_told(world: World) -> None:
    plan = world.plan("tasks.moods.eval.split=validation", "tasks.moods.files.validation={en: moods/dev.jsonl}")
    assert any("weights are selected on data that are also scored (validation en)" in note for note in plan.notes)
    assert not any("also scored" in note for note in world.plan().notes)


def test_development_data_are_of_the_training_language_else_english_else_the_only_ones(world: World) -> None:
    def selected(validation: str, *overrides: str) -> set[str]:
        old = "train_language: en,\n          files: {train: moods/train.jsonl, validation: moods/dev.jsonl,"
        new = f"train_language: de, files: {{train: {{de: moods/train.jsonl}}, validation: {validation},"
        plan = world.plan(*overrides, change=lambda text: text.replace(old, new))
        trains = [node.spec for node in of(plan.nodes, TrainSpec) if node.spec.name == "moods"]
        return {train.selection.language for train in trains if train.selection is not None}

    both = "{en: moods/dev.jsonl, de: moods/dev.jsonl}"
    assert selected(both) == {"de"}
    alone = "sweep.intermediate=[none]"
    assert selected(both, "train.select.language=en", alone) == {"en"}
    assert selected("{sw: moods/dev.jsonl, de: moods/dev.jsonl}") == {"de"}
    assert selected("{sw: moods/dev.jsonl, en: moods/dev.jsonl}") == {"en"}
    assert selected("{sw: moods/dev.jsonl}") == {"sw"}
    with pytest.raises(RecipeError, match="in sw, tr, and its training data are in"):
        selected("{sw: moods/dev.jsonl, tr: moods/dev.jsonl}")


def test_a_sweep_without_cells_is_refused(world: World) -> None:
    with pytest.raises(RecipeError, match="no cell is left"):
        world.plan("sweep.exclude=[{seed: [1, 2]}]")
