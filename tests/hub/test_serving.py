"""Packages predict what the sweep predicted, whichever acts on the one encoder, and refuse what is not theirs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.kinds_of import SHARED
from tests.tolerances import ROUNDING
from transformers import AutoTokenizer, XLMRobertaForSequenceClassification

import layover
from layover import Layover, LayoverError, kinds
from layover.data.formats import Row
from layover.encoder import Encoder
from layover.errors import DataError, ModelError
from layover.identity import file_sha256
from layover.inference.encoders import encoder_for
from layover.inference.predict import predict
from layover.kinds.choice import ChoiceResult
from layover.kinds.classification import ClassificationResult
from layover.kinds.span import SpanResult
from layover.kinds.tagging import TaggingResult
from layover.packages.card import Card, read_card, write_card
from layover.plan import tokenizers
from layover.steps.trained import restore
from layover_sandbox import encoders

if TYPE_CHECKING:
    from tests.conftest import Served

NLI = "mini-stack-sandbox-nli-s1"
PARAPHRASE = "mini-stack-sandbox-nli-sandbox-paraphrase-s1"
MOODS = "mini-stack-sandbox-nli-moods-s1"
QA = "mini-stack-sandbox-nli-sandbox-qa-s1"
COPA = "mini-merge-sandbox-nli-sandbox-copa-s1"
NER = "mini-bn-sandbox-nli-sandbox-ner-s1"
FUSED = "mini-fuse-sandbox-nli-sandbox-completion-sandbox-ner-s1"
ROUTED = "mini-route-sandbox-nli-sandbox-completion-sandbox-qa_open-s1"
CELLS = {
    PARAPHRASE: ("stack", "sandbox/paraphrase"),
    MOODS: ("stack", "moods"),
    QA: ("stack", "sandbox/qa"),
    COPA: ("merge", "sandbox/copa"),
    NER: ("bn", "sandbox/ner"),
    FUSED: ("fuse", "sandbox/ner"),
    ROUTED: ("route", "sandbox/qa_open"),
}
GOLD = {"label", "tags", "answers"}
PAIR = {"premise": "Anna lives in Berlin.", "hypothesis": "Anna lives in Germany."}
WORDS = {"tokens": ["Anna", "lives", "in", "Berlin", "."]}
CHOICES = {"first": "It rained.", "choices": ["The street is wet.", "The street is dry."]}


@pytest.fixture(scope="module")
def loaded(served: Served) -> Layover:
    """Every package of the sweep's cells, and an intermediate, over one encoder."""
    return Layover.load([served.packages / name for name in (NLI, *CELLS)])


def rows_of(kind: str, examples: Sequence[Any]) -> list[dict[str, Any]]:
    """Return examples as rows with the fields of their kind, without gold."""
    values = (kinds.get(kind).to_json(example) for example in examples)
    return [{name: value for name, value in one.items() if name not in GOLD} for one in values]


def copied(served: Served, name: str, to: Path, change: Callable[[Card], Mapping[str, Any]]) -> Path:
    """Return a copy of a package, with some values of its card replaced, and what it rests on beside it."""
    shutil.copytree(served.packages / name, to / name)
    for other in read_card(to / name).needed():
        shutil.copytree(served.packages / other, to / other)
    card = read_card(to / name)
    changed = card.model_copy(update=change(card))
    for file in set(card.files) - set(changed.files):
        (to / name / file).unlink()
    write_card(to / name, changed)
    return to / name


def same(found: Any, prediction: Any) -> bool:
    """Return whether a result says what the sweep predicted."""
    match found:
        case ClassificationResult():
            return bool(found.label == prediction)
        case TaggingResult():
            return list(found.tags) == prediction
        case ChoiceResult():
            return bool(found.index == prediction)
        case SpanResult():
            null = prediction["null_score"]
            scores = [found.score, *([] if null is None else [found.null_score])]
            near = np.allclose(scores, [prediction["score"], *([] if null is None else [null])], atol=1e-4)
            return near and kinds.get("span").answer(prediction) == found.text
    return False


# what is predicted


