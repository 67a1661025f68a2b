"""Packages of every composition and kind: what is in them, what Layover makes of them, and what is refused."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tolerances import ROUNDING
from typer.testing import CliRunner

from layover import modules
from layover.cli.main import build_app
from layover.errors import LayoverError
from layover.hub import choose as choosing
from layover.hub import draft
from layover.hub.choose import best_per_target, choose
from layover.hub.export import Export
from layover.hub.options import Options
from layover.hub.verify import verify
from layover.inference import probe
from layover.layouts import CONFIG
from layover.packages.card import CARD, read_card, write_card
from layover.plan import Plan

STACK = "mini-stack-sandbox-nli-sandbox-paraphrase-s1"


def test_all_packages_are_there(exported: Path, name: str) -> None:
    assert (exported / name / CARD).is_file()


def test_no_other_folder_is_there(exported: Path) -> None:
    cards = [file.parent.name for file in exported.glob(f"*/{CARD}")]
    others = {path.name for path in exported.iterdir()} - set(cards)
    assert others == {"README.md", "encoder"}
    assert len(cards) == 37


def test_a_package_computes_what_it_did(load: Callable[[str], Any], name: str) -> None:
    """Put together from its files alone it gives the numbers that the store's weights gave."""
    found = load(name)
    card = found.package.card
    assert probe.largest_difference(card.probe, found.encoder, found.head) <= ROUNDING
    assert (found.head is None) == (card.probe.outputs is None)
    if not card.attachments:
        assert "head" in name
        return
    # a probe that the bare encoder passes would prove nothing
    before = probe.make(found.encoder, None, card.probe.rows)
    found.encoder.attach([])
    assert probe.largest_difference(before, found.encoder, None) > 1e-3


def test_the_scores_are_the_records(sweep: Any, exported: Path) -> None:
    cell = next(
        cell for cell in sweep.plan.cells if cell.label == f"{sweep.cell('mini/stack/sandbox/nli/sandbox/par')}"
    )
    record = json.loads((sweep.store.path(cell.score) / "record.json").read_text(encoding="utf-8"))
    baseline = json.loads((sweep.store.path(cell.baseline) / "record.json").read_text(encoding="utf-8"))
    full = next(one for one in sweep.plan.cells if one.label == "mini/full/sandbox/nli/sandbox/paraphrase/1")
    baseline_full = json.loads((sweep.store.path(full.score) / "record.json").read_text(encoding="utf-8"))
    scores = read_card(exported / STACK).scores
    assert scores is not None
    for found, expected in (
        (scores.languages, record),
        (scores.without_intermediate, baseline),
        (scores.full, baseline_full),
    ):
        assert found == {language: values["accuracy"] for language, values in expected["languages"].items()}
    assert scores.examples == record["examples"] == {"de": 4, "en": 4}
    assert scores.partial == {"de": "limited to 4 examples", "en": "limited to 4 examples"}
    assert {one.language: (one.split, one.examples) for one in scores.data} == {"de": ("test", 4), "en": ("test", 4)}
    assert scores.best_of is None


def test_a_card_tells_of_all_trainings(exported: Path) -> None:
    card = read_card(exported / STACK)
    assert [(one.stage, one.tasks) for one in card.trainings] == [
        ("intermediate", ("sandbox/nli",)),
        ("target", ("sandbox/paraphrase",)),
    ]
    assert card.trainings[-1].key == card.key
    assert {one.lr for one in card.trainings} == {0.02}
    assert {one.task for one in card.data} == {"sandbox/nli", "sandbox/paraphrase"}
    warm = read_card(exported / "mini-lora-sandbox-nli-sandbox-ner-s1")
    assert [one.tasks for one in warm.trainings] == [("sandbox/nli",), ("sandbox/ner",)]
    assert [piece.package for piece in warm.attachments] == [None]
    mixed = read_card(exported / "mini-stack-mix-s1")
    assert mixed.trainings[0].tasks in {("sandbox/nli", "sandbox/text"), ("sandbox/text", "sandbox/nli")}
    assert mixed.task is None
    head = read_card(exported / "mini-head-sandbox-paraphrase-s1")
    assert (head.attachments, head.layout) == ((), None)


