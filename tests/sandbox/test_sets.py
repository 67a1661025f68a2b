"""Every data set on disk: written, read back by the ordinary readers, right by construction."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.thorough import THOROUGH

from layover import kinds, tasks
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover_sandbox import encoders, files, languages, sets
from layover_sandbox.inference import LABELS
from layover_sandbox.meaning import City, Clause, Name, Thing
from layover_sandbox.sampling import names_somebody, split_of
from layover_sandbox.sets._tagged import Utterance
from layover_sandbox.sets.completion import Story
from layover_sandbox.sets.copa import Alternatives
from layover_sandbox.sets.nli import Pair
from layover_sandbox.sets.paraphrase import Paraphrase
from layover_sandbox.sets.pretraining import PAIRED
from layover_sandbox.sets.qa import Question
from layover_sandbox.sets.qa_long import SENTENCES as SENTENCES_OF_LONG
from layover_sandbox.sets.similarity import SLOTS, Similar, agreement
from layover_sandbox.sets.text import Passage
from layover_sandbox.sets.topics import TOPICS, TopicText, touched
from layover_sandbox.supertags import supertags

NAMES = sets.names()
TASKS = [name for name in tasks.names() if name.startswith("sandbox/")]
SMALLER = 40
SHORTER = (30, 40)
"""Sentences of a long document, where its length is not the point."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep everything in a folder of the test, and every data set small."""
    monkeypatch.setenv("LAYOVER_CACHE", str(tmp_path))
    for name in NAMES:
        data = sets.get(name)
        few = 4 if "long" in name else SMALLER
        monkeypatch.setattr(type(data), "sizes", dict.fromkeys(data.sizes, few))
    # pairs over documents without repetitions are drawn for seconds each
    monkeypatch.setattr(type(sets.get("nli_long")), "sentences", SHORTER)
    return tmp_path


def read(name: str, split: str, language: str) -> list[Any]:
    task = tasks.get(f"sandbox/{name}")
    location = task.locate(split, language, root=None)
    assert location is not None
    return task.read(location)


def test_every_data_set_is_a_task_and_every_task_a_data_set() -> None:
    assert sorted(name.removeprefix("sandbox/") for name in TASKS) == sorted(NAMES)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_reads_what_its_data_set_writes(name: str) -> None:
    task = tasks.get(name)
    kind = kinds.get(task.kind)
    for split, spoken in task.languages.items():
        chosen = spoken if split == "test" else spoken[:1]
        sizes = set()
        for language in chosen:
            examples = read(name.removeprefix("sandbox/"), split, language)
            assert all(kind.has_gold(example) for example in examples)
            sizes.add(len(examples))
        assert len(sizes) == 1


@pytest.mark.parametrize("name", NAMES)
def test_files_are_functions_of_the_seed(name: str, small: Path) -> None:
    data = sets.get(name)
    split = "test"
    task = tasks.get(f"sandbox/{name}")
    language = task.languages_of(split)[0]
    first, again, other = (data.files(data.meanings(split, seed, language), split, language) for seed in (1, 1, 2))
    assert first == again
    assert first.keys() == other.keys()
    assert first != other
    assert data.path(split, language) in first


def test_the_cached_files_are_whole_and_made_once(small: Path) -> None:
    folder = files.ensure("nli", "test", "en")
    file = folder / sets.get("nli").path("test", "en")
    before = file.stat().st_mtime_ns
    assert files.ensure("nli", "test", "en") == folder
    assert file.stat().st_mtime_ns == before
    assert small in folder.parents
    assert [left.name for left in folder.rglob(".new-*")] == []
    assert folder.name == files.version()


