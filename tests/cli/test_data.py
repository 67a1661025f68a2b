"""The verb that looks at the data of tasks."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layover import tasks
from layover.cli.main import build_app
from layover.cli.task_data import TaskData
from layover.errors import ModelError
from layover_sandbox import encoders

ROOT = Path(__file__).resolve().parents[2]


RECIPE = """\
schema: 1
name: tags
models: {{tiny: {{name: sandbox/mini}}}}
data_root: {root}
methods: {{head: {{module: none}}}}
tasks:
  tags: {{kind: tagging, labels: from training, tokens: word, tags: tag, languages: [en],
         files: {{train: tags/train.stagged, validation: tags/dev.stagged, test: tags/test.stagged}}}}
sweep: {{model: [tiny], method: [head], target: [tags]}}
"""


def check(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), ["data", "check", *arguments])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three questions of Social IQA in the official archive."""
    answers = {"answerA": "Yes", "answerB": "No", "answerC": "So"}
    rows = [{"context": f"Kim {verb}.", "question": "Why?", **answers} for verb in ("ran", "sang", "slept")]
    (tmp_path / "siqa").mkdir()
    with zipfile.ZipFile(tmp_path / "siqa" / "socialiqa-train-dev.zip", "w") as archive:
        archive.writestr("socialiqa-train-dev/dev.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        archive.writestr("socialiqa-train-dev/dev-labels.lst", "1\n3\n3\n")
    return tmp_path


def test_numbers_labels_lengths_examples(files: Path) -> None:
    folder = str(encoders.folder_of("sandbox/mini"))
    found = check("siqa", "--data-root", str(files), "--tokenizer", folder, "--show", "1", "--json")
    assert found.exit_code == 1  # not 1,954
    (one,) = json.loads(found.stdout)
    assert (one["split"], one["language"], one["examples"], one["gold"]) == ("validation", "en", 3, 3)
    assert (one["published"], one["as_published"]) == (1954, False)
    assert one["labels"] == {"2": 2, "0": 1}
    lengths = one["tokens_per_row"]
    assert 8 < lengths["0"] <= lengths["50"] <= lengths["100"] < 40
    assert [example["first"] for example in one["shown"]] == ["Kim ran. Why?"]
    assert "siqa/socialiqa-train-dev.zip/socialiqa-train-dev/dev.jsonl" in one["source"]


def test_what_differs_and_what_is_missing_is_said(files: Path) -> None:
    found = check("siqa", "--data-root", str(files))
    assert found.exit_code == 1
    assert "validation en: 3 examples, but 1954 published" in found.stdout
    assert "not found: train en" in found.stdout
    assert "2 66.7 %, 0 33.3 %" in found.stdout
    assert "tokens" not in found.stdout
    assert found.stdout.count("Kim") == 3


def test_gold_tags_that_training_lacks_are_counted(tmp_path: Path) -> None:
    for name, text in [("train", "a|N b|V"), ("dev", "a|N b|NEW c|NEWER"), ("test", "a|N")]:
        place = tmp_path / "tags" / f"{name}.stagged"
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"{text}\n", encoding="utf-8")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(root=tmp_path), encoding="utf-8")
    found = {one["split"]: one for one in json.loads(check("--recipe", str(recipe), "--json").stdout)}
    assert {split: one["unlearnable"] for split, one in found.items()} == {"train": 0, "validation": 2, "test": 0}
    said = check("tags", "--recipe", str(recipe)).stdout
    assert "validation en: 2 of 3 gold labels are not in the training data and count as wrong" in said
    (tmp_path / "tags" / "train.stagged").write_text("a|N\n", encoding="utf-8")
    assert "1 different labels" in str(check("tags", "--recipe", str(recipe)).exception)


def test_a_recipe_brings_its_tasks_and_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = check("--recipe", "recipes/own-data.yaml", "--split", "train", "--json")
    assert found.exit_code == 0
    assert {(one["task"], one["examples"]) for one in json.loads(found.stdout)} == {("places", 80), ("mood", 20)}
    refused = check("mod", "--recipe", "recipes/own-data.yaml")
    assert "the recipe has no task 'mod'; did you mean 'mood'?" in str(refused.exception)


def test_every_language_that_a_recipe_names_files_for_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = json.loads(check("mood", "--recipe", "recipes/own-data.yaml", "--json").stdout)
    places = [f"{one['split']} {one['language']}" for one in found]
    assert places == ["train en", "validation en", "test en", "test de", "test es"]
    assert found[4]["shown"][0] == {"first": "Me gusta el gato.", "second": None, "label": "good"}