def test_an_encoder_in_a_folder_has_no_name(exported: Path, sweep: Any) -> None:
    card = read_card(exported / "own-stack-sandbox-nli-sandbox-paraphrase-s1")
    assert card.base.name is None
    assert card.base.random
    assert card.base.parameters == sum(parameter.numel() for parameter in _bare(sweep.root / "encoder").parameters())
    config = json.loads((exported / card.id / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] is None
    sandbox = read_card(exported / STACK).base
    assert (sandbox.name, sandbox.random) == ("sandbox/mini", False)


def _bare(folder: Path) -> torch.nn.Module:
    from transformers import AutoModel

    model: torch.nn.Module = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    return model


def test_other_weights_in_its_place_are_not_random(tmp_path: Path, sweep: Any) -> None:
    from layover.encoder.files import is_random

    (tmp_path / "encoder").mkdir()
    for file in (sweep.root / "encoder").iterdir():
        (tmp_path / "encoder" / file.name).write_bytes(file.read_bytes())
    assert is_random(tmp_path / "encoder")
    model = _bare(tmp_path / "encoder")
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    model.save_pretrained(tmp_path / "encoder")  # type: ignore[operator]
    assert not is_random(tmp_path / "encoder")


def test_nothing_says_who_made_it_where(exported: Path, sweep: Any) -> None:
    words = {str(Path.home()), tempfile.gettempdir(), str(sweep.root), *("/tmp", "/home", "/root", "/Users")}  # noqa: S108
    # a machine or a user may be called what a package rightly says
    words |= {socket.gethostname(), getpass.getuser()} - {
        "localhost",
        "base",
        "data",
        "layover",
        "model",
        "test",
        "user",
    }
    alone = rb"(?<![A-Za-z0-9_-])(" + b"|".join(re.escape(word).encode() for word in words) + rb")(?![A-Za-z0-9_-])"
    looked = 0
    for file in exported.rglob("*"):
        if file.is_file():
            looked += 1
            assert re.search(alone, _words(file)) is None, file.relative_to(exported)
    assert looked > 200


def _words(file: Path) -> bytes:
    """Return what of a file is neither a number nor a pixel, among which any short word may stand by chance."""
    content = file.read_bytes()
    if file.suffix == ".png":
        return re.sub(rb"IDAT.*IEND", b"", content, flags=re.DOTALL)
    if file.suffix == ".safetensors":
        return content[8 : 8 + int.from_bytes(content[:8], "little")]
    return content


def test_a_second_export_leaves_the_first_alone(exported: Path, sweep: Any) -> None:
    before = {file: file.read_bytes() for file in exported.rglob("*") if file.is_file()}
    wanted = choose(sweep.plan, sweep.store, [sweep.cell("mini/stack/sandbox/nli/sandbox/paraphrase")])
    export = Export(sweep.plan, sweep.store, exported)
    assert export.packages(wanted) == [exported / STACK]
    assert export.written == []
    assert {file: file.read_bytes() for file in exported.rglob("*") if file.is_file()} == before


def test_a_training_is_exported_by_its_key(exported: Path, sweep: Any, tmp_path: Path) -> None:
    key = read_card(exported / "mini-stack-sandbox-nli-s1").key
    (wanted,) = choose(sweep.plan, sweep.store, [key[:10]])
    assert (wanted.id, wanted.cell) == ("mini-stack-sandbox-nli-s1", None)
    Export(sweep.plan, sweep.store, tmp_path / "out").packages([wanted])
    assert read_card(tmp_path / "out" / wanted.id).key == key


def test_the_best_of_every_target(sweep: Any, tmp_path: Path) -> None:
    from layover.report.rows import rows_of

    rows = rows_of(sweep.plan, sweep.store)
    notes: list[str] = []
    best = {one.name: one for one in best_per_target(sweep.plan, rows, note=notes.append)}
    assert set(best) == {"sandbox/paraphrase", "sandbox/ner", "sandbox/copa", "sandbox/qa", "sandbox/nli_legal"}
    for target, one in best.items():
        able = [row for row in rows if row.cell.target == target and row.cell.method != "full"]
        assert one.cell is not None
        assert max(row.value for row in able) == next(row.value for row in able if row.cell == one.cell)
        assert one.best_of == (len(able) if len(able) > 1 else None)
    Export(sweep.plan, sweep.store, tmp_path).packages([best["sandbox/ner"]])
    scores = read_card(tmp_path / best["sandbox/ner"].id).scores
    assert scores is not None
    assert scores.best_of == 3
    assert (
        "**Chosen by the scores shown**: of 3 combinations"
        in (tmp_path / best["sandbox/ner"].id / "README.md").read_text()
    )
    assert "chosen by the scores shown" in (tmp_path / "README.md").read_text()


def test_a_name_of_ones_own(sweep: Any, tmp_path: Path) -> None:
    (folder,) = sweep.export(tmp_path, "mini/bn", name="my_reader")
    assert folder == tmp_path / "my_reader"
    assert read_card(folder).id == "my_reader"
    assert json.loads((folder / "adapterhub" / "adapter_config.json").read_text())["name"] == "my_reader"
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "my_reader", "mini-fuse-sandbox-nli-s1"}


