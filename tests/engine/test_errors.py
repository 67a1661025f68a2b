"""The worst rows of a cell, and all rows of a cell: through the real command line, over a real sweep."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Folder

CELL = "tiny/lora/none/moods/1"
RECIPE = """\
schema: 1
name: strange
models: {tiny: {name: encoder}}
data_root: data
methods: {lora: {module: lora, lr: 3e-3, rank: 2}}
train: {batch: 8, epochs: 1, max_length: 24, stride: 4, select: null}
tasks:
  grades: {kind: regression, text: [text], label: score, range: [0, 5],
           files: {train: grades.csv, test: {en: grades.csv}}}
  moods: {kind: classification, labels: ["no", "=yes"], text: [text], label: label,
          files: {train: moods.jsonl, test: {en: moods.jsonl, de: half.jsonl, fr: blind.jsonl}}}
sweep: {model: [tiny], method: [lora], target: [grades, moods], seed: [1]}
run: {workers: 1, threads: 1, device: cpu}
"""
HOSTILE = "\x1b[31m=1+1\u202e"


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A finished sweep over numbers, and over labels that a terminal and a spreadsheet could take for commands."""
    work = Folder(tmp_path_factory.mktemp("strange") / "work", encoder)
    data = work.root / "data"
    grades = "".join(f"the cat number {number},{number % 6}\n" for number in range(12))
    (data / "grades.csv").write_text(f"text,score\n{grades}", encoding="utf-8")
    lines = [{"text": f"{HOSTILE} {n} is{' not' * (n % 2)} here", "label": ["=yes", "no"][n % 2]} for n in range(10)]
    write(data / "moods.jsonl", lines)
    write(data / "half.jsonl", [{**line, "label": None} if n < 4 else line for n, line in enumerate(lines)])
    write(data / "blind.jsonl", [{"text": line["text"]} for line in lines])
    (work.root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    work.run("run", "recipe.yaml")
    return work


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def rows_of(folder: Folder, cell: str, *more: str) -> list[dict[str, Any]]:
    said = folder.run("predictions", "recipe.yaml", cell, *more)
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def record_of(folder: Folder, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(folder.records()[key])
    return found


def test_all_wrong_rows_are_shown_and_no_right_one(finished: Folder) -> None:
    told = json.loads(finished.run("errors", "recipe.yaml", CELL, "--json", "--limit", "1000"))
    record = record_of(finished, told["key"])
    every = rows_of(finished, CELL)
    assert {line["language"] for line in every} == {"en", "de"}
    for language, counts in told["languages"].items():
        mine = [line for line in every if line["language"] == language]
        wrong = [line for line in mine if not line["right"]]
        assert counts == {"rows": len(mine), "wrong": len(wrong), "unscored": 0}
        assert all((line["prediction"] == line["gold"]) is line["right"] for line in mine)
        assert [line for line in told["rows"] if line["language"] == language] == wrong
        assert record["languages"][language]["accuracy"] == pytest.approx(100 * (1 - len(wrong) / len(mine)))
    assert told["cell"] == CELL
    assert told["missing"] == {}
    assert told["rows"], "the tiny encoder is wrong somewhere"


def test_equally_bad_rows_come_from_all_languages(finished: Folder) -> None:
    told = json.loads(finished.run("errors", "recipe.yaml", CELL, "--json", "--limit", "4"))
    counts = {name: counts["wrong"] for name, counts in told["languages"].items()}
    in_turn = sorted((place, name) for name, wrong in counts.items() for place in range(wrong))
    assert [line["language"] for line in told["rows"]] == [name for _, name in in_turn[:4]]
    only = json.loads(finished.run("errors", "recipe.yaml", CELL, "--json", "--language", "de"))
    assert {*only["languages"]} == {line["language"] for line in only["rows"]} == {"de"}


def test_the_terminal_shows_text_gold_prediction_and_score(finished: Folder) -> None:
    told = json.loads(finished.run("errors", "recipe.yaml", CELL, "--json", "--limit", "1"))
    (row,) = told["rows"]
    said = finished.run("errors", "recipe.yaml", CELL, "--limit", "1")
    wrong, every = (sum(counts[name] for counts in told["languages"].values()) for name in ("wrong", "rows"))
    assert f"{CELL}, test split: {wrong} of {every} rows with a score have an error; shown: 1" in said
    assert f"{row['language']}  {row['where']}: right no" in said
    for name, text in (("first", row["first"]), ("gold", row["gold"]), ("prediction", row["prediction"])):
        assert re.search(rf"^  {name} +{re.escape(text)}$", said, re.MULTILINE), said
    assert "second" not in said


def test_labels_and_confusion_are_those_of_the_predictions(finished: Folder) -> None:
    told = json.loads(finished.run("errors", "recipe.yaml", CELL, "--json", "--classes"))
    pairs = Counter((line["language"], line["gold"], line["prediction"]) for line in rows_of(finished, CELL))
    for line in told["classes"]["labels"]:
        language, label = line["language"], line["label"]
        right = pairs[language, label, label]
        gold = sum(times for (of, gold, _), times in pairs.items() if (of, gold) == (language, label))
        predicted = sum(times for (of, _, answer), times in pairs.items() if (of, answer) == (language, label))
        assert (line["gold"], line["predicted"], line["right"]) == (gold, predicted, right)
        assert line["recall"] == pytest.approx(100 * right / gold)
        assert line["precision"] == (pytest.approx(100 * right / predicted) if predicted else None)
    wrong = Counter[tuple[str, str]]()
    for (_, gold, answer), times in pairs.items():
        if gold != answer:
            wrong[gold, answer] += times
    confused = {(pair["gold"], pair["predicted"]): pair["count"] for pair in told["classes"]["confused"]}
    assert confused == dict(wrong)
    assert told["classes"]["left_out"] == 0
    said = finished.run("errors", "recipe.yaml", CELL, "--classes")
    right = sum(times for (_, gold, answer), times in pairs.items() if gold == answer == "no")
    assert re.search(rf"^no +{right} +{wrong['no', 'yes']}$", said, re.MULTILINE), said
    one = json.loads(finished.run("errors", "recipe.yaml", CELL, "--json", "--classes", "--language", "de"))
    assert {line["language"] for line in one["classes"]["labels"]} == {"de"}
    assert json.loads(finished.run("errors", "recipe.yaml", CELL, "--json"))["classes"] is None


def test_a_cell_is_named_by_the_key_of_its_scores_too(finished: Folder) -> None:
    told = json.loads(finished.run("errors", "recipe.yaml", CELL, "--json"))
    for digits in (12, 64):
        assert json.loads(finished.run("errors", "recipe.yaml", told["key"][:digits], "--json")) == told
    assert rows_of(finished, told["key"][:12]) == rows_of(finished, CELL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tiny/lora/none/mods/1",), "'tiny/lora/none/mods/1' is not a cell of the recipe; did you mean 'tiny/lora/"),
        (("0123456789",), "no key of scores of the recipe begins with '0123456789'"),
        (("tiny/lora/none/moods/7", "sweep.seed=[7]"), "tiny/lora/none/moods/7 is not finished; run the recipe first"),
    ],
)
@pytest.mark.parametrize("verb", ["errors", "predictions"])
def test_a_wrong_name_is_one_clear_error(finished: Folder, verb: str, arguments: tuple[str, ...], message: str) -> None:
    said = finished.run(verb, "recipe.yaml", *arguments, code=2)
    assert said.startswith(f"layover: {message}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CELL, "--language", "dee"), f"{CELL}: there is no language 'dee'; did you mean 'de'?"),
        ((CELL, "--limit", "0"), "Invalid value for '--limit'"),
        ((CELL, "--store", "nowhere"), "there is no store at"),
    ],
)
def test_wrong_options_end_with_code_2(finished: Folder, arguments: tuple[str, ...], message: str) -> None:
    assert message in finished.run("errors", "recipe.yaml", *arguments, code=2)