def test_a_task_that_only_trains_on_another_has_no_data_to_check(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    short = "  short: {kind: tagging, labels: from training, train_task: tags, max_length: 64}\n"
    text = RECIPE.format(root=tmp_path).replace("sweep:", f"{short}train: {{stride: 8, select: null}}\nsweep:")
    recipe.write_text(text.replace("target: [tags]", "intermediate: [short], target: [tags]"), encoding="utf-8")
    (tmp_path / "tags").mkdir()
    for name in ("train", "dev", "test"):
        (tmp_path / "tags" / f"{name}.stagged").write_text("a|N b|V\n", encoding="utf-8")
    found = check("--recipe", str(recipe), "--json")
    assert {one["task"] for one in json.loads(found.stdout)} == {"tags"}
    refused = check("short", "--recipe", str(recipe))
    assert str(refused.exception) == "short has no data of its own: it trains on the data of tags"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--split", "tset"), "no split is called 'tset'; did you mean 'test'?"),
        (
            ("--language", "fr"),
            "mood has no data for this split and language; it has train en, validation en, test en, test de, test es",
        ),
    ],
)
def test_what_a_task_does_not_have(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, str], message: str) -> None:
    monkeypatch.chdir(ROOT)
    found = check("mood", "--recipe", "recipes/own-data.yaml", *arguments)
    assert str(found.exception) == message


def test_a_revision_of_the_recipe_is_the_one_that_is_read(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "{schema: 1, name: a, models: {m: {name: b}}, methods: {head: {module: none}}, "
        "tasks: {scitail: {revision: COMMIT}}, sweep: {model: [m], method: [head], target: [scitail]}}".replace(
            "COMMIT", "b" * 40
        ),
        encoding="utf-8",
    )
    asked = TaskData(recipe, None, tmp_path)
    places, missing = asked.places(*asked.tasks([]), None, None)
    assert [location.describe().rpartition(" @ ")[2] for location, _ in places] == ["b" * 12] * 3
    assert missing == []


def test_a_task_of_the_sandbox_is_as_it_says() -> None:
    found = check("sandbox/copa", "--language", "sw", "--split", "test")
    assert found.exit_code == 0
    assert "test   sw             500        500   500" in found.stdout


def test_a_licensed_task_says_how_to_have_it(tmp_path: Path) -> None:
    said = str(check("ccg", "--data-root", str(tmp_path)).exception)
    assert "LDC2005T13" in said
    assert "> DATA_ROOT/ccg/train.auto" in said
    (tmp_path / "ccg").mkdir()
    (tmp_path / "ccg" / "wsj23.stagged").write_text("a|NN|N\n", encoding="utf-8")
    found = check("ccg", "--data-root", str(tmp_path))
    assert "the labels come from the training data, which are absent" in found.stdout


def test_nothing_found_says_what_was_looked_for(tmp_path: Path) -> None:
    found = check("cosmosqa", "--data-root", str(tmp_path))
    expected = f"cosmosqa: no data below {tmp_path}; looked for cosmosqa/train.csv, cosmosqa/valid.csv"
    assert str(found.exception) == expected


def test_data_of_the_hub_are_those_of_a_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    task = tasks.get("cosmosqa")
    with pytest.raises(ModelError, match="knows the commit of datasets/allenai/cosmos_qa@"):
        TaskData(None, None, tmp_path).locate(task, "train", "en")
    monkeypatch.setattr("layover.plan.hub.Revisions.commit", lambda *_: "a" * 40)
    place, _ = TaskData(None, None, tmp_path).locate(task, "train", "en")
    assert place is not None
    assert place.describe() == "hub allenai/cosmos_qa default [train] @ aaaaaaaaaaaa"


def test_nothing_asked() -> None:
    assert "name a task, or a recipe with --recipe" in str(check().exception)


def test_overlap(tmp_path: Path) -> None:
    (tmp_path / "squad").mkdir()
    (tmp_path / "xquad").mkdir()
    for name, contexts in {
        "squad/dev-v1.1.json": ["A red house.", "A red house.", "A blue house."],
        "squad/train-v1.1.json": ["A tree."],
        "xquad/xquad.en.json": ["A  red house. ", "A river."],
        "xquad/xquad.de.json": ["Ein Fluss."],
    }.items():
        answers = [[{"text": context[0], "answer_start": 0}] for context in contexts]
        paragraphs = [
            {"context": context, "qas": [{"id": "1", "question": "What?", "answers": answer}]}
            for context, answer in zip(contexts, answers, strict=True)
        ]
        (tmp_path / name).write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    found = CliRunner().invoke(
        build_app(), ["data", "overlap", "squad", "xquad", "--data-root", str(tmp_path), "--json"]
    )
    assert found.exit_code == 0, found.output
    train, validation = json.loads(found.stdout)
    assert (train["split"], train["examples"], train["shared_examples"]) == ("train", 1, 0)
    assert validation == {
        "split": "validation", "language": "en", "other_split": "test",
        "examples": 3, "shared_examples": 2, "texts": 2, "shared_texts": 1,
    }  # fmt: skip
    text = CliRunner().invoke(build_app(), ["data", "overlap", "squad", "xquad", "--data-root", str(tmp_path)])
    assert text.stdout.splitlines()[-1].split() == ["validation", "en", "test", "3", "2", "2", "1"]