@pytest.mark.parametrize("language", ["en", "sw"])
@pytest.mark.parametrize("name", CELLS)
def test_a_package_predicts_what_the_sweep_predicted(loaded: Layover, served: Served, name: str, language: str) -> None:
    examples, predictions = served.predicted(*CELLS[name])[language]
    task = loaded.card(name).task
    assert task is not None
    found = loaded.predict(rows_of(task.kind, examples), package=name)
    assert len(found) == len(predictions) >= 6
    for result, prediction in zip(found, predictions, strict=True):
        assert same(result, prediction), (result, prediction)


def test_the_sweep_has_rows_that_are_cut_into_windows_and_parts(served: Served) -> None:
    tokenizer = tokenizers.load(str(encoders.folder_of("sandbox/mini")), None)
    for name in (QA, ROUTED, NER):
        task, (examples, _) = read_card(served.packages / name).task, served.predicted(*CELLS[name])["en"]
        assert task is not None
        settings = {"labels": task.labels, "max_length": task.max_length, "stride": task.stride}
        assert kinds.get(task.kind).encode(examples, tokenizer, **settings).rows > len(examples)


def outputs_of(served: Served, name: str) -> tuple[Any, Any, Any]:
    """Return examples, features and outputs of a cell's English data, from the store instead of the package."""
    from layover.execution import Execution

    card, (examples, _) = read_card(served.packages / name), served.predicted(*CELLS[name])["en"]
    assert card.task is not None
    source = str(encoders.folder_of("sandbox/mini"))
    encoder, head = restore(served.planned.store, card.key, source, None)
    settings = {"labels": card.task.labels, "max_length": card.task.max_length, "stride": card.task.stride}
    features = kinds.get(card.task.kind).encode(examples, tokenizers.load(source, None), **settings)
    if card.task.kind != "tagging":
        return examples, features, predict(encoder, head, features, execution=Execution(device="cpu"))
    logits = []
    with torch.inference_mode():
        for row in range(features.rows):
            ids = features.arrays["ids"][slice(*features.arrays["offsets"][row : row + 2])]
            encoder.need(ids)
            one, length = torch.from_numpy(ids.astype(np.int64))[None], torch.tensor([len(ids)])
            logits.append(head.eval()(encoder.eval()(one, length), length)[0])
    return examples, features, {"logits": torch.cat(logits).numpy()}


def test_the_scores_of_labels_are_the_softmax_of_the_logits(loaded: Layover, served: Served) -> None:
    examples, _, outputs = outputs_of(served, PARAPHRASE)
    found = loaded.predict(rows_of("classification", examples), package=PARAPHRASE)
    expected = torch.from_numpy(outputs["logits"]).softmax(-1).numpy()
    for result, row in zip(found, expected, strict=True):
        assert isinstance(result, ClassificationResult)
        assert tuple(result.scores) == loaded.labels(PARAPHRASE) == ("0", "1")
        assert np.allclose(list(result.scores.values()), row, atol=ROUNDING)
        assert sum(result.scores.values()) == pytest.approx(1)
        assert max(result.scores, key=lambda label: result.scores[label]) == result.label


def test_peft_and_transformers_say_the_same(loaded: Layover, served: Served) -> None:
    folder, source = served.packages / NLI, str(encoders.folder_of("sandbox/mini"))
    model: Any = XLMRobertaForSequenceClassification.from_pretrained(source, num_labels=3, dtype=torch.float32)
    head = load_file(folder / "head.safetensors")
    assert not model.load_state_dict(head, strict=False).unexpected_keys
    model = peft.PeftModel.from_pretrained(model, folder).eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(source)
    pairs = [PAIR, {"premise": "Clara did not wash the coat in summer.", "hypothesis": "The coat was washed."}]
    for pair, result in zip(pairs, loaded.predict(pairs, package=NLI), strict=True):
        with torch.inference_mode():
            logits = model(**tokenizer(pair["premise"], pair["hypothesis"], return_tensors="pt")).logits[0]
        assert isinstance(result, ClassificationResult)
        assert np.allclose(list(result.scores.values()), logits.softmax(-1).numpy(), atol=ROUNDING)


def test_the_scores_of_choices_are_the_softmax_over_them(loaded: Layover, served: Served) -> None:
    examples, _, outputs = outputs_of(served, COPA)
    found = loaded.predict(rows_of("choice", examples), package=COPA)
    expected = torch.from_numpy(outputs["score"]).reshape(len(examples), 2).softmax(-1).numpy()
    for result, row, example in zip(found, expected, examples, strict=True):
        assert isinstance(result, ChoiceResult)
        assert np.allclose(result.scores, row, atol=ROUNDING)
        assert result.choice == example.choices[result.index]


