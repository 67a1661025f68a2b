"""Both sides of a retrieval task: aligned and mined files, files of one's own, and what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layover import tasks
from layover.errors import DataError
from layover.identity import file_sha256, key_of
from layover.kinds.retrieval import Example
from layover.tasks import OwnTask, Task, declare


def write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def read(task: Task, root: Path, split: str = "test", files: Any = None, language: str = "de") -> list[Example]:
    location = task.locate(split, language, root=root, files=files)
    assert location is not None
    return task.read(location)


def own(**settings: Any) -> Task:
    return declare("mine", OwnTask(kind="retrieval", **settings))


def tatoeba(root: Path, language: str = "eins\nzwei\n", english: str | None = "one\ntwo\n") -> Path:
    write(root, "tatoeba/tatoeba.deu-eng.deu", language)
    if english is not None:
        write(root, "tatoeba/tatoeba.deu-eng.eng", english)
    return root


def test_aligned(tmp_path: Path) -> None:
    assert read(tasks.get("tatoeba"), tatoeba(tmp_path)) == [
        Example("0", "language", "eins", ("0",)),
        Example("1", "language", "zwei", ("1",)),
        Example("0", "english", "one", ("0",)),
        Example("1", "english", "two", ("1",)),
    ]


def test_a_side_that_is_missing_is_no_data(tmp_path: Path) -> None:
    task = tasks.get("tatoeba")
    assert task.locate("test", "de", root=tatoeba(tmp_path, english=None)) is None
    assert task.locate("test", "fr", root=tatoeba(tmp_path)) is None
    original = ["tatoeba/tatoeba.deu-eng.deu", "tatoeba/tatoeba.deu-eng.eng"]
    assert task.candidates("test", "de") == [*original, "tatoeba/de-en.de", "tatoeba/de-en.en"]


GERMAN, SORTED = "eins\nzwei\ndrei\n", "one\nthree\ntwo\n"


def test_the_gold_of_sorted_lines_comes_from_a_file(tmp_path: Path) -> None:
    task = tasks.get("tatoeba")
    write(tmp_path, "tatoeba/de-en.de", GERMAN)
    write(tmp_path, "tatoeba/de-en.en", SORTED)
    blind = read(task, tmp_path)
    assert [(item.text, item.gold) for item in blind[3:]] == [("one", None), ("three", None), ("two", None)]
    write(tmp_path, "tatoeba/test-de.tsv", "0\n2\n1\n")
    known = read(task, tmp_path)
    assert [(item.id, item.text, item.gold) for item in known] == [
        ("0", "eins", ("0",)),
        ("1", "zwei", ("2",)),
        ("2", "drei", ("1",)),
        ("0", "one", ("0",)),
        ("1", "three", ("2",)),
        ("2", "two", ("1",)),
    ]
    named = {"test": {"de": ("tatoeba/de-en.de", "tatoeba/de-en.en", "tatoeba/test-de.tsv")}}
    assert read(own(format="lines"), tmp_path, files=named) == known


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ("0\n3\n1\n", r"tsv:2: '3' is not a line number of .*de-en\.de; write 0 to 2"),
        ("0\none\n1\n", r"tsv:2: 'one' is not a line number"),
        ("0\n1\n1\n", r"tsv:3: line 1 already translates another line"),
        ("0\n1\n", r"test-de\.tsv has 2 lines, but .*de-en\.en has 3"),
    ],
)
def test_gold_that_does_not_fit(tmp_path: Path, gold: str, message: str) -> None:
    for name, text in {"de-en.de": GERMAN, "de-en.en": SORTED, "test-de.tsv": gold}.items():
        write(tmp_path, f"tatoeba/{name}", text)
    with pytest.raises(DataError, match=message):
        read(tasks.get("tatoeba"), tmp_path)


def test_both_files_decide_the_identity(tmp_path: Path) -> None:
    task = tasks.get("tatoeba")
    keys = set()
    for number, (language, english) in enumerate([("a\nb\n", "x\ny\n"), ("a\nc\n", "x\ny\n"), ("a\nb\n", "x\nz\n")]):
        location = task.locate("test", "de", root=tatoeba(tmp_path / str(number), language, english))
        assert location is not None
        keys.add(key_of(location.identity(file_sha256)))
    assert len(keys) == 3


LETTERS = "\n".join("abcdefghij") + "\n"


@pytest.mark.parametrize(
    ("language", "english", "message"),
    [
        ("a\nb\n", "x\n", r"\.deu has 2 sentences, but .*\.eng has 1: line i must translate line i"),
        ("a\n\nb\n", "x\ny\nz\n", r"\.deu:2: an empty line between sentences"),
        ("b\na\n" + "c\n" * 8, LETTERS, "in alphabetical order, as in XTREME's blind copies"),
    ],
)
def test_sides_that_do_not_fit(tmp_path: Path, language: str, english: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tasks.get("tatoeba"), tatoeba(tmp_path, language, english))


MINED = {"de": "d1\teins\nd2\tzwei\n", "en": "e1\tone\ne2\ttwo\ne3\tthree\n", "gold": "d2\te1\n"}


def bucc(root: Path, **changed: str | None) -> Path:
    for suffix, text in {**MINED, **changed}.items():
        if text is not None:
            write(root, f"bucc2018/de-en.dev.{suffix}", text)
    return root


def test_mined(tmp_path: Path) -> None:
    assert read(tasks.get("bucc2018"), bucc(tmp_path), "validation") == [
        Example("d1", "language", "eins", ()),
        Example("d2", "language", "zwei", ("e1",)),
        Example("e1", "english", "one", ("d2",)),
        Example("e2", "english", "two", ()),
        Example("e3", "english", "three", ()),
    ]


def test_mined_without_gold_is_blind(tmp_path: Path) -> None:
    examples = read(tasks.get("bucc2018"), bucc(tmp_path, gold=None), "validation")
    assert [item.gold for item in examples] == [None] * 5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gold": "d2\te9\n"}, r"gold:1: no english sentence has the id 'e9'; write ids like 'e1'"),
        ({"gold": "d2\te1\nd2\te1\n"}, r"gold:2: this pair is also at .*gold:1; remove one"),
        ({"de": "d1\ta\nd1\tb\n"}, r"\.de:2: the id 'd1' is also at .*\.de:1; write different ids"),
        ({"en": "e1\tone\ne2\t \n"}, r"\.en:2: the sentence is empty; write its text"),
        ({"de": "d1 a\n"}, r"\.de:1: the row has 1 values, but there are 2 columns"),
    ],
)
def test_mined_files_that_do_not_fit(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tasks.get("bucc2018"), bucc(tmp_path, **changed), "validation")


def test_files_of_ones_own(tmp_path: Path) -> None:
    write(tmp_path, "a.de.txt", "eins\nzwei\n")
    write(tmp_path, "a.en.txt", "one\ntwo\n")
    write(tmp_path, "pairs.jsonl", '{"l": "eins", "e": "one"}\n{"l": "zwei", "e": "two"}\n')
    expected = read(tasks.get("tatoeba"), tatoeba(tmp_path))
    assert read(own(), tmp_path, files={"test": {"de": ("a.de.txt", "a.en.txt")}}) == expected
    assert read(own(languages=("de", "fr")), tmp_path, files={"test": ("a.{language}.txt", "a.en.txt")}) == expected
    assert read(own(text=("l", "e")), tmp_path, files={"test": {"de": "pairs.jsonl"}}) == expected
    # like the official file of that name, wherever it lies
    named = {"test": {"de": ("tatoeba/tatoeba.deu-eng.deu", "a.en.txt")}}
    assert read(tasks.get("tatoeba"), tmp_path, files=named) == expected
    for name, text in MINED.items():
        write(tmp_path, f"m.{name}.tsv", "id\tsentence\n" * (name != "gold") + text)
    mined = own(mined=True, text=("sentence",))
    assert mined.metrics == ("bucc_f1",)
    files = {"test": {"de": ("m.de.tsv", "m.en.tsv", "m.gold.tsv")}}
    assert read(mined, tmp_path, files=files) == read(tasks.get("bucc2018"), bucc(tmp_path), "validation")
    blind = read(mined, tmp_path, files={"test": {"de": ("m.de.tsv", "m.en.tsv")}})
    assert {item.gold for item in blind} == {None}


@pytest.mark.parametrize(
    ("settings", "paths", "message"),
    [
        ({}, "a.txt", r"1 paths \(a.txt\); name the sentences of the language, the English sentences"),
        ({}, ("a.txt", "b.txt", "c.txt", "d.txt"), "4 paths"),
        ({"text": ("l", "e")}, ("a.jsonl", "b.jsonl"), "2 paths .*name one file"),
        ({"mined": True}, ("a.tsv",), "the English sentences, and the gold if there is any"),
        ({}, ("a.txt", "c.txt"), r"c\.txt does not exist; did you mean 'a\.txt'"),
    ],
)
def test_paths_that_do_not_fit(tmp_path: Path, settings: dict[str, Any], paths: Any, message: str) -> None:
    write(tmp_path, "a.txt", "eins\n")
    with pytest.raises(DataError, match=message):
        own(**settings).locate("test", "de", root=tmp_path, files={"test": {"de": paths}})


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({"kind": "retrieval", "stages": ("intermediate", "target")}, "is not trained; write only target"),
        ({"kind": "retrieval", "metrics": ("bucc_f1",)}, "only metric for sentences with ids and a file of gold"),
        ({"kind": "retrieval", "mined": True, "metrics": ("retrieval_accuracy",)}, "only metric for sentences"),
        ({"kind": "retrieval", "text": ("a", "b", "c")}, "`text` has 3 columns"),
        (
            {"kind": "tagging", "labels": ("O", "X"), "mined": True},
            "mine: mined: it is a field of retrieval, not of tagging; remove it",
        ),
    ],
)
def test_bad_declarations(declaration: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        declare("mine", OwnTask(**declaration))


def test_an_own_task_is_a_target_by_itself() -> None:
    assert own().stages == ("target",)
    assert declare("mine", OwnTask(kind="tagging", labels=("O", "X"))).stages == ("intermediate", "target")
    assert own().languages_of("train") == ()


def test_all_files_of_a_retrieval_are_in_its_encoding(tmp_path: Path) -> None:
    sides = {"de.tsv": "id\ttext\nd\u00e41\t\u00fcber\n", "en.tsv": "id\ttext\ne1\tover\n", "gold": "d\u00e41\te1\n"}
    for name, text in sides.items():
        (tmp_path / name).write_bytes(text.encode("utf-16"))
    task = declare("mine", OwnTask(kind="retrieval", mined=True, encoding="utf-16"))
    place = task.locate("test", "de", root=tmp_path, files={"test": {"de": ("de.tsv", "en.tsv", "gold")}})
    assert place is not None
    assert [one.text for one in task.read(place)] == ["\u00fcber", "over"]
