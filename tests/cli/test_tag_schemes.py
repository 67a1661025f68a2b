"""How tags are read, as `check` refuses it and `data check` says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layover.cli.main import build_app

RECIPE = """\
schema: 1
name: tags
models: {tiny: {name: sandbox/mini}}
data_root: .
methods: {head: {module: none}}
tasks:
  mine: {kind: tagging, labels: LABELS,
         files: {train: train.tsv, validation: dev.tsv, test: {en: dev.tsv}}}
sweep: {model: [tiny], method: [head], target: [mine]}
"""


def ask(folder: Path, labels: str, *arguments: str, settings: str = "") -> Result:
    """Run a verb on a recipe with these labels, and more settings of the task."""
    recipe = folder / "recipe.yaml"
    text = RECIPE.replace("LABELS", f"{labels}, {settings}" if settings else labels)
    recipe.write_text(text.replace("data_root: .", f"data_root: {folder}"), encoding="utf-8")
    verb, options = arguments[0].split(), arguments[1:]
    place = ["--recipe", str(recipe)] if verb[0] == "data" else [str(recipe)]
    return CliRunner().invoke(build_app(), [*verb, *place, *options])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("train", "dev"):
        (tmp_path / f"{name}.tsv").write_text("Acme\tORG\nhired\tO\nAnna\tPER\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("labels", "settings", "scheme", "written", "outside", "line"),
    [
        ("[O, ORG, PER]", "", "io", "", ["O"], "tags: IO: neighbours of one class are one span; outside O"),
        ("[O, B_ORG, I_ORG]", "", "iob2", "B_ORG", ["O"], "tags: IOB2, written as B_ORG; outside O"),
        ("[o, org-b, org-i, org-l, org-u]", "", "bilou", "org-b", ["o"], "tags: BILOU, written as org-b; outside o"),
        ("[O, B-ORG, I-ORG, MISC]", "outside: [O, MISC]", "iob2", "B-ORG", ["O", "MISC"], "; outside O, MISC"),
        ("[_, ORG, PER]", "outside: _", "io", "", ["_"], "are one span; outside _"),
        ("['0', ORG, PER]", "outside: 0", "io", "", ["0"], "are one span; outside 0"),
        ("[_, ORG, PER]", "scheme: bare", "bare", "", [], "tags: bare classes without an outside tag"),
        ("[O, B-ORG, I-ORG]", "scheme: iob1", "iob1", "B-ORG", ["O"], "tags: IOB1, written as B-ORG; outside O"),
        ("[NOUN, VERB]", "", "xtreme", "", [], "tags: bare tags as XTREME scores parts of speech"),
    ],
)
def test_data_check_says_how_tags_are_read(
    folder: Path, labels: str, settings: str, scheme: str, written: str, outside: list[str], line: str
) -> None:
    names = [name.strip(" '") for name in labels.strip("[]").split(",")]
    for name in ("train", "dev"):
        text = "".join(f"word\t{tag}\n" for tag in names)
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    found = ask(folder, labels, "data check", settings=settings)
    assert found.exit_code == 0, found.output
    assert any(line in printed for printed in found.stdout.splitlines()), found.stdout
    for one in json.loads(ask(folder, labels, "data check", "--json", settings=settings).stdout):
        assert one["tags"] == {"scheme": scheme, "written": written, "outside": outside}


def test_words_that_are_scored_alone_need_no_scheme(folder: Path) -> None:
    mixed, settings = "[O, B-ORG, ORG, PER]", "metrics: [token_accuracy]"
    found = ask(folder, mixed, "data check", settings=settings)
    assert "tags: each word is scored alone" in found.stdout
    answers = json.loads(ask(folder, mixed, "data check", "--json", settings=settings).stdout)
    assert [one["tags"] for one in answers] == [None, None, None]


@pytest.mark.parametrize("verb", ["check", "data check"])
@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        (
            "[O, B-ORG, I-ORG, MISC]",
            "",
            "mine.labels: the tags 'B-ORG', 'I-ORG', 'MISC', 'O' can be read in more than one way",
        ),
        ("[_, ORG, PER]", "", "write every tag outside spans in `outside`, or write `scheme: bare`"),
        ("[O, ORG, PER]", "scheme: iob2", "are not IOB2: 'ORG' has none of its letters B, I"),
        ("[O, ORG, PER]", "scheme: iob", "'iob' is not a valid value; did you mean 'iob2'"),
        ("[O, ORG, PER]", "outside: OO", "`outside` contains 'OO', which is not a label"),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_stands(
    folder: Path, verb: str, labels: str, settings: str, message: str
) -> None:
    found = ask(folder, labels, verb, settings=settings)
    said = str(found.exception)
    assert found.exit_code == 1  # the error reaches `main`, which gives the code 2
    assert message in said
    assert "recipe.yaml:7: tasks.mine" in said
    assert "1 problem in the recipe" in said


def test_numbers_are_places_in_the_labels(folder: Path) -> None:
    """As `datasets` writes a column of class labels, where the labels are no numbers themselves."""
    for name in ("train", "dev"):
        rows = [{"tokens": ["Anna", "eats"], "ner_tags": [1, 0]}, {"tokens": ["Acme", "Corp"], "ner_tags": [3, 4]}]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = RECIPE.replace("LABELS", "[O, B-PER, I-PER, B-ORG, I-ORG], tokens: tokens, tags: ner_tags")
    text = text.replace(".tsv", ".jsonl").replace("data_root: .", f"data_root: {folder}")
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    options = ["data", "check", "--recipe", str(folder / "recipe.yaml"), "--split", "train"]
    (one,) = json.loads(CliRunner().invoke(build_app(), [*options, "--json"]).stdout)
    assert [shown["tags"] for shown in one["shown"]] == [["B-PER", "O"], ["B-ORG", "I-ORG"]]
    said = CliRunner().invoke(build_app(), options).stdout
    assert "numbers in the files are positions in `labels`: 0 is O, 1 is B-PER, and so on" in said
    (folder / "train.jsonl").write_text('{"tokens": ["Anna"], "ner_tags": [5]}\n', encoding="utf-8")
    refused = CliRunner().invoke(build_app(), options)
    assert f"{folder / 'train.jsonl'}:1" in str(refused.exception)
    assert "5 is not a label; one of: O, B-PER, I-PER, B-ORG, I-ORG" in str(refused.exception)
    numbers = text.replace("[O, B-PER, I-PER, B-ORG, I-ORG]", "['4', '3', '1', '0'], scheme: bare")
    (folder / "recipe.yaml").write_text(numbers, encoding="utf-8")
    (folder / "train.jsonl").write_text('{"tokens": ["Anna"], "ner_tags": [1]}\n', encoding="utf-8")
    (one,) = json.loads(CliRunner().invoke(build_app(), [*options, "--json"]).stdout)
    assert [shown["tags"] for shown in one["shown"]] == [["1"]], "a label that is a number is what it says"


def test_only_tags_have_a_scheme(folder: Path) -> None:
    text = RECIPE.replace(
        "kind: tagging, labels: LABELS", "kind: classification, labels: [a, b], text: [t], scheme: io"
    )
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    found = CliRunner().invoke(build_app(), ["check", str(folder / "recipe.yaml")])
    assert "mine.scheme: it is a field of tagging, not of classification; remove it" in str(found.exception)


def test_labels_from_training_are_read_where_they_are_found(folder: Path) -> None:
    found = ask(folder, "from training", "data check")
    assert "tags: IO: neighbours of one class are one span; outside O" in found.stdout
    (folder / "train.tsv").write_text("Acme\tB-ORG\nInc\tI-ORG\nhired\tO\nAnna\tPER\n", encoding="utf-8")
    assert ask(folder, "from training", "check").exit_code == 0, "`check` reads no data"
    for verb in ("data check", "plan"):
        said = str(ask(folder, "from training", verb).exception)
        assert "mine: the tags 'B-ORG', 'I-ORG', 'O', 'PER' can be read in more than one way" in said, verb


def test_a_tag_of_another_split_that_the_scheme_has_no_place_for(folder: Path) -> None:
    (folder / "train.tsv").write_text("Acme\tB-ORG\nInc\tI-ORG\nhired\tO\n", encoding="utf-8")
    (folder / "dev.tsv").write_text("Acme\tB-NEW\nhired\tO\nAnna\tPER\n", encoding="utf-8")
    for verb in ("data check", "plan"):
        said = str(ask(folder, "from training", verb).exception)
        assert f"{folder / 'dev.tsv'}:1: the tag 'PER' is not in IOB2 (outside 'O')" in said, verb
        assert "B-NEW" not in said, "a new type counts as wrong, and has a place"
    (folder / "dev.tsv").write_text("Acme\tB-NEW\nhired\tO\n", encoding="utf-8")
    assert ask(folder, "from training", "plan").exit_code == 0


@pytest.mark.parametrize(
    ("labels", "outside"), [("[true, false]", "false"), ("[1.5, 2]", "[1.5]"), ("[true, false]", "'false'")]
)
def test_outside_is_text_as_labels_are(folder: Path, labels: str, outside: str) -> None:
    assert ask(folder, f"{labels}, outside: {outside}", "check").exit_code == 0
    said = str(ask(folder, f"{labels}, outside: [null]", "check").exception)
    assert "null is not text" in said