def test_long_names_stay_two() -> None:
    words = ["mini", "stack", *(f"sandbox/nli_{number}" for number in range(8))]
    one, other = (choosing.identifier(*words, seed) for seed in ("s1", "s2"))
    assert one != other
    assert len(one) == len(other) == choosing.LONGEST
    assert choosing.identifier("1st", "a/b") == "m-1st-a-b"


@pytest.mark.parametrize(
    ("called", "reason"),
    [
        ("a.b", "letters, digits"),
        ("1a", "must begin with a letter"),
        ("../up", "letters, digits"),
        ("", "letters, digits"),
        ("x" * 81, "80 at most"),
        ("train", "already use this name"),
        ("forward", "already use this name"),
    ],
    ids=lambda value: value[:8],
)
def test_names_that_cannot_be(sweep: Any, tmp_path: Path, called: str, reason: str) -> None:
    with pytest.raises(LayoverError, match=reason):
        sweep.export(tmp_path / "out", "mini/head", name=called)
    assert not (tmp_path / "out").exists()


def test_one_name_for_two(sweep: Any, tmp_path: Path) -> None:
    with pytest.raises(LayoverError, match="for a single package, but 2 are exported"):
        sweep.export(tmp_path / "out", "mini/head", "mini/dora", name="one")


@pytest.mark.parametrize(
    ("start", "options", "reason"),
    [
        ("mini/full/none", {}, "trains all weights"),
        ("mini/bn", {"flatten": True}, "bottleneck does not change the frozen weights linearly"),
        ("mini/ties", {"flatten": True}, "merge by ties is not a sum"),
        ("mini/fuse", {"flatten": True}, "fuse is not a sum"),
        ("mini/route", {"flatten": True}, "route is not a sum"),
        ("mini/dora", {"flatten": True}, "already a single module"),
        ("mini/lora", {"flatten": True}, "already a single module"),
        ("mini/lora", {"adapterhub": True}, "a single rank and a single alpha"),
        ("mini/dora", {"adapterhub": True}, "Layover writes dora in peft's files only"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(
    sweep: Any, tmp_path: Path, start: str, options: dict[str, bool], reason: str
) -> None:
    with pytest.raises(LayoverError, match=reason):
        sweep.export(tmp_path / "deep" / "out", start, **options)
    assert list(tmp_path.iterdir()) == []


def test_one_that_cannot_be_keeps_the_others_from_being_written(sweep: Any, tmp_path: Path) -> None:
    with pytest.raises(LayoverError, match="trains all weights"):
        sweep.export(tmp_path / "out", "mini/head", "mini/full/none")
    assert list(tmp_path.iterdir()) == []


def test_retrieval_has_nothing_to_export(sweep: Any) -> None:
    with pytest.raises(LayoverError, match="nothing is trained for this target"):
        choose(sweep.plan, sweep.store, [sweep.cell("mini/stack/sandbox/nli/sandbox/aligned")])


def test_unknown_and_unfinished_cells(sweep: Any, tmp_path: Path) -> None:
    from layover.store import Store

    with pytest.raises(LayoverError, match="did you mean 'mini/head/none/sandbox/paraphrase/1'"):
        choose(sweep.plan, sweep.store, ["mini/hed/none/sandbox/paraphrase/1"])
    with pytest.raises(LayoverError, match="not finished"):
        choose(sweep.plan, Store(tmp_path / "empty"), [sweep.cell("mini/head")])
    with pytest.raises(LayoverError, match="no training of the recipe"):
        choose(sweep.plan, sweep.store, ["0123456789abcdef"])
    with pytest.raises(LayoverError, match="there is no best cell"):
        best_per_target(sweep.plan, [], note=print)


def test_a_method_on_language_adapters_is_refused(sweep: Any) -> None:
    (wanted,) = choose(sweep.plan, sweep.store, [sweep.cell("mini/bn")])
    method = replace_method(sweep.plan, wanted.method)
    assert "language adapters" in choosing.refuses(method, wanted)


def replace_method(plan: Plan, name: str) -> Plan:
    """Return the plan as it would be if a method acted on top of language adapters."""
    methods = {**plan.recipe.methods, name: replace_languages(plan.recipe.methods[name])}
    return replace(plan, recipe=plan.recipe.model_copy(update={"methods": methods}))


def replace_languages(method: Any) -> Any:
    return method.model_copy(update={"languages": True})


def test_another_thing_in_its_place(sweep: Any, tmp_path: Path) -> None:
    place = tmp_path / "mini-head-sandbox-paraphrase-s1"
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    with pytest.raises(LayoverError, match="is not a package"):
        sweep.export(tmp_path, "mini/head")
    assert [path.name for path in place.iterdir()] == ["mine.txt"]
    sweep.export(tmp_path, "mini/dora", name="taken")
    with pytest.raises(LayoverError, match="is another package"):
        sweep.export(tmp_path, "mini/head", name="taken")
    sweep.export(tmp_path, "mini/stack/none", name="plain")
    with pytest.raises(LayoverError, match="without AdapterHub's layout"):
        sweep.export(tmp_path, "mini/stack/none", name="plain", adapterhub=True)


def test_what_it_needs_lies_there_with_other_weights(sweep: Any, exported: Path, tmp_path: Path) -> None:
    """The same training on another machine has other roundings: nobody could open the package that rests on it."""
    shutil.copytree(exported / "mini-stack-sandbox-nli-s1", tmp_path / "mini-stack-sandbox-nli-s1")
    card = read_card(tmp_path / "mini-stack-sandbox-nli-s1")
    piece = card.attachments[0].model_copy(update={"weights_sha256": "0" * 64})
    write_card(tmp_path / card.id, card.model_copy(update={"attachments": (piece,)}))
    with pytest.raises(LayoverError, match="has other weights"):
        sweep.export(tmp_path, "mini/stack/sandbox/nli/sandbox/paraphrase")
    assert [path.name for path in tmp_path.iterdir()] == ["mini-stack-sandbox-nli-s1"]


def test_a_page_of_somebody_else_is_kept(sweep: Any, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# My project\n")
    with pytest.raises(LayoverError, match="was not written by Layover"):
        sweep.export(tmp_path, "mini/head")
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_failure_in_the_middle_leaves_nothing(sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(draft, "write_card", fail)
    with pytest.raises(OSError, match="No space"):
        sweep.export(tmp_path / "out", "mini/head")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from layover.cli.shared import planned
from layover.hub import draft
from layover.hub.choose import choose
from layover.hub.export import Export
from layover.hub.options import Options
from layover.hub.verify import verify

draft.write_card = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
found = planned(Path("recipe.yaml"), [], Path("store"))
Export(found.plan, found.store, Path(sys.argv[1])).packages(choose(found.plan, found.store, [sys.argv[2]]))
"""


def test_killed_in_the_middle(sweep: Any, tmp_path: Path) -> None:
    label = sweep.cell("mini/head")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), label],
        cwd=sweep.root,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
    (folder,) = sweep.export(tmp_path, "mini/head")
    assert read_card(folder).id == folder.name
    assert len(read_card(folder).files) == 3


def test_the_command(sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "layover", "export", "recipe.yaml", sweep.cell("mini/full/none"), "--to", "out"],
        cwd=sweep.root,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "only modules are exported" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (sweep.root / "out").exists()


def test_the_command_writes_the_best(sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sweep.root)
    app, runner, to = build_app(), CliRunner(), ("--to", str(tmp_path / "out"))
    both = runner.invoke(app, ["export", "recipe.yaml", sweep.cell("mini/head"), "--all", "best-per-target", *to])
    assert str(both.exception) == "name the cells to export, or use --all best-per-target"
    arguments = ["export", "recipe.yaml", "--all", "best-per-target", "sweep.target=[sandbox/ner]", *to]
    done = runner.invoke(app, [*arguments, "--json"])
    answer = json.loads(done.stdout)
    assert answer["packages"][0] in answer["written"]
    assert (tmp_path / "out" / "README.md").is_file()
    again = runner.invoke(app, arguments)
    assert again.stdout == f"{answer['packages'][0]}: already exists\n"


def test_a_module_that_says_nothing_of_other_libraries_is_exported_and_the_command_says_so(
    sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a module of somebody's own, whose file has neither `to_peft` nor `to_adapters`."""
    monkeypatch.chdir(sweep.root)
    kind = modules.get("lora")
    for name in ("to_peft", "to_adapters", "noun"):
        monkeypatch.delattr(kind, name)
    app, runner, to = build_app(), CliRunner(), ("--to", str(tmp_path))
    label = sweep.cell("mini/stack/none")
    refused = runner.invoke(app, ["export", "recipe.yaml", label, "--name", "mine", "--adapterhub", *to])
    adapters = "Layover cannot write lora as adapters yet: the module does not define `to_adapters`"
    assert str(refused.exception) == f"mine: AdapterHub's layout: {adapters}"
    done = runner.invoke(app, ["export", "recipe.yaml", label, "--name", "mine", *to])
    peft = "Layover cannot write lora as peft yet: the module does not define `to_peft`"
    assert done.stdout.splitlines() == [
        f"{tmp_path / 'mine'}: written; its module is only in Layover's own layout: {adapters}; {peft}"
    ]
    assert {file.name for file in (tmp_path / "mine").glob("*.safetensors")} == {
        "module.safetensors",
        "head.safetensors",
    }
    assert not (tmp_path / "mine" / CONFIG).exists()
    text = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    assert f"peft cannot be used: {peft}." in text
    assert f"adapters cannot be used: {adapters}." in text
    assert "A lora for the frozen encoder" in text
    states = {one.name: one.state for one in verify(tmp_path / "mine").results}
    assert {name for name, state in states.items() if state == "FAIL"} == set()
    assert (states["probe"], states["peft"], states["adapters"]) == ("ok", "skip", "skip")


def test_layers_are_left_out_as_in_the_cells_own_predictions(exported: Path) -> None:
    """One training may be shared by cells that leave out different numbers of them."""
    whole, dropped = read_card(exported / STACK), read_card(exported / STACK.replace("stack", "drop"))
    assert whole.key == dropped.key
    assert (whole.skipped_layers, dropped.skipped_layers) == (0, 2)


def test_a_package_that_is_there_must_be_the_same(sweep: Any, tmp_path: Path) -> None:
    start = "mini/stack/sandbox/nli/sandbox/par"
    sweep.export(tmp_path, start, name="one")
    before = (tmp_path / "one" / CARD).read_bytes()
    assert sweep.export(tmp_path, start, name="one") == [tmp_path / "one"]
    with pytest.raises(LayoverError, match="is another package than mini-drop"):
        sweep.export(tmp_path, "mini/drop", name="one")
    (wanted,) = choose(sweep.plan, sweep.store, [sweep.cell(start)])
    again = Export(sweep.plan, sweep.store, tmp_path, Options(name="one"))
    with pytest.raises(LayoverError, match=r"has other scores than .* or another choice of the best cell"):
        again.packages([replace(wanted, best_of=3)])
    assert (tmp_path / "one" / CARD).read_bytes() == before
