from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from layover import kinds, tasks
from layover.data.languages import UNKNOWN
from layover.errors import DataError
from layover.identity import file_sha256, key_of
from layover.kinds import choice, classification, mlm, span, tagging
from layover.tasks import OwnTask, Task, declare


def write(root: Path, path: str, text: str) -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


def read(task: Task, split: str, language: str, root: Path, files: Mapping[str, Any] | None = None) -> list[Any]:
    location = task.locate(split, language, root=root, files=files)
    assert location is not None
    return task.read(location)


def test_registry() -> None:
    assert set(tasks.names()) >= {"hellaswag", "mnli", "panx", "squad", "udpos", "xcopa", "xnli", "xquad"}
    with pytest.raises(DataError, match="no task is called 'xnil'; did you mean 'xnli'"):
        tasks.get("xnil")


def test_languages_counts_candidates() -> None:
    xnli, xcopa = tasks.get("xnli"), tasks.get("xcopa")
    assert len(xnli.languages_of("test")) == 15
    assert xnli.languages_of("train") == ()
    assert (xnli.count("test", "sw"), xnli.count("test", "qu"), xnli.count("train", "en")) == (5010, None, None)
    assert [len(tasks.get(name).languages_of("test")) for name in ("udpos", "panx", "xquad")] == [38, 48, 12]
    assert tasks.get("panx").count("test", "yo") == 100
    assert xnli.candidates("test", "sw") == ["XNLI-1.0/xnli.test.tsv", "xnli/test-sw.tsv"]
    assert xcopa.candidates("train", "en") == ["copa/train-en.jsonl", "COPA/train.jsonl"]
    assert xcopa.candidates("validation", "it") == ["xcopa/val.it.jsonl", "xcopa/it/val.it.jsonl"]
    assert "qu" in xcopa.all_languages()


def test_locations_on_the_hub() -> None:
    location = tasks.get("udpos").locate("test", "th", root=None)
    assert location is not None
    assert location.hub is not None
    assert (location.hub.path, location.hub.config, location.hub.revision) == ("google/xtreme", "udpos.Thai", "main")
    assert location.paths == ()
    resolved = location.pinned(lambda _: "a" * 40)
    assert resolved.describe() == "hub google/xtreme udpos.Thai [test] @ aaaaaaaaaaaa"
    assert key_of(resolved.identity(file_sha256)) != key_of(location.identity(file_sha256))
    copa = tasks.get("xcopa")
    assert copa.locate("validation", "en", root=None).hub.path == "aps/super_glue"
    assert copa.locate("validation", "it", root=None).hub.path == "cambridgeltl/xcopa"
    assert copa.locate("test", "de", root=None) is None
    assert tasks.get("udpos").locate("validation", "th", root=None) is None
    assert pickle.loads(pickle.dumps(location)) == location  # noqa: S301 - our own bytes


def test_nothing_below_the_root(tmp_path: Path) -> None:
    assert tasks.get("xnli").locate("test", "de", root=tmp_path) is None
    write(tmp_path, "squad/train-v1.1.json", "{}")
    squad = tasks.get("squad")
    assert squad.locate("train", "en", root=tmp_path) is not None
    assert squad.locate("train", "de", root=tmp_path) is None  # one English file is not German


NLI = "premise,hypothesis,label\nIt rains.,It is wet.,neutral\nIt rains.,It is dry.,contradiction\n"


def test_identity_is_content_and_reading_not_path_name_or_language(tmp_path: Path) -> None:
    write(tmp_path / "a", "mnli/train.csv", NLI)
    write(tmp_path / "b", "elsewhere/x.csv", NLI)
    mnli, xnli, snli = (tasks.get(name) for name in ("mnli", "xnli", "snli"))
    elsewhere = {"train": "elsewhere/x.csv"}
    official = mnli.locate("train", "en", root=tmp_path / "a")
    named, other = (task.locate("train", "en", root=tmp_path / "b", files=elsewhere) for task in (mnli, snli))
    spoken = [
        xnli.locate("validation", code, root=tmp_path / "b", files={"validation": {code: "elsewhere/x.csv"}})
        for code in ("sw", "de")
    ]
    assert official is not None
    assert named is not None
    assert other is not None
    identities = [place.identity(file_sha256) for place in (official, named, other)]
    assert key_of(identities[0]) == key_of(identities[1]) == key_of(identities[2])
    languages = {key_of(place.identity(file_sha256)) for place in spoken if place is not None}
    assert len(languages) == 1
    assert key_of(identities[0]) not in languages, "XNLI refuses pairs without a label, MNLI leaves them out"
    write(tmp_path / "b", "elsewhere/x.csv", NLI.replace("wet", "damp"))
    assert key_of(named.identity(file_sha256)) != key_of(identities[0])
    assert str(tmp_path) not in json.dumps(identities)
    own = declare("mine", OwnTask(kind="classification", labels=("neutral", "contradiction"), text=("premise",)))
    place = own.locate("train", UNKNOWN, root=tmp_path / "a", files={"train": "mnli/train.csv"})
    assert place is not None
    assert key_of(place.identity(file_sha256)) != key_of(identities[0])