def test_the_score_of_a_tag_is_its_probability_at_the_first_subword_of_its_word(
    loaded: Layover, served: Served
) -> None:
    examples, features, outputs = outputs_of(served, NER)
    found = loaded.predict(rows_of("tagging", examples), package=NER)
    first = np.flatnonzero(features.arrays["word"] >= 0)
    shares = torch.from_numpy(outputs["logits"][first]).softmax(-1).numpy()
    words = [(tag, score) for result in found for tag, score in zip(result.tags, result.scores, strict=True)]
    assert len(words) == len(shares) > 30
    labels = loaded.labels(NER)
    for (tag, score), row in zip(words, shares, strict=True):
        assert score == pytest.approx(row[labels.index(tag)], abs=ROUNDING)
    assert [result.tokens for result in found] == [example.tokens for example in examples]


@pytest.mark.parametrize("name", [QA, ROUTED])
def test_an_answer_stands_where_it_says(loaded: Layover, served: Served, name: str) -> None:
    examples, predictions = served.predicted(*CELLS[name])["en"]
    found = loaded.predict(rows_of("span", examples), package=name)
    for result, example, prediction in zip(found, examples, predictions, strict=True):
        assert isinstance(result, SpanResult)
        assert example.context[result.start : result.end] == prediction["text"]
        assert (result.null_score is None) is (name == QA)
        assert result.text == ("" if (result.null_score or -1e9) > result.score else prediction["text"])


def test_no_answer_leaves_the_best_stretch_visible(served: Served) -> None:
    span, tokenizer = kinds.get("span"), tokenizers.load(str(encoders.folder_of("sandbox/mini")), None)
    example = span.from_json({"id": "1", "question": "Who?", "context": "Anna sleeps.", "answers": None})
    features = span.encode([example], tokenizer, labels=("no answer",), max_length=40, stride=4)
    start = np.zeros(len(features.arrays["ids"]), np.float32)
    start[0] = 5.0
    (result,) = span.results({"start": start, "end": start}, features, [example], labels=("no answer",))
    assert (result.text, result.score, result.null_score) == ("", 0.0, 10.0)
    assert "Anna sleeps."[result.start : result.end]


def test_every_kind_whose_head_is_shared_has_results() -> None:
    for kind in map(kinds.get, SHARED):
        assert kind.result is not None
        assert set(kind.row_fields) == (kind.required | kind.optional) - {kind.gold_field, "id", "names"}


# which package, and what it costs


def test_every_row_has_its_own_package_and_its_place(
    loaded: Layover, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Encoder, "load", lambda *_, **__: pytest.fail("the encoder is in memory"))
    alone: list[tuple[str, dict[str, Any], Any]] = []
    for name, cell in CELLS.items():
        task = loaded.card(name).task
        assert task is not None
        rows = rows_of(task.kind, served.predicted(*cell)["sw"][0])
        alone += [(name, row, result) for row, result in zip(rows, loaded.predict(rows, package=name), strict=True)]
    order = np.random.default_rng(0).permutation(len(alone))
    mixed = [alone[place] for place in order]
    names = [name for name, _, _ in mixed]
    assert len(set(names)) == len(CELLS)
    assert sum(one != two for one, two in pairwise(names)) > len(CELLS)
    found = loaded.predict([row for _, row, _ in mixed], package=names)
    for (_, _, expected), result in zip(mixed, found, strict=True):
        assert_close(result, expected)


def assert_close(one: Any, other: Any) -> None:
    """Hold two results to each other, but for rounding."""
    assert type(one) is type(other)
    for field in one.__dataclass_fields__:
        a, b = getattr(one, field), getattr(other, field)
        if field == "scores" and isinstance(a, dict):
            assert a == pytest.approx(b, abs=ROUNDING)
        elif field in {"scores", "score", "null_score"} and a is not None:
            assert np.allclose(a, b, atol=1e-4)
        else:
            assert a == b


