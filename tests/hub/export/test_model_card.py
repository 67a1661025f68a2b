"""README.md of a package: true numbers, metadata that a hub reads."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from ruamel.yaml import YAML
from tests.hub.export.test_programs import blocks, cards

from layover.errors import ModelError
from layover.hub.libraries import adapters_refuses, peft_refuses
from layover.hub.model_card import PICTURE, markdown, metadata, plot, results
from layover.inference.rows import RowReader, row_of
from layover.kinds.choice import OPENING, opening
from layover.packages.card import Card, read_card
from layover.packages.opened import open_module

STACK = "mini-stack-sandbox-nli-sandbox-paraphrase-s1"
INTERMEDIATE = "mini-stack-sandbox-nli-s1"


def test_only_tasks_that_read_windows_say_so(exported: Path, name: str) -> None:
    task = read_card(exported / name).task
    windows = task is not None and task.kind in {"span", "tagging"}
    said = "Only Layover reads an input of more than 64 tokens, in windows; the other programs cut it."
    assert (said in (exported / name / "README.md").read_text(encoding="utf-8")) == windows


def test_choices_are_asked_for_in_the_form_of_their_task(exported: Path) -> None:
    for card in cards(exported):
        if card.task is not None and card.task.kind == "choice" and card.probe.outputs is not None:
            for program in blocks(exported / card.id).values():
                assert ("What was the cause?" in program) == (card.task.name == "sandbox/copa"), card.id
    copa = read_card(exported / "mini-dora-sandbox-copa-s1").task
    assert copa is not None
    row = {"premise": OPENING, "question": "cause", "choice1": "a", "choice2": "b"}
    assert RowReader(copa).read(row_of(row, 1)).first == opening(copa.columns or {})
    for columns, expected in (
        ({"first": "{context} {question}"}, "Amina took the pill. Why?"),
        ({"first": "question"}, "Amina took the pill. Why?"),
        ({"first": "{activity_label}: {ctx}"}, "Amina took the pill."),
        ({}, "Amina took the pill."),
    ):
        assert opening(columns) == expected


def test_a_recipe_is_told_what_it_can_import(exported: Path, name: str) -> None:
    card = read_card(exported / name)
    try:
        open_module(exported / name)
    except ModelError:
        accepted = False
    else:
        accepted = True
    assert card.acts_alone() == accepted
    headless = changed(card, probe=changed(card.probe, outputs=None))
    if not card.attachments:
        return
    text = markdown(headless, 0, pictured=False)
    assert ("```yaml" in text) == accepted
    if not accepted:
        others = " and ".join([", ".join(f"`{one}`" for one in card.needed()[:-1]), f"`{card.needed()[-1]}`"])
        assert f"import {others.removeprefix(' and ')}, or a package that was exported with `--flatten`." in text


def test_a_package_without_a_head_is_for_recipes(exported: Path) -> None:
    found = blocks(exported / "mini-stack-mix-s1")
    assert set(found) == {"peft"}
    readme = (exported / "mini-stack-mix-s1" / "README.md").read_text(encoding="utf-8")
    yaml = re.search(r"^```yaml\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert yaml is not None
    assert YAML(typ="safe").load(yaml[1])["modules"] == {"mine": {"path": "mini-stack-mix-s1"}}


def test_what_no_other_library_does_is_said(exported: Path) -> None:
    readme = (exported / "mini-fuse-sandbox-nli-sandbox-completion-sandbox-paraphrase-s1" / "README.md").read_text()
    assert "peft cannot be used: peft has no bottleneck adapter." in readme
    assert "adapters cannot be used:" in readme
    ties = (exported / "mini-ties-sandbox-nli-sandbox-completion-sandbox-copa-s1" / "README.md").read_text()
    assert "peft cannot be used: peft cannot compute the composition merge." in ties


def test_the_metadata_are_read_by_a_hub(exported: Path, name: str) -> None:
    text = (exported / name / "README.md").read_text(encoding="utf-8")
    card = read_card(exported / name)
    front = text.split("---\n")[1]
    safe = YAML(typ="safe", pure=True).load(front)
    assert safe == metadata.values_of(card)
    found = ModelCard(text)
    theirs = found.data.to_dict()
    assert theirs["library_name"] == safe["library_name"]
    assert theirs["tags"] == safe["tags"]
    assert theirs.get("language") == safe.get("language")
    assert "base_model" not in theirs  # the sandbox's encoders are on no hub
    if card.scores is None:
        assert found.data.eval_results is None
        return
    assert card.task is not None
    assert found.data.model_name == card.id
    by_language = {one.dataset_config: one for one in found.data.eval_results or ()}
    assert {language: one.metric_value for language, one in by_language.items()} == {
        language: round(value, 4) for language, value in card.scores.languages.items() if value is not None
    }
    assert {one.dataset_type for one in by_language.values()} == {card.task.name}
    assert {one.dataset_split for one in by_language.values()} == {"test"}


def changed(card: Card, **updates: Any) -> Card:
    return card.model_copy(update=updates)


@pytest.fixture
def real(exported: Path) -> Card:
    """The stack as it would be with an encoder and data from the hub, Norwegian among the languages."""
    card = read_card(exported / STACK)
    assert card.scores is not None
    base = changed(card.base, name="FacebookAI/xlm-roberta-base", revision="e73636d4f797dec63c3081bb6ed5c7b0bb3f2089")
    data = tuple(
        changed(
            one,
            hub=f"org/{one.task.replace('/', '-')}:{one.language}",
            revision="1e23456",
            licence="CC-BY-NC-4.0",
            sandbox=False,
        )
        for one in card.data
    )
    scores = changed(
        card.scores,
        languages={"de": None, "en": 50.0, "no": 40.0, "sw": 30.0},
        examples={"de": 0, "en": 4, "no": 4, "sw": 3},
        missing={"de": "no gold"},
        partial={"sw": "limited to 3 examples"},
        without_intermediate={"de": None, "en": 45.0, "no": 44.0, "sw": None},
        full={"de": None, "en": 60.0, "no": 41.0, "sw": 33.0},
        by_seed={"1": 40.0, "2": 42.0},
        data=tuple(
            changed(one, hub=f"org/tested:{language}", revision="2e34567", language=language, sandbox=False)
            for one, language in zip(card.scores.data * 2, ("de", "en", "no", "sw"), strict=True)
        ),
    )
    return changed(card, base=base, data=data, scores=scores)


def test_metadata_of_the_hub(real: Card) -> None:
    found = metadata.values_of(real)
    assert found["base_model"] == "FacebookAI/xlm-roberta-base"
    assert found["base_model_relation"] == "adapter"
    assert found["datasets"] == ["org/sandbox-nli", "org/sandbox-paraphrase"]
    assert found["language"] == ["en", "no", "sw"]
    assert found["license"] == "cc-by-nc-4.0"
    assert found["pipeline_tag"] == "text-classification"
    text = markdown(real, 100, pictured=True)
    assert YAML(typ="safe", pure=True).load(io.StringIO(text.split("---\n")[1])) == found
    data = ModelCard(text).data  # by PyYAML, which reads `no` as false
    assert data.language == ["en", "no", "sw"]
    by_language = {one.dataset_config: one for one in data.eval_results or ()}
    assert {language: one.metric_value for language, one in by_language.items()} == {"en": 50.0, "no": 40.0, "sw": 30.0}
    assert {one.dataset_type for one in by_language.values()} == {"org/tested"}
    assert {one.dataset_revision for one in by_language.values()} == {"2e34567"}


def test_a_licence_is_never_invented(real: Card) -> None:
    one, other = real.data
    for data in (
        (one, changed(other, licence="MIT")),
        (changed(one, licence=None),),
        (changed(one, licence="Quora's terms of use, not commercial"),),
    ):
        assert metadata.licence_of(changed(real, data=data)) == ""
    assert real.learned_before is not None
    assert (
        metadata.licence_of(changed(real, learned_before=(*real.learned_before, ()))) == ""
    )  # of a module from elsewhere
    assert "license" not in metadata.values_of(changed(real, data=(changed(one, licence=None), other)))
    assert "| unknown |" in markdown(changed(real, data=(changed(one, licence=None), other)), 0, pictured=False)


def rows(text: str, begin: str) -> list[list[str]]:
    """Return the table of Markdown whose header begins so, without the header."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {begin} |"))
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def test_the_table_shows_every_gap(real: Card) -> None:
    text = markdown(real, 100, pictured=True)
    assert rows(text, "language") == [
        ["en, trained", "50.0", "4", "+5.0", "−10.0"],
        ["de, zero-shot", "–", "0", "–", "–"],
        ["no, zero-shot", "40.0", "4", "−4.0", "−1.0"],
        ["sw, zero-shot", "30.0", "3", "–", "−3.0"],
        ["**mean of 3 of 4**", "**40.0**", "", "**+0.5 (2)**", "**−4.7**"],
        ["**zero-shot mean of 2 of 3**", "**35.0**", "", "**−4.0 (1)**", "**−2.0**"],
    ]
    assert "No score: de (no gold)." in text
    assert "Not the whole split: sw (limited to 3 examples)." in text
    assert "with other seeds has these means over the languages: 42.0 (seed 2)." in text
    assert f"![The score in each language]({PICTURE})" in text
    assert "[FacebookAI/xlm-roberta-base](https://huggingface.co/FacebookAI/xlm-roberta-base)" in text
    assert 'revision="e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"' in text
    assert 'Layover.load("mini-stack-sandbox-nli-sandbox-paraphrase-s1", base="FacebookAI/xlm-roberta-base")' in text
    assert "demonstration" not in text
    assert "Generated data" not in text


