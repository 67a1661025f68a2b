"""Programs of a package's README.md: those for peft, adapters and Layover run as they stand, and say the same."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from layover import Layover
from layover.hub.libraries import adapters_refuses, peft_refuses
from layover.kinds._answers import FIRST
from layover.kinds.choice import ChoiceResult
from layover.kinds.classification import ClassificationResult
from layover.kinds.span import SpanResult
from layover.kinds.tagging import TaggingResult
from layover.packages.card import Card, read_card

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
    assert float(difference) <= 3e-6 * max(1.0, *map(abs, expected)), card.id
    assert said.strip(), card.id


RESULTS = (ClassificationResult, TaggingResult, SpanResult, ChoiceResult)
Answers = Callable[[str], Any]


def asked(program: str) -> list[dict[str, Any]]:
    """Return the rows of a program for Layover."""
    (rows,) = [
        line.value
        for line in ast.parse(program).body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "rows"
    ]
    found: list[dict[str, Any]] = ast.literal_eval(rows)
    return found


@pytest.fixture(scope="module")
def answers(exported: Path) -> Answers:
    """What Layover says of the row in a package's program, None of a package without a head."""
    found: dict[str, Any] = {}

    def ask(name: str) -> Any:
        if name not in found:
            program, base = blocks(exported / name).get("layover"), read_card(exported / name).base.name
            found[name] = None
            if program is not None:
                own = None if base is not None else str(exported / "encoder")
                (found[name],) = Layover.load(exported / name, base=own, check=False).predict(asked(program))
        return found[name]

    return ask


def leaves(value: Any) -> list[Any]:
    """Return the single values in a result, in their order."""
    if isinstance(value, dict):
        return [leaf for name, one in value.items() for leaf in [name, *leaves(one)]]
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]


def held_to_layover(said: str, answer: Any) -> None:
    """Hold what a program for another library printed to what Layover says of the same text."""
    match answer:
        case ClassificationResult():
            assert said.strip() == answer.label
        case TaggingResult():
            assert ast.literal_eval(said) == list(answer.tags)
        case ChoiceResult():
            assert said.strip() == answer.choice


def test_the_programs_for_peft_run_as_they_stand(exported: Path, answers: Answers) -> None:
    chosen = [card for card in cards(exported) if not peft_refuses(card)]
    assert len(chosen) == 26
    for name, (said, outputs) in ran(exported, "peft", chosen).items():
        held_to_the_probe(read_card(exported / name), said, outputs)
        held_to_layover(said, answers(name))


def test_the_programs_for_adapters_run_as_they_stand(exported: Path, answers: Answers) -> None:
    pytest.importorskip("adapters", reason="the extra `adapterhub` is not installed", exc_type=ImportError)
    chosen = [card for card in cards(exported) if not adapters_refuses(card)]
    assert len(chosen) == 7
    for name, (said, outputs) in ran(exported, "adapters", chosen).items():
        held_to_the_probe(read_card(exported / name), said, outputs)
        held_to_layover(said, answers(name))


PUBLIC = """
import contextlib, io, json, sys

for name, program in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(program, name, "exec"), {"__name__": "program"})
    print(json.dumps([name, said.getvalue()]))
"""


def test_the_programs_for_layover_run_as_they_stand(exported: Path, answers: Answers) -> None:
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
    for name, text in said.items():
        (found,) = eval(text, {one.__name__: one for one in RESULTS})  # noqa: S307 - our own
        expected = answers(name)
        assert type(found) is type(expected)
        assert leaves(asdict(found)) == [
            pytest.approx(one, abs=1e-5) if isinstance(one, float) else one for one in leaves(asdict(expected))
        ]


@pytest.mark.parametrize(
    ("package", "sample"),
    [(STACK, FIRST), ("mini-dora-sandbox-copa-s1", "Amina took the pill. What was the cause?")],
)
def test_a_long_text_is_cut_as_in_layover(
    exported: Path, monkeypatch: pytest.MonkeyPatch, package: str, sample: str
) -> None:
    card, longer = read_card(exported / package), f"{sample} " * 40
    programs = {library: text.replace(sample, longer) for library, text in blocks(exported / package).items()}
    monkeypatch.chdir(exported)
    there: dict[str, Any] = {"__name__": "program"}
    exec(compile(programs["peft"], package, "exec"), there)  # noqa: S102 - our own
    assert card.task is not None
    assert there["inputs"]["input_ids"].shape[-1] == card.task.max_length == 64
    (found,) = Layover.load(package, check=False).predict(asked(programs["layover"]))
    scores = list(found.scores.values()) if isinstance(found, ClassificationResult) else list(found.scores)
    assert there["logits"][0].softmax(-1).tolist() == pytest.approx(scores, abs=1e-5)