def test_numbers_are_ordered_by_their_distance_from_gold(strange: Folder) -> None:
    cell = "tiny/lora/none/grades/1"
    told = json.loads(strange.run("errors", "recipe.yaml", cell, "--json", "--limit", "5"))
    every = rows_of(strange, cell)
    assert all(line["absolute_error"] == pytest.approx(abs(line["prediction"] - line["gold"])) for line in every)
    errors = sorted((line["absolute_error"] for line in every), reverse=True)
    assert [line["absolute_error"] for line in told["rows"]] == errors[:5]
    said = strange.run("errors", "recipe.yaml", cell, "--classes", code=2)
    assert "grades: --classes counts labels, but answers of the kind regression are not labels" in said


def test_rows_without_gold_have_no_score(strange: Folder) -> None:
    lines = rows_of(strange, CELL)
    without = [line for line in lines if line["language"] == "fr" or (line["language"] == "de" and not line["gold"])]
    assert len(without) == 14
    assert all(line["gold"] is None and line["right"] is None for line in without)
    assert all(line["right"] in {True, False} for line in lines if line not in without)
    told = json.loads(strange.run("errors", "recipe.yaml", CELL, "--json"))
    assert {name: (counts["rows"], counts["unscored"]) for name, counts in told["languages"].items()} == {
        "de": (10, 4),
        "en": (10, 0),
        "fr": (10, 10),
    }
    assert not any(line in without for line in told["rows"])
    said = strange.run("errors", "recipe.yaml", CELL, "--language", "fr", code=2)
    assert f"{CELL}: no row can be compared with gold" in said
    said = strange.run("errors", "recipe.yaml", CELL, "--language", "fr", "--classes", code=2)
    assert "no language has a score, so no label is counted" in said