def test_files_of_a_recipe(tmp_path: Path) -> None:
    write(tmp_path, "mnli/dev.csv", NLI)
    write(tmp_path, "own/dev-sw.tsv", "a\tb\tneutral\n")
    mnli, xnli = tasks.get("mnli"), tasks.get("xnli")
    assert mnli.locate("train", "en", root=tmp_path) is None  # the development set is no training set unasked
    assert len(read(mnli, "train", "en", tmp_path, {"train": "mnli/dev.csv"})) == 2
    # like the official file of that name: no header line
    assert read(xnli, "validation", "sw", tmp_path, {"validation": "own/dev-{language}.tsv"}) == [
        classification.Example("a", "b", "neutral")
    ]
    with pytest.raises(DataError, match=r"own/dev-ur\.tsv does not exist; did you mean 'dev-sw\.tsv'"):
        xnli.locate("validation", "ur", root=tmp_path, files={"validation": "own/dev-{language}.tsv"})
    one = {"validation": "own/dev-sw.tsv"}
    assert xnli.locate("validation", "sw", root=tmp_path, files=one) is None  # one path is the English file
    assert xnli.locate("validation", "en", root=tmp_path, files=one) is not None
    assert xnli.locate("validation", "de", root=tmp_path, files={"validation": {"sw": "own/dev-sw.tsv"}}) is None
    assert mnli.locate("validation", "en", root=tmp_path, files={"train": "mnli/dev.csv"}) is not None


def xnli_root(root: Path, gold: str | None, blind: bool = True) -> Path:
    texts = ["Er kommt.\tEr ist da.", 'Er "geht".\tEr bleibt.']
    labels = ["neutral", "contradiction"]
    rows = texts if blind else [f"{text}\t{label}" for text, label in zip(texts, labels, strict=True)]
    content = "\r\n".join(rows).replace('Er "geht".', '"Er ""geht""."') + "\r\n"
    write(root, "xnli/test-de.tsv", content)
    if gold is not None:
        write(root, "xnli/xglue-de-test.txt", gold)
    return root


def test_blind_xnli_and_its_gold_file(tmp_path: Path) -> None:
    xnli = tasks.get("xnli")
    blind = read(xnli, "test", "de", xnli_root(tmp_path / "a", None))
    assert [example.label for example in blind] == [None, None]
    assert blind[1].first == 'Er "geht".'
    gold = 'Er kommt.\tEr ist da.\tneutral\nEr "geht".\tEr bleibt.\tcontradiction\n'
    root = xnli_root(tmp_path / "b", gold)
    labelled = read(xnli, "test", "de", root)
    assert [example.label for example in labelled] == ["neutral", "contradiction"]
    place = xnli.locate("test", "de", root=root)
    assert place is not None
    assert [path.name for path in place.paths] == ["test-de.tsv", "xglue-de-test.txt"]
    before = key_of(place.identity(file_sha256))
    write(root, "xnli/xglue-de-test.txt", gold.replace("contradiction", "entailment"))
    assert key_of(place.identity(file_sha256)) != before
    # a labelled test file must agree with it
    agreed = read(xnli, "test", "de", xnli_root(tmp_path / "c", gold, blind=False))
    assert agreed == labelled


