"""Recipes: valid ones load, every mistake is told at once with place, path and nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe import load

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").rglob("*.yaml"))

VALID = """\
schema: 1
name: test
models: {tiny: {name: somewhere/tiny}}
methods:
  full: {module: full, compose: warm, lr: 2e-5}
  head: {module: none}
  lora: {module: lora, compose: warm, lr: 4e-4, rank: 16, alpha: 32, target: [query, value], layers: all}
  stack: {module: lora, compose: stack, lr: 4e-4}
  bn: {module: bottleneck, placement: pfeiffer, compose: stack, lr: 1e-4, reduction: 16}
train: {batch: 32, epochs: 3, warmup: 0.06, max_length: 128, precision: fp32}
tasks:
  squad: {max_length: 384, stride: 128, limit: {train: 2000}}
sweep:
  model: [tiny]
  method: [full, head, lora, stack, bn]
  intermediate: [none, mnli, squad]
  target: [xnli, panx, udpos, xquad]
  seed: [1, 2, 3]
  exclude: [{method: [stack, bn], intermediate: none}]
eval: {split: test, languages: all}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        load(path, overrides)
    assert caught.value.exit_code == 2
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_is_valid(recipe: Path, tmp_path: Path) -> None:
    loaded = load(recipe, [f"data_root={tmp_path}"] if "data_root:" in recipe.read_text(encoding="utf-8") else [])
    assert loaded.document.sweep.target


def test_the_valid_recipe(tmp_path: Path) -> None:
    recipe = load(write(tmp_path, VALID))
    assert recipe.methods["lora"].module.model_dump()["rank"] == 16
    assert recipe.methods["lora"].lr == 4e-4
    assert recipe.methods["full"].dropout == 0.1
    assert recipe.methods["lora"].dropout == 0.0
    assert recipe.methods["head"].lr > 0
    assert set(recipe.tasks) == {"mnli", "squad", "xnli", "panx", "udpos", "xquad"}


def test_overrides_go_through_the_schema(tmp_path: Path) -> None:
    recipe = load(write(tmp_path, VALID), ["train.epochs=1", "sweep.seed=[7]", "methods.lora.rank=4"])
    assert recipe.document.train.epochs == 1
    assert recipe.document.sweep.seed == (7,)
    assert recipe.methods["lora"].module.model_dump()["rank"] == 4
    found = problems(tmp_path, VALID, "train.epoch=1", "methods.lora.rank=0")
    assert any(
        line.startswith("command line (train.epoch=1): train.epoch: unknown key; did you mean 'epochs'?")
        for line in found
    )


def test_a_mistyped_key_that_is_required(tmp_path: Path) -> None:
    found = problems(tmp_path, VALID.replace("stack: {module: lora", "stack: {modul: lora"))
    assert found == ["8: methods.stack.module: is required; 'modul' is not a key, did you mean 'module'?"]


