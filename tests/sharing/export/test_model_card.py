"""README.md of a package: true numbers, metadata that a hub reads, programs that run as they stand."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from ruamel.yaml import YAML

import layover
from layover.packages.card import Card, read_card
from layover.sharing.libraries import adapters_refuses, peft_refuses
from layover.sharing.model_card import PICTURE, hub, markdown, plot, results

STACK = "mini-stack-sandbox-nli-sandbox-paraphrase-s1"
BLOCK = re.compile(r"^```python (\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

RUNNER = """
import contextlib, io, json, sys
import torch

jobs = json.load(sys.stdin)
for name, program, rows, choice in jobs:
    there, said = {"__name__": "program"}, io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(program, name, "exec"), there)
    model, outputs = there["model"], []
    if choice and "own" in there:
        model.heads[there["own"]].config["num_choices"] = 1
    for row in rows:
        ids = torch.tensor([row])
        with torch.inference_mode():
            found = model(input_ids=ids[None] if choice else ids)
        if "start_logits" in found:
            logits = torch.stack([found.start_logits, found.end_logits], dim=-1)
        else:
            logits = found.logits if "logits" in found else found.last_hidden_state[0, 0, :8]
        outputs.append(logits.flatten().tolist())
    print(json.dumps([name, said.getvalue(), outputs]))
"""
"""Runs programs one after the other, each as it stands, and asks the model that it made for the rows of the probe."""


def blocks(folder: Path) -> dict[str, str]:
    return dict(BLOCK.findall((folder / "README.md").read_text(encoding="utf-8")))


def cards(exported: Path) -> list[Card]:
    return [read_card(file.parent) for file in sorted(exported.glob("*/transfer_card.json"))]


def ran(exported: Path, library: str, chosen: list[Card]) -> dict[str, tuple[str, list[float]]]:
    """Run the programs for a library in the folder of the packages; return what each printed, and its outputs."""
    jobs = []
    for card in chosen:
        choice = card.task is not None and card.task.kind == "choice"
        jobs.append([card.id, blocks(exported / card.id)[library], card.probe.rows, choice])
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(jobs),
        cwd=exported,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [name for name, _, _ in answers] == [card.id for card in chosen]
    return {name: (said, [number for row in rows for number in row]) for name, said, rows in answers}


def held_to_the_probe(card: Card, said: str, outputs: list[float]) -> None:
    if card.probe.outputs is None:
        expected = [number for row in card.probe.hidden for number in row]
    else:
        expected = list(card.probe.outputs["logits"])
    difference = (torch.tensor(outputs) - torch.tensor(expected)).abs().max()
    assert float(difference) <= 1e-6 * max(1.0, *map(abs, expected)), card.id
    assert said.strip(), card.id
    if card.task is not None and card.task.kind == "classification":
        assert said.strip() in card.task.labels
    if card.task is not None and card.task.kind == "tagging":
        assert set(re.findall(r"'([^']*)'", said)) <= set(card.task.labels)


def test_the_programs_for_peft_run_as_they_stand(exported: Path) -> None:
    chosen = [card for card in cards(exported) if not peft_refuses(card)]
    assert len(chosen) == 26
    for name, (said, outputs) in ran(exported, "peft", chosen).items():
        held_to_the_probe(read_card(exported / name), said, outputs)


def test_the_programs_for_adapters_run_as_they_stand(exported: Path) -> None:
    pytest.importorskip("adapters", reason="the extra `adapterhub` is not installed", exc_type=ImportError)
    chosen = [card for card in cards(exported) if not adapters_refuses(card)]
    assert len(chosen) == 7
    for name, (said, outputs) in ran(exported, "adapters", chosen).items():
        held_to_the_probe(read_card(exported / name), said, outputs)


PUBLIC = """
import contextlib, io, json, sys

for name, program in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(program, name, "exec"), {"__name__": "program"})
    print(json.dumps([name, said.getvalue()]))