OWN = """\
schema: 1
name: own
models: {{tiny: {{name: sandbox/mini}}}}
data_root: {root}
methods: {{head: {{module: none}}}}
tasks:
  own: {{kind: classification, labels: [-1, 0, 1], text: [text], label: label, languages: [en, de],
        train_language: en,
        files: {{train: train.csv, validation: dev.jsonl, test: {{en: en.jsonl, de: de.jsonl}}}}}}
sweep: {{model: [tiny], method: [head], target: [own]}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A task with labels that YAML takes for numbers, and rows that are not used."""
    (tmp_path / "train.csv").write_text("text,label\na,-1\nb,\nc,1\n ,0\na,-1\n", encoding="utf-8")
    (tmp_path / "dev.jsonl").write_text('{"text": "x", "label": -1}\n{"text": "y", "label": 1.0}\n', encoding="utf-8")
    mixed = [{"text": str(number), "label": 0, "locale": code} for number, code in enumerate(("en", "fr", "fr"))]
    (tmp_path / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in mixed), encoding="utf-8")
    (tmp_path / "de.jsonl").write_text('{"text": "z"}\n', encoding="utf-8")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(OWN.format(root=tmp_path), encoding="utf-8")
    return recipe


def test_rows_that_are_not_used_are_told(own: Path) -> None:
    said = check("own", "--recipe", str(own), "--show", "0").stdout
    folder = own.parent
    assert f"train en: 5 rows; not used: no gold: 1 (first {folder}/train.csv:3)" in said
    twice = f"same text and gold as an earlier row: 1 (first {folder}/train.csv:6)"
    assert f"train en: 5 rows; used, but: empty text: 1 (first {folder}/train.csv:5); {twice}" in said
    assert f"test de: 1 rows; not used: no gold: 1 (first {folder}/de.jsonl:1)" in said
    assert "test en: read as en, but its column 'locale' names 2 (en 1, fr 2)" in said
    assert "validation en:" not in said


def test_rows_that_are_not_used_stand_in_the_answer_for_machines(own: Path) -> None:
    found = {(one["split"], one["language"]): one for one in json.loads(check("--recipe", str(own), "--json").stdout)}
    train = found["train", "en"]
    assert (train["rows"], train["examples"], train["gold"]) == (5, 5, 4)
    assert train["labels"] == {"-1": 2, "0": 1, "1": 1}
    lacking = {"reason": "no gold", "sort": "lost", "count": 1, "first": f"{own.parent}/train.csv:3"}
    assert lacking in train["left_out"]
    assert found["validation", "en"]["labels"] == {"-1": 1, "1": 1}
    assert found["test", "en"]["languages"] == {"locale": {"en": 1, "fr": 2}}
    assert found["validation", "en"]["left_out"] == []


def change(recipe: Path, old: str, new: str) -> None:
    recipe.write_text(recipe.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_stray_quotes_and_comments_are_told(own: Path) -> None:
    folder = own.parent
    (folder / "train.csv").rename(folder / "train.tsv")
    (folder / "train.tsv").write_text('text\tlabel\n"a\t-1\nb"\t1\n', encoding="utf-8")
    change(own, "train.csv", "train.tsv")
    error = str(check("own", "--recipe", str(own)).exception)
    assert f"{folder}/train.tsv:2: a quoted value runs over the lines 2 to 3" in error
    own.write_text(
        own.read_text(encoding="utf-8").replace("label: label,", "label: label, quoting: false,"), encoding="utf-8"
    )
    assert "train       en               2" in check("own", "--recipe", str(own)).stdout
    for name in ("train", "dev", "test"):
        (folder / "tags").mkdir(exist_ok=True)
        (folder / "tags" / f"{name}.conll").write_text("# id 1 x\na N\n", encoding="utf-8")
    text = (
        RECIPE.format(root=folder)
        .replace("tokens: word, tags: tag", "separator: whitespace")
        .replace(".stagged", ".conll")
    )
    own.write_text(text.replace("labels: from training", "labels: [N, V]"), encoding="utf-8")
    assert f"skipped: comment line: 1 (first {folder}/tags/train.conll:1)" in check("--recipe", str(own)).stdout


def test_no_row_of_the_asked_value_is_an_error(own: Path) -> None:
    own.write_text(
        own.read_text(encoding="utf-8").replace("label: label,", "label: label, where: {locale: it},"), encoding="utf-8"
    )
    error = str(check("own", "--recipe", str(own), "--split", "test", "--language", "en").exception)
    assert "there is no example with locale 'it'" in error


def test_null_is_no_label(own: Path) -> None:
    change(own, "labels: [-1, 0, 1]", "labels: [null, 0, 1]")
    error = str(check("own", "--recipe", str(own)).exception)
    assert "1 problem in the recipe" in error
    assert 'tasks.own.labels: null is not text; write "null" in quotes if you mean the text' in error