def test_each_package_acts_once_in_a_call(loaded: Layover, monkeypatch: pytest.MonkeyPatch) -> None:
    acted: list[int] = []
    attach = Encoder.attach

    def counted(self: Encoder, pieces: Any) -> None:
        acted.append(len(pieces))
        attach(self, pieces)

    loaded.predict([PAIR], package=NLI)
    monkeypatch.setattr(Encoder, "attach", counted)
    loaded.predict([PAIR, WORDS, PAIR, WORDS, PAIR], package=[NLI, NER, NLI, NER, NLI])
    assert len(acted) == 1, "the package that acts goes first, and the other one follows"
    loaded.predict([WORDS], package=NER)
    assert len(acted) == 1


def test_choices_of_different_numbers_go_together(loaded: Layover) -> None:
    three = {"first": "It rained.", "choices": ["wet", "dry", "hot"]}
    both = loaded.predict([CHOICES, three, CHOICES], package=COPA)
    assert [len(result.scores) for result in both] == [2, 3, 2]
    assert_close(both[0], both[2])
    assert_close(both[1], loaded.predict([three], package=COPA)[0])


def test_the_size_of_batches_changes_nothing(loaded: Layover, served: Served) -> None:
    rows = rows_of("tagging", served.predicted(*CELLS[FUSED])["en"][0])
    for one, other in zip(
        loaded.predict(rows, package=FUSED), loaded.predict(rows, package=FUSED, batch_tokens=1), strict=True
    ):
        assert_close(one, other)


def test_threads_wait_for_each_other(loaded: Layover) -> None:
    expected = {name: loaded.predict([row], package=name)[0] for name, row in ((NLI, PAIR), (NER, WORDS))}
    wrong: list[Any] = []

    def ask(name: str, row: Mapping[str, Any]) -> None:
        for _ in range(15):
            (found,) = loaded.predict([row], package=name)
            if found != expected[name]:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=one) for one in ((NLI, PAIR), (NER, WORDS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# rows


def test_rows_may_be_written_in_several_ways(loaded: Layover) -> None:
    own = {"first": PAIR["premise"], "second": PAIR["hypothesis"], "label": "nonsense", "more": [1]}
    columns, fields = loaded.predict([PAIR, own], package=NLI)
    assert columns == fields
    split, given = loaded.predict(["Anna  lives in\tBerlin .", WORDS], package=NER)
    assert split == given
    assert loaded.predict(iter([PAIR]), package=NLI) == [columns]
    assert loaded.predict([], package=NLI) == []


def test_a_task_of_ones_own_is_read_by_its_own_columns(loaded: Layover, served: Served) -> None:
    task = loaded.card(MOODS).task
    assert task is not None
    assert task.columns == {"first": "said", "second": "meant", "label": "mood"}
    said, first = loaded.predict([{"said": "a", "meant": "b"}, {"first": "a", "second": "b"}], package=MOODS)
    assert said == first
    with pytest.raises(
        DataError, match=r"row 1: the field 'meant' is missing .* moods reads said and meant, or first and"
    ):
        loaded.predict([{"said": "a"}], package=MOODS)


def test_columns_that_no_card_names(served: Served, tmp_path: Path) -> None:
    def renamed(card: Card) -> dict[str, Any]:
        assert card.task is not None
        return {"task": card.task.model_copy(update={"columns": None})}

    model = Layover.load(copied(served, MOODS, tmp_path, renamed))
    two, one, text = model.predict([{"first": "a", "second": "b"}, {"first": "a"}, "a"])
    assert one == text != two
    with pytest.raises(DataError, match="moods reads first and second, or first, or text"):
        model.predict([{"said": "a"}])
    known = Layover.load(copied(served, PARAPHRASE, tmp_path / "known", renamed))
    with pytest.raises(DataError, match="sandbox/paraphrase reads sentence1 and sentence2, or first and second"):
        known.predict([{"first": "a"}])


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        (
            NLI,
            {"premise": "a", "hypotesis": "b"},
            r"row 2: the field 'hypothesis' is missing \('hypotesis': did you mean",
        ),
        (NLI, "a", r"row 2: the field 'premise' is missing \(it has text\); sandbox/nli reads premise and hypothesis"),
        (NLI, {}, r"row 2: .* \(it has none\)"),
        (NLI, 3, "row 2 is of type int"),
        (NLI, {"premise": 3, "hypothesis": "b"}, "row 2: 'premise' is 3, but text is needed"),
        (NLI, {"premise": "a", "hypothesis": None}, "row 2: 'hypothesis' is None, but text is needed"),
        (NLI, {"premise": " \n", "hypothesis": "b"}, "row 2: first is empty"),
        (NLI, {"premise": "a", "hypothesis": "\ud800"}, "row 2: second is not valid text"),
        (NER, {"text": 3}, "row 2: the field 'tokens' is missing"),
        (NER, {"tokens": "Anna lives"}, "row 2: .* a list of texts is needed"),
        (NER, {"tokens": ["Anna", 3]}, "row 2: 'tokens' holds 3, but text is needed"),
        (NER, {"tokens": []}, "row 2: tokens is empty"),
        (NER, " ", "row 2: tokens is empty"),
        (QA, {"question": "Who?"}, "row 2: the field 'context' is missing .* sandbox/qa reads question and context"),
        (QA, {"question": "Who?", "context": ""}, "row 2: context is empty"),
        (COPA, {"first": "a", "choices": ["b"]}, "row 2: 1 choices, but two or more are needed"),
        (COPA, {"first": "a", "choices": "b"}, "row 2: .* a list of texts is needed"),
    ],
)
def test_rows_that_are_wrong(loaded: Layover, name: str, row: Any, message: str) -> None:
    good = {NLI: PAIR, NER: WORDS, QA: {"question": "Who?", "context": "Anna."}, COPA: CHOICES}[name]
    with pytest.raises(DataError, match=message):
        loaded.predict([good, row], package=name)