"""


@pytest.mark.skipif(not hasattr(layover, "Layover"), reason="layover.Layover is not there yet")
def test_the_programs_for_layover_run_as_they_stand(exported: Path) -> None:
    headed = [card for card in cards(exported) if card.probe.outputs is not None]
    jobs = [[card.id, blocks(exported / card.id)["layover"]] for card in headed]
    done = subprocess.run(
        [sys.executable, "-c", PUBLIC],
        input=json.dumps(jobs),
        cwd=exported,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert set(said) == {card.id for card in headed}
    assert all(text.strip() for text in said.values())


def test_a_package_without_a_head_is_for_recipes(exported: Path) -> None:
    found = blocks(exported / "mini-stack-mix-s1")
    assert set(found) == {"peft"}
    readme = (exported / "mini-stack-mix-s1" / "README.md").read_text(encoding="utf-8")
    yaml = re.search(r"^```yaml\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert yaml is not None
    assert YAML(typ="safe").load(yaml[1])["modules"] == {"mine": {"path": "mini-stack-mix-s1"}}


def test_what_no_other_library_does_is_said(exported: Path) -> None:
    readme = (exported / "mini-fuse-sandbox-nli-sandbox-completion-sandbox-paraphrase-s1" / "README.md").read_text()
    assert "Not with peft: peft has no bottleneck." in readme
    assert "Not with adapters:" in readme
    ties = (exported / "mini-ties-sandbox-nli-sandbox-completion-sandbox-copa-s1" / "README.md").read_text()
    assert "Not with peft: peft has nothing that does what merge does here." in ties


def test_the_metadata_are_read_by_a_hub(exported: Path, name: str) -> None:
    text = (exported / name / "README.md").read_text(encoding="utf-8")
    card = read_card(exported / name)
    front = text.split("---\n")[1]
    safe = YAML(typ="safe", pure=True).load(front)
    assert safe == hub.metadata(card)
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
        changed(one, hub=f"org/{one.task.replace('/', '-')}:{one.language}", revision="1e23456", licence="CC-BY-NC-4.0")
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
            changed(one, hub=f"org/tested:{language}", revision="2e34567", language=language)
            for one, language in zip(card.scores.data * 2, ("de", "en", "no", "sw"), strict=True)
        ),
    )
    return changed(card, base=base, data=data, scores=scores)


def test_metadata_of_the_hub(real: Card) -> None:
    found = hub.metadata(real)
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
    assert hub.licence_of([one, changed(other, licence="MIT")]) == ""
    assert hub.licence_of([changed(one, licence=None)]) == ""
    assert hub.licence_of([changed(one, licence="Quora's terms of use, not commercial")]) == ""
    assert "license" not in hub.metadata(changed(real, data=(changed(one, licence=None), other)))
    assert "| not known |" in markdown(changed(real, data=(changed(one, licence=None), other)), 0, pictured=False)


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
    assert "with other seeds, mean over the languages: 42.0 (seed 2)." in text
    assert f"![The score in each language]({PICTURE})" in text
    assert "[FacebookAI/xlm-roberta-base](https://huggingface.co/FacebookAI/xlm-roberta-base)" in text
    assert 'revision="e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"' in text
    assert 'Layover.load("mini-stack-sandbox-nli-sandbox-paraphrase-s1", base="FacebookAI/xlm-roberta-base")' in text
    assert "demonstration" not in text


def test_columns_that_nothing_stands_for_are_left_out(real: Card) -> None:
    assert real.scores is not None
    alone = changed(real, scores=changed(real.scores, full=None, without_intermediate=None))
    text = markdown(alone, 0, pictured=False)
    assert rows(text, "language")[0] == ["en, trained", "50.0", "4"]
    assert "The sweep has no full fine-tuning to compare with." in text
    assert PICTURE not in text


def test_demonstrations_say_so(exported: Path) -> None:
    texts = {
        name: (exported / name / "README.md").read_text(encoding="utf-8")
        for name in (STACK, "own-stack-sandbox-nli-sandbox-paraphrase-s1")
    }
    assert "those of Layover's sandbox" in texts[STACK]
    assert "drawn at random and never pretrained" in texts["own-stack-sandbox-nli-sandbox-paraphrase-s1"]


@pytest.mark.parametrize(
    ("package", "begins"),
    [
        (STACK, "A LoRA for the frozen encoder `sandbox/mini` that has learned **sandbox/paraphrase**"),
        (f"{STACK}-flat", "The modules of sandbox/nli and sandbox/paraphrase are put together into one here"),
        ("mini-lora-sandbox-nli-sandbox-ner-s1", "that learned **sandbox/nli** first, and then went on to learn"),
        ("mini-head-sandbox-paraphrase-s1", "A head for the frozen encoder `sandbox/mini` that has learned"),
        (
            "mini-onhead-sandbox-nli-sandbox-paraphrase-s1",
            "on top of the LoRA of **sandbox/nli**, which acts unchanged",
        ),
        ("mini-ia3-sandbox-nli-sandbox-copa-s1", "An IA3 for the frozen encoder"),
        (
            "mini-alone-sandbox-nli-sandbox-completion-sandbox-nli_legal-s1",
            "with the head that one of them has for **sandbox/nli_legal**",
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
    assert (
        f" {module:,} weights were trained for it, 0.29 % of the encoder's 1,422,464, and {head:,} in its head." in text
    )


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