def test_of_a_language_that_nothing_says_no_mark_is_made(real: Card) -> None:
    assert real.task is not None
    unsaid = changed(real, task=changed(real.task, language="und"))
    text = markdown(unsaid, 0, pictured=False)
    assert [line[0] for line in rows(text, "language")] == ["de", "en", "no", "sw", "**mean of 3 of 4**"]
    assert "The language of the training data is unknown, so no score is called zero-shot." in text
    assert "(classification, in" not in text
    assert "zero-shot" not in str(metadata.values_of(unsaid)["model-index"])
    assert {line.zero_shot for line in results.lines_of(unsaid)} == {None}
    bare = changed(unsaid, scores=None, data=tuple(changed(one, language="und") for one in real.data))
    assert "language" not in metadata.values_of(bare)


def test_columns_that_nothing_stands_for_are_left_out(real: Card) -> None:
    assert real.scores is not None
    alone = changed(real, scores=changed(real.scores, full=None, without_intermediate=None))
    text = markdown(alone, 0, pictured=False)
    assert rows(text, "language")[0] == ["en, trained", "50.0", "4"]
    assert "The sweep has no full fine-tuning with the same intermediate and seed, so there is no difference" in text
    assert "The sweep has no training with the same method and seed without an intermediate, so there" in text
    assert PICTURE not in text