def test_a_folder_that_cannot_be_written(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (small / "file").write_text("no folder")
    monkeypatch.setenv("LAYOVER_CACHE", str(small / "file"))
    with pytest.raises(DataError, match="name another folder with LAYOVER_CACHE"):
        files.ensure("nli", "test", "en")


def test_a_recipes_own_file_goes_first(tmp_path: Path) -> None:
    own = tmp_path / "mine.tsv"
    own.write_text("A cat slept.\tA cat slept.\tneutral\n")
    task = tasks.get("sandbox/nli")
    location = task.locate("test", "en", root=tmp_path, files={"test": {"en": "mine.tsv"}})
    assert location is not None
    assert [example.label for example in task.read(location)] == ["neutral"]


def test_all_languages_say_the_same_in_the_same_order() -> None:
    for name in ("nli", "paraphrase", "copa", "completion", "commonsense", "similarity", "topics"):
        golds = [[example.label for example in read(name, "test", code)] for code in languages.names()]
        assert all(gold == golds[0] for gold in golds)


def test_inference_is_balanced_and_splits_are_disjoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nli", "anli"):
        data = sets.get(name)
        monkeypatch.setattr(type(data), "sizes", {"train": 180, "validation": 90, "test": 90})
        drawn = {split: data.meanings(split, 1) for split in data.sizes}
        for split, pairs in drawn.items():
            assert all(split_of(clause) == split for pair in pairs for clause in pair.premise)
            assert all(pair.hypothesis not in pair.premise for pair in pairs)
            shares = Counter(pair.label for pair in pairs)
            assert set(shares) == set(LABELS)
            assert min(shares.values()) > 0.25 * len(pairs)


@pytest.mark.parametrize("code", languages.names())
def test_answers_stand_where_they_are_said_to(code: str) -> None:
    for name in ("qa", "qa_open", "qa_long"):
        for example in read(name, "test", code):
            assert example.answers is not None
            assert example.answers or name == "qa_open"
            for answer in example.answers:
                assert answer.text
                assert example.context[answer.start : answer.start + len(answer.text)] == answer.text
    answered = [bool(example.answers) for example in read("qa_open", "test", code)]
    assert 0 < sum(answered) < len(answered)


def clauses_of(passage: Passage | Utterance) -> list[Clause]:
    """Return all that a passage says of particular people and things."""
    said = passage if isinstance(passage, Utterance) else passage.utterance
    found = [] if isinstance(passage, Utterance) else list(passage.clauses)
    found += [] if said is None else [said.clause, *([said.reason] if said.reason else [])]
    return [clause for clause in found if clause.time or names_somebody(clause)]


def test_no_training_text_tells_what_a_test_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = set()
    for name in ("text", "pretraining", "parallel"):
        data = sets.get(name)
        monkeypatch.setattr(type(data), "sizes", dict.fromkeys(data.sizes, 3_000))
        for passage in data.meanings("train", 1, "en"):
            trained.update(clauses_of(passage))
    for name in ("aligned", "mined", "pos", "ner", "ccg"):
        data = sets.get(name)
        monkeypatch.setattr(type(data), "sizes", dict.fromkeys(data.sizes, 500))
        assert not trained & {said.clause for said in data.meanings("test", 1)}
    for name in ("nli", "anli"):
        assert not trained & {clause for pair in sets.get(name).meanings("test", 1) for clause in pair.premise}
    for name in ("qa", "qa_open"):
        assert not trained & {clause for item in sets.get(name).meanings("test", 1) for clause in item.sentences}
    assert not trained & {story.cause for story in sets.get("completion").meanings("test", 1)}
    assert not trained & {item.premise for item in sets.get("copa").meanings("test", 1)}


def test_long_documents_have_a_thousand_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sets.get("nli_long")), "sentences", SENTENCES_OF_LONG)
    folder = encoders.folder_of("sandbox/mini")
    assert folder is not None
    tokenizer = Tokenizer.load(folder)
    texts = [example.context for example in read("qa_long", "test", "en")]
    texts += [example.first for example in read("nli_long", "test", "en")]
    pieces = tokenizer.pieces(texts)
    assert min(len(pieces[text].ids) for text in texts) > 1_000


@pytest.mark.parametrize("code", languages.names())
def test_names_begin_with_b(code: str) -> None:
    tagged = read("ner", "test", code)
    assert {tag for example in tagged for tag in example.tags} > {"O", "B-PER", "B-LOC"}
    for example in tagged:
        for before, tag in zip(("O", *example.tags), example.tags, strict=False):
            if tag.startswith("I-"):
                assert before in {f"B-{tag[2:]}", tag}


ANNA, OMAR, BOOK = Name("anna"), Name("omar"), Thing("book")
SUPERTAGS = (
    (Utterance(Clause("give", ANNA, BOOK, OMAR)), r"Anna/NP gave/((S\NP)/PP)/NP the/NP/N book/N to/PP/NP Omar/NP ./."),
    (Utterance(Clause("sleep", ANNA, time="monday"), time_first=True), r"On/(S/S)/NP Monday/NP Anna/NP slept/S\NP ./."),
    (
        Utterance(Clause("state", ANNA, property="tired"), reason=Clause("sleep", OMAR, negated=True)),
        r"Anna/NP was/(S\NP)/AP tired/AP because/(S\S)/S Omar/NP did/(S\NP)/(S\NP) not/(S\NP)/(S\NP) sleep/S\NP ./.",
    ),
    (Utterance(Clause("read", ANNA, BOOK), role="object"), r"What/S[wq]/S[q] did/(S\NP)/(S\NP) Anna/NP read/S\NP ?/."),
)