def test_all_mistakes_of_the_schema_at_once(tmp_path: Path) -> None:
    text = (
        VALID.replace("batch: 32", "batchs: 32, epochs: three")
        .replace("epochs: 3,", "")
        .replace("rank: 16", "rnk: 16")
        .replace("precision: fp32", "precision: fp23")
        .replace("name: test\n", "")
    )
    found = problems(tmp_path, text)
    assert "1: name: is required" in found
    assert "9: train.batchs: unknown key; did you mean 'batch'?" in found
    assert any(line.startswith("9: train.epochs: ") and "'three'" in line for line in found)
    assert "9: train.precision: 'fp23' is not a valid value; did you mean 'fp32'?" in found
    assert "6: methods.lora.rnk: unknown key; did you mean 'rank'?" in found
    assert len(found) == 5


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("target: [xnli,", "target: [xnl,", "17: sweep.target[0]: unknown task 'xnl'; did you mean 'xnli'?"),
        ("[none, mnli,", "[none, mnlli,", "16: sweep.intermediate[1]: unknown task 'mnlli'; did you mean 'mnli'?"),
        ("model: [tiny]", "model: [tny]", "14: sweep.model[0]: unknown model 'tny'; did you mean 'tiny'?"),
        ("method: [full,", "method: [ful,", "15: sweep.method[0]: unknown method 'ful'; did you mean 'full'?"),
        ("seed: [1, 2, 3]", "seed: [1, 2, 2]", "18: sweep.seed[2]: 2 appears twice"),
        ("module: none", "module: non", "6: methods.head.module: unknown module 'non'; did you mean 'none'?"),
        ("compose: stack, lr: 4e-4", "compose: stak", "8: methods.stack.compose: unknown composition 'stak'"),
        ("{module: full, compose: warm", "{module: full, compose: stack", "5: methods.full.compose: stack does not"),
        ("intermediate: none}]", "intermediat: none}]", "19: sweep.exclude[0].intermediat: unknown axis"),
        ("[stack, bn], inter", "[stack, bm], inter", "19: sweep.exclude[0].method: 'bm' is not on the axis method"),
        ("languages: all", "languages: [xx]", "20: eval.languages[0]: unknown language 'xx'"),
        ("  squad: {", "  squat: {", "12: tasks.squat: unknown task; did you mean 'squad'?"),
        ("  squad: {", '  "sq\\tuad": {', "12: tasks.sq\tuad: the name of a task appears in reports"),
        ("  squad: {", '  " ": {', "12: tasks. : the name of a task appears in reports"),
        ("squad: {max_length: 384", "squad: {max_len: 384", "12: tasks.squad.max_len: unknown key; did you mean 'max"),
        ("stride: 128", "stride: 500", "12: tasks.squad.stride: a stride of 500 leaves no room in max_length 384"),
        ("limit: {train: 2000}", "limit: {trian: 2000}", "12: tasks.squad.limit.trian"),
        ("  squad: {", "  xquad: {holdout: 5}\n  squad: {", "12: tasks.xquad.holdout: xquad trains on squad; set"),
        ("rank: 16", "rank: true", "7: methods.lora.rank"),
        ("layers: all", "layers: bottom", "7: methods.lora.layers"),
        ("schema: 1", "schema: 2", "1: schema: this version reads schema 1, not 2"),
        ("train: {", "report: {family: [targets]}\ntrain: {", "10: report.family[0]: 'targets' is not a valid"),
        ("train: {", "report: {family: target}\ntrain: {", "10: report.family: 'target' is not a list; write [target]"),
        ("train: {", "report: {family: [model, model]}\ntrain: {", "10: report.family: [model, model] has an axis"),
        ("train: {", "data_root: /nowhere/at/all\ntrain: {", "10: data_root: no such folder: /nowhere/at/all"),
    ],
)  # fmt: skip
def test_one_mistake(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in VALID
    found = problems(tmp_path, VALID.replace(old, new))
    assert any(line.startswith(expected) for line in found), found


def test_a_task_that_is_no_target(tmp_path: Path) -> None:
    found = problems(tmp_path, VALID.replace("intermediate: [none, mnli, squad]", "intermediate: [none, xquad]"))
    assert any("cannot be used as intermediate" in line for line in found)


OWN = """
  mine:
    kind: classification
    labels: [no, yes]
    text: [question, claim]
    label: gold
    files: {train: mine/train.jsonl, validation: mine/dev.jsonl, test: {sw: mine/sw.jsonl}}
"""


def test_a_task_of_ones_own(tmp_path: Path) -> None:
    text = VALID.replace("tasks:\n", f"tasks:{OWN}").replace("[xnli, panx", "[mine, panx")
    task = load(write(tmp_path, text)).tasks["mine"]
    assert task.kind == "classification"
    assert task.labels == ("no", "yes")


def test_one_task_under_several_names(tmp_path: Path) -> None:
    own = "\n  short: {kind: span, train_task: squad, max_length: 128, stride: 32}\n"
    text = VALID.replace("tasks:\n", f"tasks:{own}").replace("[none, mnli, squad]", "[none, short, squad]")
    assert load(write(tmp_path, text)).tasks["short"].train_task == "squad"
    (found,) = problems(tmp_path, text.replace("train_task: squad, ", ""))
    needed = "a new task needs files: {train: ..., test: {sw: ...}}, or the train_task that has them"
    assert found.endswith(f"tasks.short: {needed}")


def test_tags_from_the_training_data(tmp_path: Path) -> None:
    own = "\n  mine: {kind: tagging, labels: from training, files: {train: a.conll, test: {sw: b.conll}}}\n"
    text = VALID.replace("tasks:\n", f"tasks:{own}").replace("[xnli, panx", "[mine, panx")
    assert load(write(tmp_path, text)).tasks["mine"].labels_from_training
    for labels, message in [
        ("", "tagging needs two or more labels, or `labels: from training`"),
        ("labels: from trainings,", "labels: 'from trainings' is not a valid value; did you mean 'from training'?"),
        ("labels: from training, train_task: panx,", "kind and labels, in their order, must be the same"),
    ]:
        assert any(message in line for line in problems(tmp_path, text.replace("labels: from training,", labels)))


def test_mistakes_in_a_task_of_ones_own(tmp_path: Path) -> None:
    text = VALID.replace("tasks:\n", f"tasks:{OWN}").replace("[xnli, panx", "[mine, panx")
    found = problems(tmp_path, text.replace("text: [question, claim]", "texts: [question, claim]"))
    assert any("tasks.mine.texts: unknown key; did you mean 'text'?" in line for line in found)
    found = problems(tmp_path, text.replace("kind: classification", "kind: classifikation"))
    assert any(
        "tasks.mine.kind: no kind is called" in line and "did you mean 'classification'?" in line for line in found
    )


NONE = "files do not have this setting; remove it, or declare a `format` that has it:"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('comments: "#"', f"jsonl {NONE} conll"),
        ("multiline: true", f"jsonl {NONE} csv, tsv"),
        ("header: [a, b]", f"jsonl {NONE} conll, csv, lines, tsv"),
        ("quoting: false", f"jsonl {NONE} csv, tsv"),
        ("separator: whitespace", f"jsonl {NONE} conll"),
        ("mined: true", "it is a field of retrieval, not of classification; remove it"),
    ],
)
def test_a_setting_that_would_decide_nothing_is_refused_where_it_stands(
    tmp_path: Path, setting: str, message: str
) -> None:
    text = VALID.replace("tasks:\n", f"tasks:{OWN}").replace("[xnli, panx", "[mine, panx")
    text = text.replace("    label: gold\n", f"    label: gold\n    {setting}\n")
    key = setting.partition(":")[0]
    line = text.splitlines().index(f"    {setting}") + 1
    assert problems(tmp_path, text) == [f"{line}: tasks.mine.{key}: {message}"]
    if key != "mined":
        named = text.replace(f"    {setting}", f"    {setting}\n    format: squad")
        assert problems(tmp_path, named) == [f"{line}: tasks.mine.{key}: {message.replace('jsonl', 'squad')}"]
        other = text.replace("test: {sw: mine/sw.jsonl}", "test: {sw: mine/sw.csv}")
        if "csv" in message:
            assert load(write(tmp_path, other)).tasks["mine"], "one of the files is of such a format"
        unknown = problems(tmp_path, text.replace("mine/sw.jsonl", "mine/sw.dat").replace("[mine, panx", "[mine, pnx"))
        assert not [one for one in unknown if NONE in one], "which format it is, is told elsewhere"


