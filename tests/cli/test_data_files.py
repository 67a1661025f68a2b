"""What `layover data` says of files: how they are read, and what an override or a task of Layover's own changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layover.cli.main import build_app
from layover.tasks import OwnTask

DOCS = Path(__file__).resolve().parents[2] / "docs"

RECIPE = """\
schema: 1
name: mine
models: {{tiny: {{name: sandbox/mini}}}}
data_root: {root}
methods: {{head: {{module: none}}}}
train: {{select: null}}
eval: {{split: validation}}
tasks:
  mine:
    kind: classification
    labels: [neg, pos]
    text: [text]
    train_language: en
    files: {{train: train.csv, validation: dev.json}}
  asks: {{kind: choice, text: [q], choices: c, train_language: en, files: {{train: asks.jsonl}}}}
mixtures: {{both: {{tasks: [mine, asks]}}}}
sweep: {{model: [tiny], method: [head], target: [mine]}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "train.csv").write_bytes("text;label\nsch\u00f6n;pos\nb;neg\n".encode("cp1252"))
    (tmp_path / "dev.json").write_text('{"text": "x", "label": 1}\n{"text": "b", "label": 0}\n', encoding="utf-8")
    (tmp_path / "asks.jsonl").write_text('{"q": "?", "c": ["x", "y"], "label": "B"}\n', encoding="utf-8")
    (tmp_path / "squad").mkdir()
    article = {
        "paragraphs": [
            {"context": "c", "qas": [{"id": "1", "question": "b", "answers": [{"text": "c", "answer_start": 0}]}]}
        ]
    }
    (tmp_path / "squad" / "dev-v1.1.json").write_text(json.dumps({"data": [article]}), encoding="utf-8")
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.format(root=tmp_path), encoding="utf-8")
    return path


def data(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), ["data", *arguments])


MENDED = ('tasks.mine.separator=";"', "tasks.mine.encoding=cp1252", "tasks.mine.codes=labels")


def test_each_error_leads_to_the_next_setting(recipe: Path) -> None:
    told = (
        "train.csv:2: not UTF-8: the bytes f6 in b'sch\\xf6n;pos'; save the file as UTF-8, or declare its `encoding`",
        "train.csv:2: there is no column 'label'; its only column is 'text;label'; if the values are separated by ';'",
        "dev.json:1: 1 is not a label; one of: neg, pos; if numbers are positions in `labels`, declare `codes: labels`",
    )
    steps = ((), MENDED[1:2], MENDED[:2])
    for overrides, message in zip(steps, told, strict=True):
        found = data("check", "mine", "--recipe", str(recipe), "train.epochs=1", *overrides)
        assert message in str(found.exception), overrides


def test_how_the_files_are_read_stands_above_the_numbers(recipe: Path) -> None:
    found = data("check", "mine", *MENDED, "--recipe", str(recipe), "--show", "1")
    assert found.exit_code == 0, found.exception
    folder = recipe.parent
    first, numbers, content, headers, *_ = found.stdout.splitlines()
    assert first.startswith("mine: classification")
    assert numbers == "numbers in the files: 0 is neg, 1 is pos"
    assert content == f"{folder / 'dev.json'} is read as `format: jsonl`: it has a JSON object on each line"
    assert headers.startswith("split")
    assert '{"first": "sch\u00f6n", "second": null, "label": "pos"}' in found.stdout
    (one,) = json.loads(data("check", "asks", "--recipe", str(recipe), "--json").stdout)
    assert one["not_as_written"] == [
        {"reason": "right choice as a letter", "sort": "read", "count": 1, "first": f"{folder / 'asks.jsonl'}:1"}
    ]
    assert (one["left_out"], one["read_as"]) == ([], None)
    said = data("check", "asks", "--recipe", str(recipe)).stdout
    assert f"not read as written: right choice as a letter: 1 (first {folder / 'asks.jsonl'}:1)" in said


def test_a_task_of_layover_that_the_recipe_does_not_name(recipe: Path) -> None:
    found = data("check", "squad", "--recipe", str(recipe), "--split", "validation", "--json")
    assert isinstance(found.exception, SystemExit), found.exception  # 1: not the published number
    (one,) = json.loads(found.stdout)
    assert (one["task"], one["examples"], one["published"]) == ("squad", 1, 10570)
    found = data("overlap", "mine", "squad", *MENDED, "--recipe", str(recipe), "--json")
    assert found.exit_code == 0, found.exception
    assert [(each["split"], each["shared_examples"]) for each in json.loads(found.stdout)] == [
        ("train", 0),
        ("validation", 0),
    ]
    back = json.loads(data("overlap", "squad", "mine", *MENDED, "--recipe", str(recipe), "--json").stdout)
    assert {each["other_split"] for each in back} == {"train", "validation"}


def test_names_and_overrides_that_mean_nothing(recipe: Path) -> None:
    for arguments, message in (
        (("check", "mnie", "--recipe", str(recipe)), "the recipe has no task 'mnie'; did you mean 'mine'"),
        (("check", "sqad", "--recipe", str(recipe)), "the recipe has no task 'sqad'; did you mean 'squad'"),
        (("check", "squad", "train.epochs=1"), "train.epochs=1 changes a recipe, but none is given"),
        (("overlap", "squad", "xquad", "train.epochs=1"), "train.epochs=1 changes a recipe"),
        (("overlap", "both", "squad", "--recipe", str(recipe)), "both is several tasks; name one of them: mine, asks"),
        (("check", "mine", "tasks.mine.seperator=tab", "--recipe", str(recipe)), "did you mean 'separator'"),
        (("check", "mine", "tasks.mine.encoding=latin-99", "--recipe", str(recipe)), "'latin-99' is not an encoding"),
        (("check", "mine", "tasks.mine.codes=5", "--recipe", str(recipe)), "codes: 5 does not map numbers to labels"),
        (
            ("check", "mine", "tasks.mine.label_as=letter", "--recipe", str(recipe)),
            "it is a field of choice, not of classif",
        ),
    ):
        found = data(*arguments)
        assert found.exit_code != 0
        assert message in str(found.exception)
        assert str(found.exception).count("\n") <= 1  # one line for one mistake


def test_every_key_of_a_task_is_documented() -> None:
    page = (DOCS / "own-task.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in row.replace("`", "").replace(",", " ").split()}
    assert set(OwnTask.model_fields) <= documented


def test_every_format_is_documented() -> None:
    from layover.data import formats

    page = (DOCS / "own-task.md").read_text(encoding="utf-8")
    settable = {name for name in formats.names() if formats.reads(name)} | {"parquet", "arrow"}
    assert [name for name in sorted(settable) if f"`{name}`" not in page] == []
