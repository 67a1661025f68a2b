"""Labels and their meanings, learning curves, citations, and the line between proofs and claims on a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.hub.model_card.conftest import named
from tests.hub.model_card.strangers import merged

from layover import tasks
from layover.hub.checks.libraries import compared_in
from layover.hub.model_card import markdown
from layover.hub.model_card.page import CHECKPOINTS_SHOWN
from layover.hub.verify import CHECKS, provable, verify
from layover.packages.card import Card, read_card
from layover.packages.sections import CheckpointFacts


def changed(part: Any, **updates: Any) -> Any:
    return part.model_copy(update=updates)


def section(text: str, heading: str) -> list[str]:
    """Return the lines of a section, without those of its subsections that follow."""
    _, _, rest = text.partition(f"\n{heading}\n\n")
    assert rest, heading
    return rest.partition("\n#")[0].splitlines()


def of_task(card: Card, name: str) -> Card:
    """Return a card for another task."""
    task = tasks.get(name)
    facts = changed(card.task, name=name, kind=task.kind, labels=task.labels, meanings=task.meanings)
    return changed(card, task=facts)


def test_a_label_that_is_a_number_has_its_meaning(shipped: Card) -> None:
    assert section(markdown(of_task(shipped, "pawsx"), 0, pictured=False), "### Labels") == [
        "| label | meaning |",
        "| --- | --- |",
        "| `0` | the two sentences do not mean the same |",
        "| `1` | the two sentences mean the same |",
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("xnli", "| `contradiction` | if the first text is true, the second one is false |"),
        ("panx", "| `B-ORG` | begin: the first word of the name of an organisation |"),
        ("panx", "| `O` | outside: the word is in no span |"),
        ("udpos", "| `SCONJ` | subordinating conjunction |"),
        ("multi_eurlex", "| `100149` | social questions |"),
        ("scotus", "| `2` | civil rights |"),
        ("scotus", "The task does not say what `13` means."),
        ("sandbox/paraphrase", "| `0` | the two sentences do not mean the same |"),
        ("sandbox/qa_open", "| `no answer` | the context does not answer the question |"),
        ("sandbox/topics", "The task does not say what they mean."),
    ],
)
def test_meanings_of_built_in_tasks(shipped: Card, name: str, line: str) -> None:
    assert line in section(markdown(of_task(shipped, name), 0, pictured=False), "### Labels")


def test_built_in_tasks_whose_labels_are_numbers_say_what_they_mean() -> None:
    unclear = {
        f"{name}: {label}"
        for name in tasks.usable()
        for label in tasks.get(name).labels
        if label.isdigit() and label not in tasks.get(name).meanings
    }
    assert unclear == {"scotus: 13"}


def test_meanings_that_nobody_knows(shipped: Card) -> None:
    assert shipped.task is not None
    assert section(markdown(shipped, 0, pictured=False), "### Labels") == [
        "The labels are `0` and `1`.",
        "The package does not say what they mean.",
    ]
    unknown = changed(shipped, task=changed(shipped.task, meanings={}))
    assert "The task does not say what they mean." in markdown(unknown, 0, pictured=False)
    regression = changed(shipped, task=changed(shipped.task, kind="regression", labels=()))
    assert section(markdown(regression, 0, pictured=False), "### Labels") == [
        "It has no labels: a prediction is a number."
    ]
    headless = changed(shipped, probe=changed(shipped.probe, outputs=None))
    assert "### Labels" not in markdown(headless, 0, pictured=False)


def test_a_recipe_says_what_its_labels_mean(own: Path) -> None:
    text = (named(own, "mini-bf-my") / "README.md").read_text(encoding="utf-8")
    assert "| `bad` | a door, \\*closed\\* |" in section(text, "### Labels")
    assert "The task does not say what `good` means." in section(text, "### Labels")


def with_curve(card: Card, count: int, kept: int | None, *, scored: bool = True) -> Card:
    """Return a card whose last training has some checkpoints, one every ten steps."""
    curve = tuple(
        CheckpointFacts(
            step=10 * n,
            epoch=n / 4,
            loss=None if n == 2 else 1 / n,
            scores={"accuracy": None if n == 1 else 50.0 + n} if scored else {},
        )
        for n in range(1, count + 1)
    )
    first, last = card.trainings
    return changed(card, trainings=(first, changed(last, curve=curve, kept_step=kept)))


def test_a_learning_curve(shipped: Card) -> None:
    assert "### Learning curves" not in markdown(shipped, 0, pictured=False), "a card of version 0.1 has none"
    assert section(markdown(with_curve(shipped, 3, 20), 0, pictured=False), "### Learning curves") == [
        "The training of **sandbox/paraphrase** (target).",
        "Its checkpoints were scored on the development set, and the weights of step 20 were kept.",
        "",
        "| step | epoch | training loss | accuracy |",
        "| --- | --- | --- | --- |",
        "| 10 | 0.25 | 1 | – |",
        "| 20, kept | 0.5 | – | 52 |",
        "| 30 | 0.75 | 0.3333 | 53 |",
    ]
    bare = section(markdown(with_curve(shipped, 1, None, scored=False), 0, pictured=False), "### Learning curves")
    assert "Its checkpoints were not scored, and the last weights were kept." in bare
    assert bare[-1] == "| 10 | 0.25 | 1 |"


@pytest.mark.parametrize(("count", "kept"), [(12, 30), (13, 30), (25, 30), (240, 50), (241, 2410)])
def test_of_many_checkpoints_some_are_shown(shipped: Card, count: int, kept: int) -> None:
    lines = section(markdown(with_curve(shipped, count, kept), 0, pictured=False), "### Learning curves")
    steps = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")][2:]
    assert f"{kept}, kept" in steps
    assert steps[-1].removesuffix(", kept") == str(10 * count)
    assert len(steps) == count if count <= CHECKPOINTS_SHOWN else len(steps) <= CHECKPOINTS_SHOWN + 2
    there = f"The table shows {len(steps)} of {count} checkpoints; `transfer_card.json` lists all."
    assert (there in lines) == (len(steps) < count)


def test_the_curve_of_a_training_that_was_run(own: Path) -> None:
    """The target of the second recipe selects after every step; the trainings of the first one do not."""
    folder = named(own, "mini-warm-mine")
    first, last = read_card(folder).trainings[0], read_card(folder).trainings[-1]
    assert last.curve is not None
    assert [at.step for at in last.curve] == [1, 2]
    assert last.kept_step in {1, 2}
    best = max(last.curve, key=lambda at: at.scores["accuracy"] or 0.0)
    kept = next(at for at in last.curve if at.step == last.kept_step)
    assert kept.scores["accuracy"] == best.scores["accuracy"]
    lines = section((folder / "README.md").read_text(encoding="utf-8"), "### Learning curves")
    assert (
        f"Its checkpoints were scored on the development set, and the weights of step {kept.step} were kept." in lines
    )
    assert any(line.startswith(f"| {kept.step}, kept | ") for line in lines)
    plain = read_card(named(own, "mini-bf-my")).trainings[-1]
    assert plain.kept_step is None
    assert [at.scores for at in plain.curve or ()] == [{}]
    assert first.tasks


def test_whom_to_cite(shipped: Card) -> None:
    assert "If you publish" not in markdown(shipped, 0, pictured=False)
    one, other = shipped.data
    twice = (changed(one, citation="A, B 2020"), changed(one, citation="A, B 2020"), changed(other, citation="C *d*"))
    lines = markdown(changed(shipped, data=twice), 0, pictured=False).splitlines()
    start = lines.index("If you publish results with these data, cite:")
    assert lines[start + 2 : start + 4] == ["- sandbox/nli: A, B 2020", "- sandbox/paraphrase: C \\*d\\*"]
    assert lines[start + 4] == ""


def test_proofs_and_claims_are_those_of_verify(own: Path) -> None:
    for begin in ("mini-bf-my", "mini-bn-sandbox-nli-my", "mini-warm-mine"):
        folder = named(own, begin)
        verdict, text = verify(folder), (folder / "README.md").read_text(encoding="utf-8")
        without_libraries = [result for result in verdict.results if result.name not in {"peft", "adapters"}]
        assert {result.state for result in without_libraries} == {"ok"}
        assert provable(read_card(folder)) == (verdict.proved, verdict.claimed)
        for sentence, fields in (
            ("It proves these fields of `transfer_card.json`: ", verdict.proved),
            ("These fields are claims: ", verdict.claimed),
        ):
            (line,) = [line for line in text.splitlines() if line.startswith(sentence)]
            assert line.removeprefix(sentence).rstrip(".").replace(" and ", ", ").split(", ") == [
                f"`{field}`" for field in fields
            ]
        assert {"scores", "data", "trainings", "task"} <= set(verdict.claimed)
        assert {"probe", "files", "base.weights_sha256"} <= set(verdict.proved)
    assert {field for check in CHECKS for field in check.proves} >= set(verdict.proved)


def test_the_loading_that_is_proved_is_that_of_the_libraries(shipped: Card) -> None:
    text = markdown(shipped, 0, pictured=False)
    assert "- by loading: peft, where installed, computes the same hidden states." in text
    for card in (changed(shipped, skipped_layers=1), merged(shipped)):
        alone = markdown(card, 0, pictured=False)
        assert (
            "- by loading: peft, where installed, computes the same hidden states as Layover with the package's own "
            "module alone, in all layers." in alone.splitlines()
        )
        assert "computes the same hidden states." not in alone
    no_module = "- by loading: nothing, because the package has no module of its own in the layout of another library."
    below = tuple(piece for piece in shipped.attachments if piece.package is not None)
    assert below
    for attachments, composition in (((), None), (below, shipped.composition)):
        head = changed(shipped, attachments=attachments, composition=composition, layout=None)
        assert no_module in markdown(head, 0, pictured=False).splitlines()
        assert compared_in(head) == {}


def test_copies_with_synonyms_stand_beside_the_examples(shipped: Card) -> None:
    (first, *others) = shipped.data
    card = changed(shipped, data=(changed(first, examples=1_200, copies=3), *others))
    lines = section(markdown(card, 0, pictured=False), "### Data")
    assert sum(" | 1,200, each in 3 copies with synonyms | " in line for line in lines) == 1
    assert not any("copies" in line for line in section(markdown(shipped, 0, pictured=False), "### Data"))
