"""Tasks of pairs of languages: made of the data of a parallel task, item by item, and never of two different items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from layover import tasks
from layover.cli.main import build_app
from layover.data.crossed import Crossed
from layover.data.tally import Tally
from layover.errors import DataError
from layover.identity import file_sha256, key_of
from layover.kinds.classification import Example
from layover.tasks import Task

CROSSED = [name for name in tasks.names() if tasks.get(name).crosses is not None]
ITEMS = {
    "de": ["Er singt.\tEr schweigt.\tcontradiction", "Es regnet.\tDie Luft ist feucht.\tentailment"],
    "en": ["He sings.\tHe is silent.\tcontradiction", "It rains.\tThe air is damp.\tentailment"],
}
SENTENCES = {
    "de": ["7\tEva traf Jan.\tJan traf Eva.\t0", "8\tNS\tAlt ist es.\t0", "9\tEs ist NS.\tNS ist es.\t1"],
    "en": ["7\tEva met Jan.\tJan met Eva.\t0", "8\tIt is old.\tOld it is.\t1", "9\tIt is NS.\tNS it is.\t1"],
}


def xnli(root: Path, **changed: list[str]) -> Path:
    """Write development files of XNLI."""
    return write(root, "xnli/dev-{}.tsv", "", {**ITEMS, **changed})


def pawsx(root: Path, **changed: list[str]) -> Path:
    """Write official test files of PAWS-X."""
    return write(root, "x-final/{}/test_2k.tsv", "id\tsentence1\tsentence2\tlabel\n", {**SENTENCES, **changed})


def write(root: Path, path: str, header: str, files: dict[str, list[str]]) -> Path:
    for language, lines in files.items():
        file = root / path.format(language)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(header + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return root


def read(name: str, split: str, language: str, root: Path, tally: Tally | None = None) -> list[Example]:
    place = tasks.get(name).locate(split, language, root=root)
    assert place is not None
    return tasks.get(name).read(place, tally)


@pytest.mark.parametrize("name", CROSSED)
def test_metadata(name: str) -> None:
    task, source = tasks.get(name), tasks.get(name.removesuffix("_pairs"))
    assert task.summary
    assert task.licence
    assert task.citation
    assert task.crosses == source
    assert (task.kind, task.labels, task.metrics) == (source.kind, source.labels, source.metrics)
    assert task.train_task == (source.train_task or source.name)
    languages = source.languages_of("test")
    pairs = {f"{first}-{second}" for first in languages for second in languages if first != second}
    assert set(task.languages_of("test")) == pairs
    assert set(task.languages_of("validation")) == {"en", *pairs}
    assert set(task.usual) == {pair for pair in pairs if "en" in pair.split("-")}
    assert len(task.usual) == 2 * (len(languages) - 1)
    assert not task.languages_of("train")
    for split, codes in task.languages.items():
        assert all(task.locate(split, code, root=None) is not None for code in codes)
        assert task.candidates(split, "de-en") == source.candidates(split, "de") + source.candidates(split, "en")


def test_the_first_text_is_in_the_first_language(tmp_path: Path) -> None:
    root = xnli(tmp_path)
    assert read("xnli_pairs", "validation", "de-en", root) == [
        Example("Er singt.", "He is silent.", "contradiction"),
        Example("Es regnet.", "The air is damp.", "entailment"),
    ]
    assert read("xnli_pairs", "validation", "en-de", root)[0] == Example("He sings.", "Er schweigt.", "contradiction")
    # English alone selects weights, as the task itself does
    english = tasks.get("xnli_pairs").locate("validation", "en", root=root)
    assert english == tasks.get("xnli").locate("validation", "en", root=root)


def test_a_language_without_data_is_no_data(tmp_path: Path) -> None:
    task, root = tasks.get("xnli_pairs"), xnli(tmp_path)
    for language in ("de-fr", "fr-de", "fr", "en-en", "de-en-de", "xx-en"):
        assert task.locate("validation", language, root=root) is None
    assert task.locate("test", "en", root=root) is None


def test_order_and_both_files_are_in_the_identity(tmp_path: Path) -> None:
    task, root = tasks.get("xnli_pairs"), xnli(tmp_path)

    def key(language: str) -> str:
        place = task.locate("validation", language, root=root)
        assert place is not None
        return key_of(place.identity(file_sha256))

    assert len({key(language) for language in ("de-en", "en-de", "en")}) == 3
    before = key("de-en")
    (root / "xnli/dev-en.tsv").write_text("\n".join(ITEMS["en"]) + "\n\n", encoding="utf-8")
    assert key("de-en") != before
    place = task.locate("validation", "de-en", root=root)
    assert isinstance(place, Crossed)
    assert place.describe() == f"{root}/xnli/dev-de.tsv x {root}/xnli/dev-en.tsv"
    joined = key_of({name: value for name, value in place.identity(file_sha256).items() if name == "joined"})
    assert joined != key("de-en"), "two files one after another are other examples"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"en": [ITEMS["en"][0]]}, r"dev-en\.tsv: it ends before the item of .*dev-de\.tsv:2; both files must have"),
        ({"de": [ITEMS["de"][0]]}, r"dev-de\.tsv: it ends before the item of .*dev-en\.tsv:2; both files must have"),
        (
            {"en": ITEMS["en"][::-1]},
            r"dev-en\.tsv:1: the label is 'entailment', but .*dev-de\.tsv:1 has 'contradiction'; both files must have",
        ),
    ],
)
def test_items_that_do_not_fit(tmp_path: Path, changed: dict[str, list[str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read("xnli_pairs", "validation", "de-en", xnli(tmp_path, **changed))


def test_ids_must_agree(tmp_path: Path) -> None:
    changed = ["7\tEva met Jan.\tJan met Eva.\t0", "6\tIt is old.\tOld it is.\t0", SENTENCES["en"][2]]
    german = [SENTENCES["de"][0], "8\tEs ist alt.\tAlt ist es.\t0", SENTENCES["de"][2]]
    with pytest.raises(DataError, match=r"en/test_2k\.tsv:3: the id is '6', but .*de/test_2k\.tsv:3 has '8'"):
        read("pawsx_pairs", "test", "de-en", pawsx(tmp_path, de=german, en=changed))


@pytest.mark.parametrize("language", ["de-en", "en-de"])
def test_items_without_a_translation_are_left_out(tmp_path: Path, language: str) -> None:
    tally = Tally()
    examples = read("pawsx_pairs", "test", language, pawsx(tmp_path), tally)
    assert [example.label for example in examples] == ["0", "1"], "NS within a sentence is a word"
    (left_out,) = tally.left_out()
    assert (left_out.reason, left_out.count) == ("no translation into one of both languages", 1)
    assert left_out.first.endswith(f"{language[:2]}/test_2k.tsv:3")
    assert len(read("pawsx", "test", "de", tmp_path)) == 3


def test_another_gold_of_a_translated_item_is_an_error(tmp_path: Path) -> None:
    changed = [*SENTENCES["en"][:2], "9\tIt is NS.\tNS it is.\t0"]
    with pytest.raises(DataError, match=r"en/test_2k\.tsv:4: the label is '0', but .*de/test_2k\.tsv:4 has '1'"):
        read("pawsx_pairs", "test", "de-en", pawsx(tmp_path, en=changed))


def test_gold_that_one_language_lacks_is_no_gold(tmp_path: Path) -> None:
    """The labels of PAWS-X differ between languages, so that one language does not say the gold of another."""
    write(tmp_path, "pawsx/test-{}.tsv", "", {"en": ["Eva met Jan.\tJan met Eva."]})
    write(tmp_path, "pawsx/test-{}.tsv", "", {"de": ["Eva traf Jan.\tJan traf Eva.\t0"]})
    for language in ("de-en", "en-de"):
        assert [example.label for example in read("pawsx_pairs", "test", language, tmp_path)] == [None]


def test_only_tasks_of_two_texts_are_crossed() -> None:
    xcopa = tasks.get("xcopa")
    with pytest.raises(DataError, match="only tasks with two texts have pairs of languages"):
        Task.model_validate({**dict(xcopa), "crosses": xcopa})


def test_data_check_counts_items_without_a_translation(tmp_path: Path) -> None:
    command = ["data", "check", "pawsx_pairs", "--data-root", str(pawsx(tmp_path)), "--language", "de-en", "--json"]
    result = CliRunner().invoke(build_app(), command)
    (census,) = json.loads(result.stdout)
    assert (census["split"], census["language"], census["examples"]) == ("test", "de-en", 2)
    assert "no translation into one of both languages" in result.stdout


@pytest.mark.data
@pytest.mark.parametrize("name", CROSSED)
def test_real_files_have_the_same_items(name: str, data_root: Path) -> None:
    task = tasks.get(name)
    for first, second in (("en", "de"), ("zh", "en"), ("fr", "es"), ("ko" if name == "pawsx_pairs" else "ur", "en")):
        tally = Tally()
        examples = read(name, "validation", f"{first}-{second}", data_root, tally)
        own = [read(task.crosses.name, "validation", code, data_root) for code in (first, second)]  # type: ignore[union-attr]
        left_out = sum(entry.count for entry in tally.left_out())
        assert len(examples) == len(own[0]) - left_out
        texts = [{example.first for example in own[0]}, {example.second for example in own[1]}]
        assert all(example.first in texts[0] and example.second in texts[1] for example in examples)
        assert (left_out > 0) == (name == "pawsx_pairs")


@pytest.mark.data
def test_labelled_test_files_of_two_languages(data_root: Path, tmp_path: Path) -> None:
    """The official test files of PAWS-X; their ids and labels agree wherever both are translated."""
    for language in ("de", "zh"):
        (tmp_path / "x-final" / language).mkdir(parents=True)
        official = data_root / "pawsx" / "original-format" / language / "test.tsv"
        (tmp_path / "x-final" / language / "test_2k.tsv").symlink_to(official)
    tally = Tally()
    examples = read("pawsx_pairs", "test", "de-zh", tmp_path, tally)
    (left_out,) = tally.left_out()
    assert len(examples) + left_out.count == 2_000
    assert all(example.label is not None for example in examples)
    xnli_test = read("xnli_pairs", "test", "sw-en", data_root)
    assert len(xnli_test) == tasks.get("xnli_pairs").count("test", "sw-en")
    assert all(example.label is not None for example in xnli_test)