@pytest.mark.parametrize(("said", "wanted"), SUPERTAGS)
def test_supertags_of_english(said: Utterance, wanted: str) -> None:
    sentence = said.sentence(languages.get("en"))
    pairs = zip(sentence.tokens, supertags(sentence), strict=True)
    assert " ".join(f"{token.text}/{tag}" for token, tag in pairs) == wanted


def test_every_choice_question_has_one_right_answer() -> None:
    from layover_sandbox.sampling import facts
    from layover_sandbox.sets.commonsense import others

    for fact in facts():
        wrong = others(fact)
        assert len(set(wrong)) == len(wrong) >= 4
        assert fact.subject not in wrong
        assert fact.value not in wrong


def test_aligned_lines_translate_each_other(small: Path) -> None:
    folder = files.ensure("aligned", "test", "de")
    german = (folder / "aligned/test.de-en.de").read_text().splitlines()
    english = (folder / "aligned/test.de-en.en").read_text().splitlines()
    assert len(german) == len(english) == len(set(english))


def test_mined_gold_names_lines_of_both_sides(small: Path) -> None:
    folder = files.ensure("mined", "test", "de")
    sides = [
        dict(line.split("\t") for line in (folder / f"mined/de-en.test.{code}").read_text().splitlines())
        for code in ("de", "en")
    ]
    gold = [line.split("\t") for line in (folder / "mined/de-en.test.gold").read_text().splitlines()]
    assert len(gold) == SMALLER // 3
    assert all(one in sides[0] and other in sides[1] for one, other in gold)


def test_pretraining_text_is_of_every_language_and_most_of_it_translated(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(sets.get("pretraining")), "sizes", {"train": 1_000})
    folder = files.ensure("pretraining", "train", "mul")
    rows = [json.loads(line) for line in (folder / "pretraining/train-mul.jsonl").read_text().splitlines()]
    paired = sum(bool(row["translation"]) for row in rows)
    assert paired / len(rows) == pytest.approx(PAIRED, abs=0.05)
    own = {code: {passage.text(languages.get(code)) for passage in _pretrained()} for code in languages.names()}
    assert all(sum(row["text"] in texts for row in rows) > 50 for texts in own.values())


def test_parallel_text_has_every_language_in_turn_and_each_alone() -> None:
    folder = files.ensure("parallel", "validation", "mul")
    files.ensure("parallel", "validation", "tr")
    of = {
        code: [json.loads(line) for line in (folder / f"parallel/validation-{code}.jsonl").read_text().splitlines()]
        for code in ("mul", "tr")
    }
    shares = Counter(row["language"] for row in of["mul"])
    assert set(shares) == set(languages.names()) - {"en"}
    assert max(shares.values()) - min(shares.values()) <= 1
    assert [row["text"] for row in of["mul"]] == [row["text"] for row in of["tr"]]
    turkish = [number for number, row in enumerate(of["mul"]) if row["language"] == "tr"]
    assert [of["mul"][number] for number in turkish] == [of["tr"][number] for number in turkish]
    meanings = sets.get("parallel").meanings("validation", files.SEED)
    assert [row["translation"] for row in of["tr"]] == [said.sentence(languages.get("tr")).text for said in meanings]


def _pretrained() -> list[Passage]:
    return sets.get("pretraining").meanings("train", files.SEED, "mul")


def test_no_training_set_tells_what_a_test_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        few = 4 if THOROUGH else 1
        monkeypatch.setattr(type(sets.get(name)), "sizes", {"train": 150 * few, "validation": 100, "test": 50 * few})
    told = {split: set().union(*(said_in(name, split) for name in SENTENCES)) for split in ("train", "test")}
    shared = told["train"] & told["test"]
    assert not {clause for clause in shared if names_somebody(clause) or clause.time}


SENTENCES = (
    "nli",
    "anli",
    "paraphrase",
    "qa",
    "qa_open",
    "completion",
    "copa",
    "ner",
    "pos",
    "ccg",
    "aligned",
    "mined",
    "similarity",
    "topics",
)


