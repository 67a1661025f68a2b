"""Cards of packages that are trained on data of one's own: every sentence is about these."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from layover import Layover
from layover.hub import index
from layover.hub.verify import verify
from layover.packages.card import read_card

TASK = 'my "task": *a/b* | <c>'
BLOCK = re.compile(r"^```python (\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PLAIN, STACKED, BELOW = "mini-bf-my", "mini-bn-sandbox-nli-my", "mini-bn-sandbox-nli-s1"
IMPORTED, FOREIGN = "mini-warm-mine", "mini-warm-theirs"


def folder(own: Path, begin: str) -> Path:
    (found,) = own.glob(f"{begin}*")
    return found


def readme(own: Path, begin: str) -> str:
    return (folder(own, begin) / "README.md").read_text(encoding="utf-8")


def metadata(own: Path, begin: str) -> dict[str, Any]:
    found: dict[str, Any] = ModelCard(readme(own, begin)).data.to_dict()
    return found


def test_data_of_ones_own_are_not_the_sandboxs(own: Path) -> None:
    text = readme(own, PLAIN)
    assert "The encoder comes from Layover's sandbox" in text
    assert "The data do not come from the sandbox." in text
    assert "do not compare these scores with those of larger encoders." in text
    assert {one.sandbox for one in read_card(folder(own, PLAIN)).data} == {False}


def test_some_data_are_the_sandboxs(own: Path) -> None:
    text, card = readme(own, STACKED), read_card(folder(own, STACKED))
    assert [one.sandbox for one in card.data] == [True, False]
    assert "The data of **sandbox/nli** come from Layover's sandbox" in text
    assert "The other data do not." in text
    assert "The encoder and the data" not in text


def test_all_data_are_the_sandboxs(own: Path) -> None:
    text = readme(own, BELOW)
    assert "The encoder and the data come from Layover's sandbox: a small model of a small generated world.\n" in text
    assert "The scores are real" not in text  # it has none


def test_the_page_of_all_packages_is_no_demonstration(own: Path) -> None:
    text = (own / index.PAGE).read_text(encoding="utf-8")
    assert index.DEMONSTRATIONS not in text
    assert 'my "task": \\*a/b\\* \\| \\<c\\>' in text


def test_languages_that_a_hub_takes(own: Path) -> None:
    assert metadata(own, PLAIN)["language"] == ["de", "en"]
    assert "The metadata at the head of this page leave out `dialect_one`:" in readme(own, PLAIN)
    assert "leave out" not in readme(own, STACKED.replace("my", "s1"))


def test_the_language_of_the_training_is_never_zero_shot(own: Path) -> None:
    text = readme(own, PLAIN)
    rows = re.findall(r"^\| ([^|*]+) \| [\d.]+ \| 6 \|$", text, re.MULTILINE)
    assert sorted(rows) == ["de-en, zero-shot", "dialect_one", "eng_Latn, trained"]
    assert "The name does not show whether `dialect_one` is the language of the training, `en`." in text
    results = {one.dataset_config: one.metric_name for one in ModelCard(text).data.eval_results or ()}
    assert results == {"de-en": "accuracy, zero-shot", "dialect_one": "accuracy", "eng_Latn": "accuracy"}


def test_the_task_that_was_scored_is_named(own: Path) -> None:
    card = read_card(folder(own, PLAIN))
    assert card.scores is not None
    assert card.scores.task == TASK
    assert {one.language for one in card.scores.data} == {"de-en", "dialect_one", "eng_Latn"}
    text = readme(own, PLAIN)
    assert 'The scores are on the test split of **my "task": \\*a/b\\* | \\<c\\>**, for exactly these weights' in text
    names = {one.dataset_name for one in ModelCard(text).data.eval_results or ()}
    assert names == {f"{TASK} ({language})" for language in ("de-en", "dialect_one", "eng_Latn")}
    assert {one.dataset_type for one in ModelCard(text).data.eval_results or ()} == {TASK}


@pytest.mark.parametrize("begin", [PLAIN, STACKED, IMPORTED])
def test_names_are_no_markup(own: Path, begin: str) -> None:
    body = readme(own, begin).split("---\n", 2)[2]
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    inline = [child for token in tokens for child in token.children or []]
    assert not [token for token in [*tokens, *inline] if token.type.startswith("html")]
    cells = ["".join(child.content for child in token.children or []) for token in tokens if token.type == "inline"]
    assert (TASK in cells) == (begin != IMPORTED)  # the task's cell in the table of data, whole
    assert {token.map[0] for token in tokens if token.type == "heading_open" and token.tag == "h1" and token.map} == {1}


def test_what_was_imported_is_told(own: Path) -> None:
    mine, theirs = readme(own, IMPORTED), readme(own, FOREIGN)
    title = 'my "task": \\*a/b\\* | \\<c\\>'
    assert f"sandbox/paraphrase after {title}: a warm-started LoRA on sandbox/mini." in mine
    assert f"that first learned **{title}** and then **sandbox/paraphrase**" in mine
    assert "that first learned **unknown tasks** and then **sandbox/paraphrase**" in theirs
    for begin, text in ((IMPORTED, mine), (FOREIGN, theirs)):
        assert "The imported modules were trained on other data, which are not listed here." in text
        assert "The encoder and the data" not in text
        assert "license" not in metadata(own, begin)  # the licence of what was imported is not known
    assert metadata(own, BELOW)["license"] == "apache-2.0"
    assert "The imported modules" not in readme(own, STACKED)


def test_a_warm_up_in_steps(own: Path) -> None:
    assert "warm-up over 2 steps" in readme(own, PLAIN)


def test_packages_are_what_their_cards_say(own: Path) -> None:
    for begin in (PLAIN, STACKED, BELOW, IMPORTED, FOREIGN):
        states = {found.state for found in verify(folder(own, begin)).results}
        assert "FAIL" not in states
        assert "ok" in states


@pytest.mark.parametrize(
    ("begin", "library"),
    [(PLAIN, "peft"), (STACKED, "adapters")],
)
def test_programs_compute_in_the_numbers_that_the_card_says(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], begin: str, library: str
) -> None:
    """A package of bf16: the program for another library computes in fp32, that for Layover in bf16."""
    if library == "adapters":
        pytest.importorskip("adapters", reason="the extra `adapterhub` is not installed", exc_type=ImportError)
    text = readme(own, begin)
    assert "The package was trained and scored in `bf16`, and Layover predicts in this precision;" in text
    assert f"The program for {library} computes in `fp32`, as the probe does: the outputs differ by rounding" in text
    monkeypatch.chdir(own)
    there: dict[str, Any] = {"__name__": "program"}
    exec(compile(dict(BLOCK.findall(text))[library], begin, "exec"), there)  # noqa: S102 - our own
    other = there["logits"].softmax(-1)[0].tolist()
    rows = [{"first": there["first"]}]
    name = folder(own, begin).name
    same = Layover.load(name, precision="fp32").predict(rows)[0]
    card = Layover.load(name).predict(rows)[0]
    assert list(same.scores.values()) == pytest.approx(other, abs=1e-5)  # type: ignore[union-attr, arg-type]
    differences = [abs(a - b) for a, b in zip(card.scores.values(), other, strict=True)]  # type: ignore[union-attr, arg-type]
    assert 1e-5 < max(differences) < 1e-2
    assert capsys.readouterr().out.strip() in {"bad", "good"}