def test_texts_of_strangers_are_shown_as_they_are(strange: Folder) -> None:
    said = strange.run("errors", "recipe.yaml", CELL, "--classes")
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert r"\x1b[31m=1+1\u202e" in said
    (first, *_) = rows_of(strange, CELL)
    assert first["first"].startswith(HOSTILE)
    table = strange.run("predictions", "recipe.yaml", CELL, "--format", "csv")
    assert "\x1b" not in table
    rows = list(csv.DictReader(StringIO(table)))
    assert len(rows) == 30
    assert {row["gold"] for row in rows} == {"", "no", "'=yes"}
    assert {row["right"] for row in rows if not row["gold"]} == {""}
    assert {row["right"] for row in rows if row["gold"]} <= {"True", "False"}


def test_the_format_is_that_of_the_name_or_of_the_option(finished: Folder, tmp_path: Path) -> None:
    lines = rows_of(finished, CELL)
    for name, more in (("a.jsonl", ()), ("b.txt", ("--format", "jsonl")), ("c.csv", ("--format", "jsonl"))):
        out = tmp_path / name
        assert finished.run("predictions", "recipe.yaml", CELL, "--out", str(out), *more) == ""
        assert [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] == lines
    finished.run("predictions", "recipe.yaml", CELL, "--out", str(tmp_path / "d.csv"))
    assert (tmp_path / "d.csv").read_text(encoding="utf-8") == finished.run(
        "predictions", "recipe.yaml", CELL, "--format", "csv"
    )
    said = finished.run("predictions", "recipe.yaml", CELL, "--format", "tsv", code=2)
    assert "--format tsv: did you mean 'csv'?" in said
    said = finished.run("predictions", "recipe.yaml", CELL, "--out", str(tmp_path / "e.txt"), code=2)
    assert "the name must end in .jsonl or .csv; or choose with --format" in said


def test_several_cells_are_written_one_after_the_other(finished: Folder) -> None:
    other = "tiny/stack/claims/moods/2"
    lines = rows_of(finished, other, CELL, other)
    cells = [
        "/".join(str(line[name]) for name in ("model", "method", "intermediate", "target", "seed")) for line in lines
    ]
    assert list(dict.fromkeys(cells)) == [other, CELL]
    assert len(lines) == len(rows_of(finished, CELL)) + len(rows_of(finished, other))


@pytest.mark.parametrize("verb", ["errors", "predictions"])
def test_no_torch_is_imported(finished: Folder, verb: str) -> None:
    code = f"""
import sys
sys.argv = ["layover", {verb!r}, "recipe.yaml", {CELL!r}]
from layover.cli.main import main
try:
    main()
except SystemExit as end:
    print(end.code, sorted({{"torch", "transformers", "datasets", "pandas"}} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=finished.root, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "0 []", ran.stderr