def said_in(name: str, split: str) -> set[Clause]:
    """Everything that the examples of a data set state."""
    data = sets.get(name)
    if split not in data.sizes:
        return set()
    found: set[Clause] = set()
    for item in data.meanings(split, 3):
        if isinstance(item, Pair):
            found |= {*item.premise, item.hypothesis}
        elif isinstance(item, Paraphrase):
            found |= {item.first, item.second}
        elif isinstance(item, Question):
            found |= set(item.sentences)
        elif isinstance(item, Story):
            found |= {item.setting, item.cause, *item.endings}
        elif isinstance(item, Alternatives):
            found |= {item.premise, *item.choices}
        elif isinstance(item, Similar):
            found |= {item.first, item.second}
        elif isinstance(item, TopicText):
            found |= set(item.sentences)
        elif isinstance(item, Utterance) and item.role is None:
            found |= {item.clause, *([item.reason] if item.reason else [])}
    return found


def test_equally_built_claims_of_the_adversarial_mix_have_all_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    anli = sets.get("anli")
    monkeypatch.setattr(type(anli), "sizes", {"train": 900})
    found = anli.meanings("train", 1)
    verbs = Counter((pair.hypothesis.predicate, pair.hypothesis.negated, pair.label) for pair in found)
    times = Counter((pair.hypothesis.negated, pair.label) for pair in found)
    for predicate, negated in {(verb, negated) for verb, negated, _ in verbs}:
        seen = [verbs[predicate, negated, label] for label in LABELS]
        assert max(seen) - min(seen) <= 1, predicate
    # of 300 of each label
    assert max(times[True, label] for label in LABELS) - min(times[True, label] for label in LABELS) < 30


FULL = Clause("read", ANNA, BOOK, place=City("rome"), time="monday")


@pytest.mark.parametrize(
    ("changed", "score"),
    [
        ({}, 5),
        ({"subject": OMAR}, 4),
        ({"predicate": "find"}, 4),
        ({"object": Thing("map")}, 4),
        ({"object": Thing("book", "old")}, 4.5),
        ({"object": Thing("book", count=3, definite=False)}, 4.5),
        ({"object": Thing("book", definite=False)}, 5),  # which four of the languages do not tell apart
        ({"place": City("lima"), "time": "tuesday"}, 3),
        ({"subject": OMAR, "predicate": "lose", "object": Thing("map"), "place": City("lima"), "time": "2015"}, 0),
    ],
)
def test_similarity_counts_what_two_sentences_share(changed: dict[str, Any], score: float) -> None:
    assert agreement(FULL, replace(FULL, **changed)) == agreement(replace(FULL, **changed), FULL) == score


def test_every_degree_of_similarity_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sets.get("similarity")
    monkeypatch.setattr(type(data), "sizes", {"train": 400})
    pairs = data.meanings("train", 1)
    shares = Counter(int(pair.score()) for pair in pairs)
    assert all(shares[score] > 0.1 * len(pairs) for score in range(6))
    assert all(
        getattr(clause, slot) is not None for pair in pairs for clause in (pair.first, pair.second) for slot in SLOTS
    )
    for code in languages.names():
        rows = data.render(pairs, "train", languages.get(code)).splitlines()
        assert len(rows) == len(pairs)
        equal = [pair for pair, row in zip(pairs, rows, strict=True) if len(set(row.split(",")[:2])) == 1]
        assert not equal, code


@pytest.mark.parametrize(
    ("clause", "topics"),
    [
        (FULL, {"reading"}),
        (Clause("sleep", ANNA), set()),
        (Clause("buy", Thing("baker"), Thing("apple")), {"food", "trade", "work"}),
        (Clause("state", Thing("dog"), property="hungry"), {"animals", "mood"}),
        (Clause("state", Thing("shirt"), property="wet"), {"clothes"}),
        (Clause("rain", time="monday"), {"weather"}),
        (Clause("isa", ANNA, property="doctor"), {"work"}),
        (Clause("travel", ANNA, third=City("rome")), {"traffic"}),
        (Clause("open", ANNA, Thing("door"), negated=True), {"household"}),
    ],
)
def test_topics_of_a_sentence(clause: Clause, topics: set[str]) -> None:
    assert touched(clause) == topics


def test_every_topic_is_met_and_some_texts_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sets.get("topics")
    monkeypatch.setattr(type(data), "sizes", {"train": 400})
    texts = [text.topics() for text in data.meanings("train", 1)]
    shares = Counter(topic for topics in texts for topic in topics)
    assert set(shares) == set(TOPICS) == set(tasks.get("sandbox/topics").labels)
    assert min(shares.values()) >= 8
    assert {len(topics) for topics in texts} >= {0, 1, 2, 3}