def test_demonstrations_say_so(exported: Path) -> None:
    texts = {
        name: (exported / name / "README.md").read_text(encoding="utf-8")
        for name in (STACK, "own-stack-sandbox-nli-sandbox-paraphrase-s1")
    }
    assert "come from Layover's sandbox" in texts[STACK]
    assert "random and were never pretrained" in texts["own-stack-sandbox-nli-sandbox-paraphrase-s1"]


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("mini-stack-sandbox-nli-s1", "the package was exported without AdapterHub's layout; `--adapterhub` adds it"),
        (STACK, "adapters feeds the change of one LoRA into the next one instead of adding the changes"),
        (
            "mini-lora-sandbox-nli-sandbox-ner-s1",
            "adapters' LoRA has a single rank and a single alpha, and scales by alpha / rank",
        ),
        (
            "mini-ia3-sandbox-nli-s1",
            "adapters' IA3 scales the output of the linear map `intermediate`, not the inner activations",
        ),
        (
            "mini-ia3-sandbox-nli-sandbox-copa-s1",
            "Layover does not write ia3 as the IA3 of adapters, so a stack of it has no form there",
        ),
        ("mini-dora-sandbox-copa-s1", "Layover writes dora in peft's files only, and not as the DoRA of adapters"),
        ("mini-head-sandbox-paraphrase-s1", "the package is a head on the frozen encoder, without a module"),
        (
            "mini-onhead-sandbox-nli-sandbox-paraphrase-s1",
            "the package has a head and no module of its own, and AdapterHub has no layout for this",
        ),
        (
            "mini-alone-sandbox-nli-sandbox-completion-sandbox-nli_legal-s1",
            "adapters cannot compute the composition merge",
        ),
    ],
)
def test_why_adapters_does_not_load_it_is_said(exported: Path, package: str, reason: str) -> None:
    readme = (exported / package / "README.md").read_text(encoding="utf-8")
    assert f"### adapters\n\nadapters cannot be used: {reason}.\n" in readme