@pytest.mark.parametrize(
    ("gold", "blind", "message"),
    [
        ("a\tb\tneutral\n", True, "the file has 1 rows, but .*test-de.tsv has more"),
        ("a\tb\tneutral\n" * 3, True, "the file has more than the 2 rows of"),
        ("a\tb\tneutral\n" * 2, False, "test-de.tsv:2: the label is 'contradiction', but .*:2 has 'neutral'"),
    ],
)
def test_a_gold_file_that_does_not_fit(tmp_path: Path, gold: str, blind: bool, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tasks.get("xnli"), "test", "de", xnli_root(tmp_path, gold, blind))


def test_only_test_files_may_be_blind(tmp_path: Path) -> None:
    write(tmp_path, "panx/test-de.tsv", "Anna\nsingt\n\n")
    assert read(tasks.get("panx"), "test", "de", tmp_path) == [tagging.Example(("Anna", "singt"), None)]
    write(tmp_path, "panx/dev-de.tsv", "Anna\nsingt\n\n")
    with pytest.raises(DataError, match=r"dev-de\.tsv:1: the line has 1 columns, but 2 are declared"):
        read(tasks.get("panx"), "validation", "de", tmp_path)
    write(tmp_path, "mnli/train.csv", "premise,hypothesis\na,b\n")
    with pytest.raises(DataError, match="no column 'label'"):
        read(tasks.get("mnli"), "train", "en", tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    write(tmp_path, "mnli/train.csv", "premise,hypothesis,label\n")
    with pytest.raises(DataError, match=r"train\.csv: there is no example; name data with at least one row"):
        read(tasks.get("mnli"), "train", "en", tmp_path)


def own(tmp_path: Path, name: str, content: str, split: str = "train", **declaration: Any) -> list[Any]:
    write(tmp_path, name, content)
    return read(declare("mine", OwnTask(train_language="en", **declaration)), split, "en", tmp_path, {split: name})


def test_own_classification(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"kind": "classification", "labels": ("good", "bad"), "text": ("t",), "label": "mood"}
    wanted = [classification.Example("a, b", None, "bad")]
    assert own(tmp_path, "x.csv", 't,mood\n"a, b",bad\n', **settings) == wanted
    assert own(tmp_path, "x.tsv", "t\tmood\na, b\tbad\n", **settings) == wanted
    assert own(tmp_path, "x.jsonl", '{"t": "a, b", "mood": "bad"}\n', **settings) == wanted
    assert own(tmp_path, "y.tsv", "bad\ta, b\n", **settings, header=("mood", "t")) == wanted
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress(b't,mood\n"a, b",bad\n'))
    task = declare("mine", OwnTask(**settings))
    assert read(task, "train", UNKNOWN, tmp_path, {"train": "z.csv.gz"}) == wanted
    with pytest.raises(DataError, match=r"x\.csv:3: 'god' is not a label; did you mean 'good'"):
        own(tmp_path, "x.csv", "t,mood\na,bad\nb,god\n", **settings)
    # labels that are digits are words, not codes
    digits = own(
        tmp_path, "x.csv", "t,mood\na,1\n", kind="classification", labels=("1", "0"), text=("t",), label="mood"
    )
    assert digits[0].label == "1"


def test_own_tagging(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"kind": "tagging", "labels": ("O", "B-X")}
    wanted = [tagging.Example(("a", "b"), ("O", "B-X"))]
    assert own(tmp_path, "x.tsv", "a\tO\nb\tB-X\n", **settings) == wanted
    columns = "a _ NN O\nb _ NN B-X\n"
    assert own(tmp_path, "x.conll", columns, **settings, tags=3, separator="whitespace") == wanted
    header = ("word", "lemma", "pos", "ner")
    named = own(
        tmp_path, "x.conll", columns, **settings, header=header, tokens="word", tags="ner", separator="whitespace"
    )
    assert named == wanted
    rows = '{"w": ["a", "b"], "t": ["O", "B-X"]}\n'
    assert own(tmp_path, "x.jsonl", rows, **settings, tokens="w", tags="t") == wanted
    with pytest.raises(DataError, match=r"x\.tsv:2: 'B-Y' is not a label; did you mean 'B-X'"):
        own(tmp_path, "x.tsv", "a\tO\nb\tB-Y\n", **settings)