def test_a_row_of_a_file_is_told_by_its_place(loaded: Layover) -> None:
    with pytest.raises(DataError, match=r"^rows\.jsonl:7: the field 'hypothesis' is missing"):
        loaded.predict([Row({"premise": "a"}, "rows.jsonl", 7)], package=NLI)


@pytest.mark.parametrize("rows", ["a text", PAIR, pd.DataFrame([PAIR]), 3, None, {"a", "b"}])
def test_what_is_no_list_of_rows(loaded: Layover, rows: Any) -> None:
    with pytest.raises(DataError, match="rows: a list of rows is needed"):
        loaded.predict(rows, package=NLI)


def test_packages_that_are_not_there(loaded: Layover) -> None:
    with pytest.raises(DataError, match=f"package: the package 'mini' is not loaded; .*{NLI}"):
        loaded.predict([PAIR], package="mini")
    with pytest.raises(DataError, match=f"package: no package is named; name one of: {NLI}"):
        loaded.predict([PAIR])
    with pytest.raises(DataError, match="package of row 2: the package 'x' is not loaded"):
        loaded.predict([PAIR, PAIR], package=[NLI, "x"])
    with pytest.raises(DataError, match="1 names for 2 rows"):
        loaded.predict([PAIR, PAIR], package=[NLI])
    with pytest.raises(DataError, match="card: no package is named"):
        loaded.card()
    with pytest.raises(DataError, match="labels: the package 'x' is not loaded"):
        loaded.labels("x")
    for tokens in (0, -1, 2.5, True):
        with pytest.raises(DataError, match="batch_tokens"):
            loaded.predict([PAIR], package=NLI, batch_tokens=tokens)  # type: ignore[arg-type]


# what is loaded


def test_one_package_needs_no_name(served: Served) -> None:
    model = Layover.load(str(served.packages / NLI))
    assert model.packages == (NLI,)
    assert model.labels() == ("entailment", "neutral", "contradiction")
    assert model.card().id == NLI
    assert isinstance(model.predict([PAIR])[0], ClassificationResult)


def test_importing_layover_imports_no_torch() -> None:
    code = "import sys, layover; print(sorted({'torch', 'transformers', 'pydantic'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    assert Layover.__module__ == "layover.inference.serving"
    assert set(layover.__all__) == {"Layover", "LayoverError", "__version__", "results", "run"}
    with pytest.raises(AttributeError, match="no attribute 'layover'"):
        _ = layover.layover


