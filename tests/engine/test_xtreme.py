"""A submission to XTREME, written out of a sweep and scored again: the numbers are the record's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover.errors import DataError
from layover.hub.xtreme import score_submission

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: xtreme
models: {tiny: {name: encoder}}
data_root: data
methods: {lora: {module: lora, lr: 3e-3, rank: 2}, head: {module: none}}
train: {batch: 8, epochs: 1, max_length: 24, stride: 4, select: null}
tasks:
  tatoeba: {retrieval: {layer: 1, layers: all}}
  bucc2018: {retrieval: {layer: 1}}
sweep:
  model: [tiny]
  method: [lora]
  target: [pawsx, udpos, tydiqa, tatoeba, bucc2018]
  seed: [1]
run: {workers: 1, threads: 1, device: cpu}
"""
THINGS = ("tree", "house", "river", "stone", "cat", "dog", "bird", "fish")
WORDS = (("the", "DET"), ("cat", "NOUN"), ("is", "AUX"), ("here", "ADV"))


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def sentences(count: int, end: str) -> list[str]:
    return [f"{THINGS[number % 8]} number {number} {end}" for number in range(count)]


def pairs(count: int) -> str:
    texts = zip(sentences(count, "is here"), sentences(count, "is not here"), strict=True)
    return "".join(f'"{one}, ""{two}"""\t{one if number % 3 else two}\t{number % 2}\r\n'
                   for number, (one, two) in enumerate(texts))  # fmt: skip


def tagged(count: int) -> str:
    words = [WORDS[number % 3 :] for number in range(count)]
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in words)


