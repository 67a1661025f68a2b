"""The languages of files named with `{language}`: found, told, taken with `languages: all`."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from tests.recipe.conftest import SMALL, Told

from layover.errors import DataError
from layover.recipe import load
from layover.recipe.found_languages import found_languages, no_languages

OWN = """\
data_root: {root}
tasks:
  mine:
    kind: classification
    labels: [a, b]
    text: [text]
    train_language: en
    {languages}
    files: {{train: train.csv, validation: dev.csv, test: "{test}"}}
"""


def recipe(root: Path, languages: str, test: str = "{language}/test.csv") -> str:
    own = OWN.format(root=root, languages=languages, test=test)
    return SMALL.replace("train: {", f"{own}train: {{").replace("[sandbox/nli]", "[mine]")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        ("a.{language}.csv", ("a.en.csv", "a.zh-CN.csv", "a.sw.csv.gz", "b.de.csv", "a..csv"), ("en", "zh-CN")),
        ("{language}/t.csv", ("en/t.csv", "sw/t.csv", "de/u.csv", "t.csv"), ("en", "sw")),
        ("x/{language}/d-{language}.csv", ("x/en/d-en.csv", "x/en/d-de.csv", "x/sw/d-sw.csv"), ("en", "sw")),
        ("{language}-{language}.csv", ("en-en.csv", "en-de.csv"), ("en",)),
        ("a.(x).{language}.csv", ("a.(x).en.csv", "a.x.de.csv"), ("en",)),
        ("none/{language}.csv", ("en.csv",), ()),
        ("{language}/saved", ("en/saved/state.json", "sw/saved/dataset_dict.json", "de/saved/x.json"), ("en", "sw")),
    ],
)  # fmt: skip
def test_patterns(tmp_path: Path, pattern: str, names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    touch(tmp_path, *names)
    (tmp_path / "a.fi.csv").mkdir()
    assert found_languages({"test": pattern}, tmp_path) == expected
    assert found_languages({"test": (pattern, "other.csv")}, tmp_path) == expected
    assert found_languages({"test": {"en": "a.csv"}}, tmp_path) == ()


def test_files_in_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for name in ("d/en.csv", "d/sw.csv", "e/de.csv"):
            archive.writestr(name, "text,label\n")
    assert found_languages({"test": "data.zip/d/{language}.csv"}, tmp_path) == ("en", "sw")


def test_training_files_count_only_where_no_other_path_says_any(tmp_path: Path) -> None:
    touch(tmp_path, "train.en.csv", "train.de.csv", "test.sw.csv")
    files = {"train": "train.{language}.csv", "test": "test.{language}.csv"}
    assert found_languages(files, tmp_path) == ("sw",)
    assert found_languages({"train": files["train"]}, tmp_path) == ("de", "en")


def test_all_are_the_languages_of_the_files(told: Told, tmp_path: Path) -> None:
    touch(tmp_path, "en/test.csv", "sw/test.csv", "notes/read.txt")
    path = tmp_path / "all.yaml"
    path.write_text(recipe(tmp_path, "languages: all"), encoding="utf-8")
    assert load(path).tasks["mine"].languages["test"] == ("en", "sw")
    (found,) = told(recipe(tmp_path, "languages: all", "{language}/tset.csv"))
    assert "tasks.mine.languages: all means every language with files" in found
    assert f"below {tmp_path} no file matches {{language}}/tset.csv" in found
    (found,) = told(recipe(tmp_path, "languages: all", "test.csv"))
    assert "tasks.mine.languages: all needs {language} in a path of files" in found
    (found,) = told(recipe(tmp_path, "languages: al"))
    assert "tasks.mine.languages: 'al' is not a valid value; did you mean 'all'?" in found


def test_a_pattern_without_languages_names_those_that_there_are(told: Told, tmp_path: Path) -> None:
    touch(tmp_path, "en/test.csv", "sw/test.csv")
    text = recipe(tmp_path, "summary: my own").replace("    train_language: en\n", "")
    (found,) = told(text)
    assert (
        "tasks.mine.files.test: has {language} in a path, but the languages are unknown; there are files of en, sw"
        in found
    )
    assert found.endswith("languages: [en, sw], or languages: all")
    (found,) = told(text.replace("test.csv", "tset.csv"))
    assert found.endswith("but the language is unknown; write languages: [sw]")


def test_files_of_another_split_are_no_languages(told: Told, tmp_path: Path) -> None:
    touch(tmp_path, "e/train.csv", "e/de.csv", "e/sw.csv", "e/dev-sw.csv")
    files = {"train": "e/train.csv", "validation": {"de": "e/de.csv"}, "test": "e/{language}.csv"}
    assert found_languages(files, tmp_path) == ("dev-sw", "sw")
    files = {"train": "./e/train.csv", "validation": "e/dev-{language}.csv", "test": "e/{language}.csv"}
    assert found_languages(files, tmp_path) == ("de", "sw")
    same = {"validation": "e/{language}.csv", "test": "e/{language}.csv"}
    assert found_languages(same, tmp_path) == ("de", "dev-sw", "sw", "train")
    (found,) = told(recipe(tmp_path, "languages: all", "e/{language}.csv").replace(" train.csv", " e/train.csv"))
    assert found == (
        "r.yaml:13: tasks.mine.languages: there are files of de, dev-sw, sw, and dev-sw is not a language code; name "
        "the languages, languages: [de, sw], or move the other files"
    )


@pytest.mark.parametrize("name", ["test", "train", "sw_old", "dev", "val", "readme", "new-test", "tst", "deu-en-old"])
def test_names_that_are_no_codes_are_refused(told: Told, tmp_path: Path, name: str) -> None:
    touch(tmp_path, "e/sw.csv", f"e/{name}.csv")
    (found,) = told(recipe(tmp_path, "languages: all", "e/{language}.csv"))
    assert f"and {name} is not a language code; name the languages, languages: [sw], or" in found
    assert told(recipe(tmp_path, f"languages: [sw, {name}]", "e/{language}.csv")) == [], "whoever names them means them"


@pytest.mark.parametrize("name", ["en", "zh-CN", "eng_Latn", "de-en", "deu_eng", "yue", "pt-br", "sr-Latn-RS", "EN"])
def test_codes_of_languages_and_of_pairs_are_taken(told: Told, tmp_path: Path, name: str) -> None:
    touch(tmp_path, f"e/{name}.csv")
    assert no_languages(found_languages({"test": "e/{language}.csv"}, tmp_path)) == ()


def test_only_what_the_template_may_be_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "en/t.csv", "sw/t.csv", "private/t.csv", "de/deep/t.csv")
    seen: list[Path] = []
    listed, stat = Path.iterdir, Path.stat

    def look(path: Path) -> object:
        seen.append(path)
        return listed(path)

    def refuse(path: Path, **how: bool) -> object:
        if path.parent.name in closed:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **how)

    monkeypatch.setattr(Path, "iterdir", look)
    monkeypatch.setattr(Path, "stat", refuse)
    closed = {"private"}
    assert found_languages({"test": "{language}/t.csv"}, tmp_path) == ("en", "sw")
    assert seen == [tmp_path], "the folders below it are not listed"
    closed = {"sw"}
    with pytest.raises(DataError, match=r"sw/t.csv cannot be read \(Permission denied\)"):
        found_languages({"test": "{language}/t.csv"}, tmp_path)


def test_a_folder_that_cannot_be_listed_is_told(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    (found,) = told(recipe(tmp_path, "languages: all", "{language}.csv"))
    assert found == f"r.yaml:13: tasks.mine.languages: {tmp_path} cannot be listed (Permission denied)"