def test_what_a_package_rests_on_may_lie_elsewhere(served: Served, tmp_path: Path) -> None:
    shutil.copytree(served.packages / PARAPHRASE, tmp_path / PARAPHRASE)
    with pytest.raises(ModelError, match=rf"needs the package {NLI} .*others"):
        Layover.load(tmp_path / PARAPHRASE)
    expected = Layover.load(served.packages / PARAPHRASE).predict([{"first": "a", "second": "b"}])
    for one in (
        Layover.load(tmp_path / PARAPHRASE, others=[served.packages / NLI]),
        Layover.load(tmp_path / PARAPHRASE, others=str(served.packages / NLI)),
        Layover.load([tmp_path / PARAPHRASE, served.packages / NLI]),
    ):
        assert one.predict([{"first": "a", "second": "b"}], package=PARAPHRASE) == expected


def test_a_package_that_computes_something_else(served: Served, tmp_path: Path) -> None:
    folder = copied(served, NLI, tmp_path, lambda _: {})
    weights = load_file(folder / "head.safetensors")
    save_file({name: value + 0.01 for name, value in weights.items()}, folder / "head.safetensors")
    with pytest.raises(ModelError, match=r"head\.safetensors: its SHA-256 differs from the card"):
        Layover.load(folder, check=False)
    card = read_card(folder)
    files = {**card.files, "head.safetensors": file_sha256(folder / "head.safetensors")}
    write_card(folder, card.model_copy(update={"files": files}))
    with pytest.raises(ModelError, match=r"its probe gives numbers that differ .* on the encoder of its training"):
        Layover.load(folder)
    assert Layover.load(folder, check=False).predict([PAIR])


def test_another_encoder_of_the_same_sizes(served: Served, tmp_path: Path) -> None:
    mini = encoders.folder_of("sandbox/mini")
    assert mini is not None
    shutil.copytree(mini, tmp_path / "encoder")
    Layover.load(served.packages / NLI, base=str(tmp_path / "encoder"))
    weights = load_file(mini / "model.safetensors")
    save_file({name: value * 1.1 for name, value in weights.items()}, tmp_path / "encoder" / "model.safetensors")
    with pytest.raises(ModelError, match=r"encoder is not the encoder of its training, sandbox/mini"):
        Layover.load(served.packages / NLI, base=str(tmp_path / "encoder"))


def test_encoders_that_do_not_fit(served: Served, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="belongs to an encoder of another size"):
        Layover.load(served.packages / NLI, base="sandbox/small")
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        Layover.load(served.packages / NLI, base=str(tmp_path))
    folder = copied(
        served, NLI, tmp_path, lambda card: {"base": card.base.model_copy(update={"tokenizer_sha256": "0" * 64})}
    )
    for check in (True, False):
        with pytest.raises(ModelError, match="was trained with another tokenizer"):
            Layover.load(folder, check=check)


def test_packages_that_do_not_go_together(served: Served, tmp_path: Path) -> None:
    folder = copied(
        served, NER, tmp_path, lambda card: {"base": card.base.model_copy(update={"weights_sha256": "0" * 64})}
    )
    with pytest.raises(ModelError, match=f"belongs to another encoder than .*{NER}"):
        Layover.load([served.packages / COPA, folder], check=False)
    other = copied(
        served, NLI, tmp_path, lambda card: {"base": card.base.model_copy(update={"weights_sha256": "0" * 64})}
    )
    with pytest.raises(ModelError, match=f"{NLI}: belongs to another encoder than .*{COPA}"):
        Layover.load([served.packages / COPA, other], check=False)
    with pytest.raises(ModelError, match="belong to different encoders"):
        Layover.load([served.packages / NER, other], check=False)
    with pytest.raises(ModelError, match=f"two packages are called {NLI}"):
        Layover.load([served.packages / NLI, served.packages / NLI])
    with pytest.raises(ModelError, match="no package is given"):
        Layover.load([])
    with pytest.raises(ModelError, match="this folder does not exist"):
        Layover.load(tmp_path / "nowhere")


@pytest.mark.parametrize("mixture", [True, False])
def test_a_package_without_a_head_predicts_nothing(served: Served, tmp_path: Path, mixture: bool) -> None:
    def beheaded(card: Card) -> dict[str, Any]:
        files = {name: digest for name, digest in card.files.items() if not name.startswith("head")}
        probe = card.probe.model_copy(update={"outputs": None})
        return {"files": files, "task": None if mixture else card.task, "probe": probe}

    with pytest.raises(ModelError, match=f"{NLI} has no head .*cannot predict"):
        Layover.load(copied(served, NLI, tmp_path, beheaded))