def questions(count: int, prefix: str) -> str:
    found: list[dict[str, Any]] = []
    for number, context in enumerate(sentences(count, "is here")):
        answer = {"text": f"number {number}", "answer_start": context.index("number")}
        qas = [{"id": f"{prefix}-{number}", "question": "which number?", "answers": [answer]}]
        found.append({"context": context, "qas": qas})
    return json.dumps({"data": [{"title": "things", "paragraphs": found}]})


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A finished sweep over official files that are complete in one language each, and its submission."""
    from tests.engine.conftest import Folder as Work

    work = Work(tmp_path_factory.mktemp("xtreme") / "work", encoder)
    data = work.root / "data"
    write(data, "pawsx/train-en.tsv", pairs(40))
    write(data, "pawsx/test-de.tsv", pairs(2_000))
    write(data, "udpos/train-en.tsv", tagged(24))
    write(data, "udpos/test-mr.tsv", tagged(47))
    write(data, "tydiqa/tydiqa.goldp.en.train.json", questions(24, "english"))
    write(data, "tydiqa/bengali_tydiqa_dev.json", questions(113, "bengali"))
    write(data, "tatoeba/tatoeba.tel-eng.tel", "\n".join(sentences(234, "ist hier")))
    write(data, "tatoeba/tatoeba.tel-eng.eng", "\n".join(sentences(234, "is here")[::-1]))
    for split, count in (("dev", 12), ("test", 14)):
        for side, end in (("de", "ist hier"), ("en", "is here")):
            lines = (f"{side}-{number:09}\t{text}\n" for number, text in enumerate(sentences(count, end)))
            write(data, f"bucc2018/de-en.{split}.{side}", "".join(lines))
        gold = "".join(f"de-{number:09}\ten-{number:09}\n" for number in range(8))
        write(data, f"bucc2018/de-en.{split}.gold", gold)
    (work.root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    work.run("run", "recipe.yaml")
    work.run("xtreme-submission", "recipe.yaml", "submission")
    return work


def lines(path: Path) -> Sequence[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_the_layout_is_the_official_one(submitted: Folder) -> None:
    root = submitted.root / "submission"
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {
        "pawsx/test-de.tsv",
        "udpos/test-mr.tsv",
        "tydiqa/test-bn.json",
        "tatoeba/test-te.tsv",
        "bucc2018/test-de.tsv",
    }
    assert len(lines(root / "pawsx/test-de.tsv")) == 2_000
    assert set(lines(root / "pawsx/test-de.tsv")) <= {"0", "1"}
    tags = lines(root / "udpos/test-mr.tsv")
    assert tags.count("") == 46
    assert len(tags) == len(lines(submitted.root / "data/udpos/test-mr.tsv"))
    answers = json.loads((root / "tydiqa/test-bn.json").read_text(encoding="utf-8"))
    assert list(answers) == [f"bengali-{number}" for number in range(113)]
    assert all(isinstance(answer, str) for answer in answers.values())
    assert {int(line) for line in lines(root / "tatoeba/test-te.tsv")} <= set(range(234))
    assert len(lines(root / "tatoeba/test-te.tsv")) == 234
    for line in lines(root / "bucc2018/test-de.tsv"):
        one, two = line.split("\t")
        assert (one[:3], two[:3]) == ("de-", "en-")


def test_without_gold_the_same_pairs_are_submitted(submitted: Folder, tmp_path: Path) -> None:
    """XTREME gives no gold of the test split away; the threshold comes from the other one all the same."""
    from tests.engine.conftest import Folder as Work

    work = Work(tmp_path / "work", submitted.root / "encoder")
    shutil.copytree(submitted.root / "data" / "bucc2018", work.root / "data" / "bucc2018")
    (work.root / "data" / "bucc2018" / "de-en.test.gold").unlink()
    (work.root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    narrow = ("recipe.yaml", "sweep.target=[bucc2018]")
    work.run("run", *narrow)
    said = work.run("xtreme-submission", narrow[0], "blind", narrow[1])
    assert "missing: bucc2018 fr ru zh" in said
    name = "bucc2018/test-de.tsv"
    assert lines(work.root / "blind" / name) == lines(submitted.root / "submission" / name)
    assert 0 < len(lines(work.root / "blind" / name)) < 14, "the threshold matters"
    (record,) = (json.loads(text) for text in work.records().values())
    assert record["missing"]["de"] == "no gold labels"
    assert set(record["retrieval"]["thresholds"]) == {"de"}


def test_tatoeba_follows_the_alphabet_of_the_english_side(submitted: Folder) -> None:
    english = lines(submitted.root / "data/tatoeba/tatoeba.tel-eng.eng")
    (data,) = [path for path in submitted.root.glob("store/nodes/*/*/examples.jsonl") if len(lines(path)) == 468]
    assert json.loads(lines(data)[234])["text"] == english[0]
    order = sorted(range(234), key=lambda row: english[row])
    assert order != list(range(234))
    found = json.loads(submitted.run("xtreme-score", "submission", "--data-root", "data", "--json"))
    said = lines(submitted.root / "submission/tatoeba/test-te.tsv")
    right = sum(int(line) == row for line, row in zip(said, order, strict=True))
    assert found["scores"]["tatoeba"]["te"]["retrieval_accuracy"] == pytest.approx(100 * right / 234)


def test_scoring_it_gives_the_records_numbers(submitted: Folder) -> None:
    found = json.loads(submitted.run("xtreme-score", "submission", "--data-root", "data", "--json"))
    submitted.run("report", "recipe.yaml")
    compared = 0
    for line in lines(submitted.root / "reports/xtreme/records.jsonl"):
        row = json.loads(line)
        for language, scores in found["scores"][row["target"]].items():
            for metric, value in scores.items():
                assert value == row["record"]["languages"][language][metric]
                compared += 1
    assert compared == 1 + 2 + 2 + 1 + 1
    assert found["averages"]["overall"] is None
    assert found["missing"]["pawsx"] == ["en", "es", "fr", "ja", "ko", "zh"]
    said = submitted.run("xtreme-score", "submission", "--data-root", "data")
    assert "pawsx" in said
    assert "all classification" in said


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("pawsx/test-xx.tsv", "0\n", r"test-xx\.tsv: pawsx has no file of this name; "),
        ("pawsx/test-de.tsv", "0\n1\n", r"2 predictions, but there are 2000 examples"),
        ("pawsx/test-de.tsv", "yes\n", r"'yes' is not a label; one of: 0, 1"),
        ("udpos/test-mr.tsv", "NOUN\n\n" * 47, r"1 tags for a sentence of 4 words"),
        ("tydiqa/test-bn.json", "{}", r"no answer to question bengali-0"),
        ("tydiqa/test-bn.json", "[", r"not JSON"),
        ("bucc2018/test-de.tsv", "de-1\ten-1\n", r"no language sentence has the id 'de-1'"),
        ("news/test-de.tsv", "0\n", r"news: XTREME has no task of this name"),
        ("xnli/test-de.tsv", "neutral\n", r"xnli: .*data has no test data for de; Layover looked for XNLI-1\.0"),
    ],
)
def test_a_folder_with_a_mistake_is_one_clear_error(
    submitted: Folder, tmp_path: Path, path: str, text: str, message: str
) -> None:
    write(tmp_path, path, text)
    with pytest.raises(DataError, match=message):
        score_submission(tmp_path, submitted.root / "data")


def test_a_mistake_has_the_exit_code_2(submitted: Folder, tmp_path: Path) -> None:
    said = submitted.run("xtreme-score", str(tmp_path), "--data-root", "data", code=2)
    assert f"{tmp_path}: it has no folder of a task; the tasks are bucc2018, mlqa" in said


def test_what_cannot_be_submitted(submitted: Folder) -> None:
    said = submitted.run("xtreme-submission", "recipe.yaml", "submission", code=2)
    assert "submission already exists; name another folder" in said
    said = submitted.run("xtreme-submission", "recipe.yaml", "new", "sweep.method=[lora,head]", code=2)
    assert "pawsx has several cells, tiny/lora/none/pawsx/1 and tiny/head/none/pawsx/1; narrow the sweep" in said
    said = submitted.run("xtreme-submission", "recipe.yaml", "new", "sweep.seed=[2]", code=2)
    assert "tiny/lora/none/pawsx/2 is not finished; run the recipe first" in said
    limited = ("sweep.target=[pawsx]", "tasks.pawsx.limit.test=5")
    submitted.run("run", "recipe.yaml", *limited)
    said = submitted.run("xtreme-submission", "recipe.yaml", "new", *limited, code=2)
    assert "pawsx: 5 test examples of de were predicted, but the official test split has 2000" in said
    assert not (submitted.root / "new").exists()