@pytest.mark.parametrize(
    ("file", "setting"),
    [
        ("a.csv", "quoting: false, multiline: false, header: [x]"),
        ("a.tsv.gz", "quoting: false, header: [x]"),
        ("a.unknown", "quoting: false, format: tsv"),
    ],
)
def test_settings_of_tables_are_taken(tmp_path: Path, file: str, setting: str) -> None:
    own = f"\n  mine: {{kind: classification, labels: [a, b], text: [x], {setting}, files: {{train: {file}}}}}\n"
    assert load(write(tmp_path, VALID.replace("tasks:\n", f"tasks:{own}"))).tasks["mine"].layout is not None


def test_settings_of_columns_and_of_bare_lines_are_taken(tmp_path: Path) -> None:
    own = """
  tags: {kind: tagging, labels: [O, PER], separator: whitespace, comments: "", header: [a, b], files: {train: a.txt}}
  pairs: {kind: mlm, text: [a, b], header: [a], files: {train: [a.txt, b.txt]}}
"""
    assert {"tags", "pairs"} <= set(load(write(tmp_path, VALID.replace("tasks:\n", f"tasks:{own}"))).tasks)
    one = own.replace("[a.txt, b.txt]", "a.txt")  # read as text, not as lines
    assert problems(tmp_path, VALID.replace("tasks:\n", f"tasks:{one}")) == [
        f"13: tasks.pairs.header: text {NONE} conll, csv, lines, tsv"
    ]