def test_the_numbers_are_those_of_the_card(served: Served, tmp_path: Path) -> None:
    rows = [PAIR, {"premise": "It is not so.", "hypothesis": "It is so."}]
    exact = Layover.load(served.packages / NLI).predict(rows)
    rounded = Layover.load(served.packages / NLI, precision="bf16").predict(rows)
    assert rounded != exact
    for one, other in zip(exact, rounded, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=0.05)  # type: ignore[union-attr]
    folder = copied(served, NLI, tmp_path, lambda _: {"precision": "bf16"})
    assert Layover.load(folder).predict(rows) == rounded
    assert Layover.load(folder, precision="fp32").predict(rows) == exact
    with pytest.raises(ModelError, match=f"{COPA} was trained in fp32 and {NLI} in bf16"):
        Layover.load([served.packages / COPA, folder])
    assert len(Layover.load([served.packages / COPA, folder], precision="bf16").packages) == 2


def test_a_probe_is_held_in_fp32_whatever_the_precision(served: Served, tmp_path: Path) -> None:
    def moved(card: Card) -> dict[str, Any]:
        outputs = {"logits": tuple(value + 1e-3 for value in (card.probe.outputs or {})["logits"])}
        return {"probe": card.probe.model_copy(update={"outputs": outputs})}

    folder = copied(served, NLI, tmp_path, moved)
    for precision in ("fp32", "bf16", "int8"):
        with pytest.raises(ModelError, match=r"its probe gives numbers that differ by 0\.001"):
            Layover.load(folder, precision=precision)  # type: ignore[arg-type]
    assert Layover.load(folder, precision="int8", check=False).predict([PAIR])


def test_layers_that_go_without_modules(served: Served, tmp_path: Path) -> None:
    folder = copied(served, PARAPHRASE, tmp_path, lambda _: {"skipped_layers": 3})
    with pytest.raises(ModelError, match="its probe gives numbers that differ"):
        Layover.load(folder)
    pair = {"first": "a", "second": "b"}
    (whole,) = Layover.load(served.packages / PARAPHRASE).predict([pair])
    both = Layover.load([folder, served.packages / NLI], check=False)
    assert both.predict([pair], package=PARAPHRASE) != [whole]
    # it says nothing about the package after it
    (after,) = both.predict([PAIR], package=NLI)
    assert_close(after, Layover.load(served.packages / NLI).predict([PAIR])[0])


def test_settings_that_are_wrong(served: Served) -> None:
    with pytest.raises(ModelError, match="does not work with an encoder loaded in int8"):
        Layover.load(served.packages / COPA, precision="int8")  # merged, and so folded into its weights
    with pytest.raises(ModelError, match=r"precision: float16 is not offered: .*; use bf16"):
        Layover.load(served.packages / NLI, precision="fp16")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="precision: 'bf61' is unknown; did you mean 'bf16'"):
        Layover.load(served.packages / NLI, precision="bf61")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"precision tf32: it needs a GPU .*, but the device is cpu; use fp32"):
        Layover.load(served.packages / NLI, precision="tf32")
    with pytest.raises(ModelError, match="device: 'gpu' is not a device"):
        Layover.load(served.packages / NLI, device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="device: cuda is not available here"):
            Layover.load(served.packages / NLI, device="cuda")


def test_no_encoder_is_loaded_because_a_card_names_it(served: Served) -> None:
    def card(name: str | None, revision: str | None) -> Card:
        found = read_card(served.packages / NLI)
        return found.model_copy(update={"base": found.base.model_copy(update={"name": name, "revision": revision})})

    commit = "a" * 40
    assert encoder_for(card("sandbox/mini", None), None) == (str(encoders.folder_of("sandbox/mini")), None)
    assert encoder_for(card("FacebookAI/xlm-roberta-base", commit), None) == ("FacebookAI/xlm-roberta-base", commit)
    for name, revision in (("evil/model", commit), (None, None), ("FacebookAI/xlm-roberta-base", None)):
        with pytest.raises(LayoverError, match=r"(use|with) --base"):
            encoder_for(card(name, revision), None)
    assert encoder_for(card("evil/model", commit), "evil/model") == ("evil/model", commit)
    assert encoder_for(card("evil/model", commit), "mine/model") == ("mine/model", None)