def test_own_tagging_with_the_tags_of_the_training_data(tmp_path: Path) -> None:
    task = declare("mine", OwnTask(kind="tagging", labels="from training", languages=("de",)))
    write(tmp_path, "train.tsv", "a\tN\nb\tV\n\nc\tN/N\n")
    write(tmp_path, "test.tsv", "a\tNEW\n")
    files = {"train": "train.tsv", "test": {"de": "test.tsv"}}
    train = task.locate("train", UNKNOWN, root=tmp_path, files=files)
    test = task.locate("test", "de", root=tmp_path, files=files)
    assert train is not None
    assert test is not None
    assert task.labels_in(train) == ("N", "N/N", "V")
    assert task.read(test) == [tagging.Example(("a",), ("NEW",))]
    # how a file is read does not depend on what was found in another one
    found = task.model_copy(update={"labels": ("N", "V")})
    again = found.locate("test", "de", root=tmp_path, files=files)
    assert again is not None
    assert again.identity(file_sha256) == test.identity(file_sha256)
    closed = declare("mine", OwnTask(kind="tagging", labels=("N", "NEW"), languages=("de",)))
    other = closed.locate("test", "de", root=tmp_path, files=files)
    assert other is not None
    assert other.identity(file_sha256) != test.identity(file_sha256)


def test_own_choice_and_span(tmp_path: Path) -> None:
    found = own(tmp_path, "x.csv", "q,a,b,label\nWhy,no,yes,1\n", kind="choice", text=("{q}?",), choices=("a", "b"))
    assert found == [choice.Example("Why?", ("no", "yes"), 1)]
    table = "q,right,wrong\nWhy?,yes,no\n"
    found = own(tmp_path, "x.csv", table, kind="choice", text=("q",), choices=("right", "wrong"), label="right")
    assert found == [choice.Example("Why?", ("no", "yes"), 1)]
    row = {"id": "1", "q": "?", "c": "a b", "answers": {"text": ["b"], "answer_start": [2]}}
    assert own(tmp_path, "x.jsonl", json.dumps(row), kind="span", question="q", context="c") == [
        span.Example("1", "?", "a b", (span.Answer("b", 2),))
    ]


def translated(folder: Path, first: str, second: str, **declared: Any) -> list[Any]:
    """Return what a task of one's own reads from two files of lines."""
    write(folder, "a.txt", first)
    write(folder, "b.txt", second)
    task = declare("mine", OwnTask(kind="mlm", train_language="en", **declared))
    location = task.locate("train", "en", root=folder, files={"train": ("a.txt", "b.txt")})
    assert location is not None
    return task.read(location)


def test_own_mlm_of_two_files(tmp_path: Path) -> None:
    both = {"text": ("en", "de")}
    pairs = translated(tmp_path, "One.\nTwo.\n", "Eins.\nZwei.\n\n", **both)
    assert pairs == [mlm.Example("One.", "Eins."), mlm.Example("Two.", "Zwei.")]
    for first, second, declared, message in [
        ("One.\nTwo.\n", "Eins.\n", both, r"b\.txt: the file ends before .*a\.txt:2, but line i must translate line i"),
        ("One.\n", "Eins.\nZwei.\n", both, r"a\.txt: the file ends before .*b\.txt:2"),
        ("One.\n\nTwo.\n", "Eins.\n\nZwei.\n", both, r"a\.txt:2: an empty line between sentences"),
        ("One.\n", "Eins.\n", {"text": ("en", "en")}, r"a\.txt:1: .*b\.txt:1 also has the column 'en'; rename one"),
        ("One.\n", "Eins.\n", {"text": ("en",)}, r"2 paths \(a\.txt, b\.txt\); name one file"),
    ]:
        with pytest.raises(DataError, match=message):
            translated(tmp_path, first, second, **declared)


def test_own_mlm(tmp_path: Path) -> None:
    plain = own(tmp_path, "x.txt", "One.\n\nTwo.\n", kind="mlm", text=("text",))
    assert plain == [mlm.Example("One.", None), mlm.Example("Two.", None)]
    rows = '{"a": "One.", "b": "Eins."}\n{"a": "Two.", "b": null}\n{"a": "Six.", "b": " "}\n'
    mixed = own(tmp_path, "x.jsonl", rows, kind="mlm", text=("a", "b"))
    assert mixed == [mlm.Example("One.", "Eins."), mlm.Example("Two.", None), mlm.Example("Six.", None)]
    assert own(tmp_path, "x.tsv", "a\tb\nOne.\t\n", kind="mlm", text=("a", "b")) == [mlm.Example("One.", None)]
    with pytest.raises(DataError, match=r"x\.jsonl:1: 'a' is empty"):
        own(tmp_path, "x.jsonl", '{"a": " "}\n', kind="mlm", text=("a",))
    with pytest.raises(DataError, match=r"x\.jsonl:1: there is no column 'b'"):
        own(tmp_path, "x.jsonl", '{"a": "One."}\n', kind="mlm", text=("a", "b"))
    with pytest.raises(DataError, match=r"x\.jsonl:1: 'b' is 7, but text is needed"):
        own(tmp_path, "x.jsonl", '{"a": "One.", "b": 7}\n', kind="mlm", text=("a", "b"))