def test_every_library_has_a_section(exported: Path, name: str) -> None:
    card, readme = read_card(exported / name), (exported / name / "README.md").read_text(encoding="utf-8")
    for library, refused in (("peft", peft_refuses(card)), ("adapters", adapters_refuses(card))):
        begin = f"{library} cannot be used: {refused}." if refused else f"```python {library}\n"
        assert f"### {library}\n\n{begin}" in readme


def test_what_it_needs_is_named_by_its_weights(exported: Path, name: str) -> None:
    card, readme = read_card(exported / name), (exported / name / "README.md").read_text(encoding="utf-8")
    assert "](../" not in readme, "on a hub every package is a repository of its own"
    for other in card.needed():
        weights = read_card(exported / other).own()[0].weights_sha256
        assert f"`{other}` (weights `{weights[:12]}`)" in readme
    assert ("in a folder next to it." in readme) == bool(card.needed())


@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        (STACK, "peft loads it into any encoder of the same shape without a warning"),
        ("mini-bn-sandbox-nli-sandbox-qa-s1", "adapters loads it into any encoder of the same shape"),
        ("mini-lora-for-adapters", "peft and adapters load it into any encoder of the same shape"),
        (
            "mini-head-sandbox-paraphrase-s1",
            "Layover refuses any other encoder unless the package is loaded with",
        ),
    ],
)
def test_who_refuses_another_encoder(exported: Path, package: str, sentence: str) -> None:
    assert sentence in (exported / package / "README.md").read_text(encoding="utf-8")


def test_what_the_programs_need_is_said(exported: Path, real: Card) -> None:
    readme = (exported / STACK / "README.md").read_text(encoding="utf-8")
    where = f"Run each program in the parent folder of `{STACK}`, with Layover (or peft, adapters) installed."
    sandbox = "\nThe encoder comes with Layover, so every program needs it."
    assert "Layover is a Python package for intermediate-task transfer with adapters (run `pip install .`" in readme
    assert f"{where}{sandbox}\n" in readme
    assert f"{where}\n\n" in markdown(real, 0, pictured=False)


def test_what_was_not_measured_is_said(exported: Path) -> None:
    scored, other = ((exported / name / "README.md").read_text(encoding="utf-8") for name in (STACK, INTERMEDIATE))
    assert "It is an intermediate and was not scored itself." in other
    assert "was not scored itself." not in scored
    assert "the target task had no training data in this language; the encoder or an intermediate may" in scored
    assert "Zero-shot" not in other


def test_how_far_chance_reaches(real: Card) -> None:
    text = markdown(real, 0, pictured=False)
    assert "with one seed" in text
    # 1.96 * sqrt(0.5 * 0.5 / 3) is 0.566; the language without a score has fewer examples, and does not count
    assert "fewest examples has 3: there the 95 % confidence interval of a score near 50 % is about ±57" in text
    assert real.scores is not None
    many = changed(real, scores=changed(real.scores, examples=dict.fromkeys(real.scores.languages, 2500)))
    text = markdown(many, 0, pictured=False)
    assert "examples has 2,500: there the 95 % confidence interval of a score near 50 % is about ±2 points" in text
    for other in (changed(real.scores, metric="squad_f1"), changed(real.scores, examples={})):
        text = markdown(changed(real, scores=other), 0, pictured=False)
        assert "95 %" not in text
        assert "with one seed" in text