def test_rows_of_retrieval_are_not_chosen(tmp_path: Path) -> None:
    own = """
  pairs:
    kind: retrieval
    text: [a]
    where: {language: sw}
    files: {test: {sw: [a.txt, b.txt]}}
"""
    text = VALID.replace("tasks:\n", f"tasks:{own}")
    line = text.splitlines().index("    where: {language: sw}") + 1
    reason = "retrieval always uses all rows of both files, so `where` has no effect; remove it"
    assert problems(tmp_path, text) == [f"{line}: tasks.pairs.where: {reason}"]
    named = text.replace("    where: {language: sw}\n", "").replace("[a]", "[a, b, c]")
    (found,) = problems(tmp_path, named)
    assert ": tasks.pairs.text: `text` has 3 columns" in found, "its name stands there once"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("tasks.mine.labels=[yes, no]", ""),
        ("methods.lora.lr=.inf", "methods.lora.lr: .inf does not fit; write a number from 1e-12 to 10"),
        ("train.warmup=.inf", "train.warmup: .inf does not fit; write a number from 0 to 1,000,000,000"),
        ("sweep.exclude=[{}]", "an empty rule excludes every cell"),
        ("sweep.seed[0]=5", "an override sets a whole list"),
        ("eval.languages=[]", "eval.languages"),
        ("tasks.mine.files.train={en: a.jsonl, sw: b.jsonl}", "a task trains on one language"),
        ("tasks.none={kind: classification}", "'none' means no intermediate"),
        ("tasks.mine.train_task=mnli", "kind and labels, in their order, must be the same"),
        ("tasks.mine.train_task=xnli", "has no training data of its own"),
        (
            "tasks.mine={kind: mlm, text: [t], metric: mlm_loss, files: {train: a.txt}}",
            "lower is better for mlm_loss, so it cannot be the main metric; use one of: mlm_accuracy",
        ),
    ],
)
def test_mistakes_that_would_pass_unnoticed(tmp_path: Path, override: str, expected: str) -> None:
    text = VALID.replace("tasks:\n", f"tasks:{OWN}").replace("[xnli, panx", "[mine, xnli, panx")
    if not expected:
        assert load(write(tmp_path, text), [override]).tasks["mine"].labels == ("yes", "no")
        return
    assert any(expected in line for line in problems(tmp_path, text, override))


def test_languages_of_ones_own_files_are_known(tmp_path: Path) -> None:
    text = VALID.replace("tasks:\n", f"tasks:{OWN}").replace("[xnli, panx", "[mine, panx")
    assert load(write(tmp_path, text), ["tasks.mine.eval={languages: [sw]}"])
    assert any("'xx'" in line for line in problems(tmp_path, text, "tasks.mine.eval={languages: [xx]}"))


@pytest.mark.parametrize(
    "text",
    ["a: &x {module: lora}\nb: {<<: *x, lr: 1}\n", "a: " + "9" * 5000 + "\n", "a: " + "[" * 3000 + "]" * 3000 + "\n"],
)
def test_unusual_yaml_ends_in_words(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_quantised_weights_are_not_changed(tmp_path: Path) -> None:
    text = VALID.replace("compose: stack, lr: 4e-4}", "compose: merge, precision: int8}")
    found = problems(tmp_path, text.replace("precision: fp32", "precision: nf4"))
    frozen = "it changes the frozen weights themselves"
    too_few = "stores them in too few bits for that"
    assert [line.split(";")[0] for line in found] == [
        f"5: methods.full.module: full does not work with nf4: it trains all weights, and nf4 {too_few}",
        f"8: methods.stack.precision: merge does not work with int8: {frozen}, and int8 {too_few}",
    ]
    load(write(tmp_path, VALID), ["train.precision=nf4", "methods.full.precision=bf16"])


@pytest.mark.parametrize("name", ["fp16", "float16", "FP16"])
def test_float16_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    text = VALID.replace("precision: fp32", f"precision: {name}").replace("lr: 4e-4}", f"lr: 4e-4, precision: {name}}}")
    reason = "float16 is not offered: its gradients need a scale that follows the overflows of earlier steps"
    stated = problems(tmp_path, text)
    assert {problem.split(": ")[1] for problem in stated} == {"train.precision", "methods.stack.precision"}
    for problem in stated:
        assert f"precision: {reason}" in problem
        assert problem.endswith("use bf16")


def test_tf32_is_a_precision(tmp_path: Path) -> None:
    recipe = load(write(tmp_path, VALID), ["train.precision=tf32"])
    assert {method.precision for method in recipe.methods.values()} == {"tf32"}