def test_own_languages_and_defaults() -> None:
    task = declare("mine", OwnTask(kind="tagging", labels=("O", "X"), languages=("de", "sw")))
    assert task.metrics == kinds.get("tagging").metrics
    assert task.languages_of("test") == ("de", "sw")
    assert task.languages_of("train") == (), "nothing says it, and English is no default"
    assert task.locate("test", "de", root=None) is None


def test_own_language_of_one_file_is_what_is_said_or_unknown() -> None:
    def spoken(split: str, paths: Any, **declared: Any) -> tuple[str, ...]:
        task = declare("mine", OwnTask(kind="tagging", labels=("O", "X"), **declared))
        return task.languages_of(split, {split: paths})

    for split in ("train", "validation", "test"):
        assert spoken(split, "a.tsv") == (UNKNOWN,)
        assert spoken(split, "a.tsv", train_language="sw") == ("sw",)
        assert spoken(split, {"sw": "a.tsv"}) == ("sw",)
    assert spoken("train", "a.tsv", languages=("sw",)) == (UNKNOWN,), "`languages` are those of its evaluation"
    assert spoken("train", {"sw": "a.tsv"}, train_language="en") == ("sw",)
    assert spoken("test", "a.tsv", languages=("sw",), train_language="en") == ("sw",)
    assert spoken("validation", "a.tsv", languages=("de", "sw")) == (UNKNOWN,)
    assert spoken("validation", "a.tsv", languages=("de", "sw"), train_language="en") == ("en",)
    assert spoken("test", "a.{language}.tsv", languages=("de", "sw")) == ("de", "sw")
    assert spoken("train", "a.{language}.tsv", languages=("sw",)) == ("sw",)
    assert spoken("test", "a.{language}.tsv", train_language="sw") == ("sw",)
    assert spoken("test", "a.{language}.tsv") == ()


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({"kind": "clasification"}, "did you mean 'classification'"),
        ({"kind": "classification", "labels": ("a", "b")}, "`text` has 0 columns, but must have one or two"),
        (
            {"kind": "classification", "labels": ("a",), "text": ("t",)},
            "two or more labels, or `labels: from training`$",
        ),
        ({"kind": "tagging"}, "tagging needs two or more labels, or `labels: from training`"),
        (
            {"kind": "span", "labels": "from training"},
            "are possible only for classification, tagging",
        ),
        ({"kind": "classification", "labels": ("a", "a"), "text": ("t",)}, "a label appears twice"),
        ({"kind": "choice", "text": ("t",)}, "choice needs `choices`"),
        ({"kind": "tagging", "labels": ("O", "X"), "metrics": ("accuracy",)}, "accuracy does not score tagging"),
        ({"kind": "tagging", "labels": ("O", "X"), "metrics": ("seqeval",)}, "did you mean 'seqeval_f1'"),
        ({"kind": "mlm"}, "`text` has 0 columns, but must have one or two"),
        ({"kind": "mlm", "text": ("t",), "metrics": ("mlm_loss",)}, "for mlm_loss lower is better; .*: mlm_accuracy"),
        ({"kind": "tagging", "labels": ("O", "X"), "format": "conl"}, "did you mean 'conll'"),
    ],
)
def test_bad_declarations(declaration: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        declare("mine", OwnTask(**declaration))


def test_a_task_whose_columns_do_not_fit_its_kind() -> None:
    base = {"name": "x", "kind": "classification", "summary": "", "labels": ("a", "b"), "metrics": ("accuracy",)}
    with pytest.raises(DataError, match="has no field 'text'"):
        Task(**base, columns={"text": "t", "first": "f", "label": "l"})
    with pytest.raises(DataError, match="columns: label is missing"):
        Task(**base, columns={"first": "f"})