@pytest.mark.parametrize(
    ("package", "cells"),
    [
        (STACK, ["longest input", "–", "64 tokens"]),
        ("mini-bn-sandbox-nli-sandbox-qa-s1", ["longest input", "–", "64 tokens, stride 16"]),
        ("mini-stack-mix-s1", ["longest input", "–"]),
    ],
)
def test_the_longest_input_stands_among_the_numbers(exported: Path, package: str, cells: list[str]) -> None:
    readme = (exported / package / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in readme.splitlines() if line.startswith("| longest input |")]
    assert [cell.strip() for cell in line.strip("|").split("|")] == cells


def test_a_licence_is_that_of_the_data(real: Card) -> None:
    here = "of the training data, not of this package."
    both = f"The licence column and `license` at the head of this page name the licence {here}"
    assert both in markdown(real, 0, pictured=False)
    unknown = changed(real, data=tuple(changed(one, licence=None) for one in real.data))
    assert f"The licence column names the licence {here}" in markdown(unknown, 0, pictured=False)


@pytest.mark.parametrize(
    ("package", "begins"),
    [
        (STACK, "A LoRA for the frozen encoder `sandbox/mini` that has learned **sandbox/paraphrase**"),
        (f"{STACK}-flat", "The modules of sandbox/nli and sandbox/paraphrase are merged into one module here"),
        ("mini-lora-sandbox-nli-sandbox-ner-s1", "that first learned **sandbox/nli** and then"),
        ("mini-head-sandbox-paraphrase-s1", "A head for the frozen encoder `sandbox/mini` that has learned"),
        (
            "mini-onhead-sandbox-nli-sandbox-paraphrase-s1",
            "on top of the LoRA of **sandbox/nli**, which acts unchanged",
        ),
        ("mini-ia3-sandbox-nli-sandbox-copa-s1", "An IA3 for the frozen encoder"),
        (
            "mini-alone-sandbox-nli-sandbox-completion-sandbox-nli_legal-s1",
            "with the head of one of them for **sandbox/nli_legal**",
        ),
        ("mini-dora-sandbox-copa-s1", "It needs no other package."),
    ],
)
def test_it_says_what_it_is(exported: Path, package: str, begins: str) -> None:
    assert begins in (exported / package / "README.md").read_text(encoding="utf-8")


def test_the_numbers_of_weights_are_those_of_the_files(exported: Path) -> None:
    from safetensors.torch import load_file

    folder = exported / STACK
    module, head = (
        sum(value.numel() for value in load_file(folder / file).values())
        for file in ("adapter_model.safetensors", "head.safetensors")
    )
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert f"\nIt has {module:,} trained weights, 0.29 % of the encoder's 1,422,464, and {head:,} in its head." in text


def test_lines_are_ordered(real: Card) -> None:
    found = results.lines_of(real)
    assert [line.language for line in found] == ["en", "de", "no", "sw"]
    assert [line.zero_shot for line in found] == [False, True, True, True]
    assert results.mean(found[1:2], lambda line: line.score) is None


def test_the_picture(real: Card, tmp_path: Path) -> None:
    from PIL import Image

    assert plot.draw(real, tmp_path / "some.png")
    with Image.open(tmp_path / "some.png") as picture:
        assert picture.width == 1280
        assert picture.getcolors(1 << 24) is not None
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or ()}
    assert {(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0, 0, 0)} <= colours
    assert real.scores is not None
    empty = changed(real, scores=changed(real.scores, languages={"en": None}))
    assert not plot.draw(empty, tmp_path / "none.png")
    assert not plot.draw(changed(real, scores=None), tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_packages_with_scores_have_a_picture(exported: Path, name: str) -> None:
    card = read_card(exported / name)
    assert (PICTURE in card.files) == (card.scores is not None)
