"""What a recipe with names of the hub can do without a network: before it was planned, after that, and when it ran."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.files.test_whole import RECIPE, data

from layover.store import Store
from layover_sandbox.encoders import folder_of

if TYPE_CHECKING:
    from tests.files.conftest import Hub, User

VERBS = ("run", "status", "report")
BAR = ("it/s]", "%|", "examples/s", "B/s]", "Fetching", "Retrying")


def files_of_mini() -> dict[str, bytes]:
    folder = folder_of("sandbox/mini")
    assert folder is not None
    return {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors", "tokenizer.json")}


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the only line of an error of which a person can mend the cause."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.slow
def test_without_a_network_every_verb_says_so_in_a_line(user: User, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    planned = user.without_network("plan", "recipe.yaml", "--json", folder=tmp_path)
    assert (planned.returncode, planned.stderr) == (0, "")
    (note,) = (note for note in json.loads(planned.stdout)["notes"] if "provisional" in note)
    assert "the hub at https://huggingface.co cannot be reached" in note
    Store(tmp_path / "store")
    for verb in VERBS:
        line = one_line(user.without_network(verb, "recipe.yaml", folder=tmp_path))
        assert "the hub at https://huggingface.co cannot be reached" in line
        assert "models/org/encoder@main, datasets/allenai/scitail@main" in line
    line = one_line(user.without_network("data", "check", "scitail", folder=tmp_path))
    assert "the commit of datasets/allenai/scitail@main" in line
    assert not (tmp_path / "reports").exists()


@pytest.mark.slow
def test_from_a_hub_id_to_a_report_and_again_offline(hub: Hub, user: User, tmp_path: Path) -> None:
    hub.push("model", "org/encoder", files_of_mini())
    hub.push("dataset", "allenai/scitail", data(6))
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    Store(tmp_path / "store")
    said = []

    def verb(name: str, *arguments: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
        done = user.layover(name, *(arguments or ("recipe.yaml",)), offline=offline, folder=tmp_path)
        said.append(done.stdout + done.stderr)
        return done

    assert verb("check").returncode == 0
    assert verb("plan").returncode == 0
    before = len(hub.requests)
    planned = json.loads(verb("plan", "recipe.yaml", "--json", offline=True).stdout)
    lacking = [note for note in planned["notes"] if "the local cache does not have" in note]
    assert len(lacking) == 1
    assert "models/org/encoder@" in lacking[0]
    assert lacking[0].count("datasets/allenai/scitail@") == 1
    assert "the local cache does not have" in one_line(verb("run", offline=True))
    assert verb("status", offline=True).returncode == 0, "the commits are remembered"
    assert len(hub.requests) == before
    shown = user.on_a_terminal("data", "check", "scitail", "--split", "test", folder=tmp_path)
    assert shown.stdout.startswith("scitail: "), "no bar of a download stands before it"
    assert "6 examples" in shown.stdout
    said.append(shown.stdout)
    assert verb("run").returncode == 0
    hub.close()
    done = verb("status", "recipe.yaml", "--json")
    assert json.loads(done.stdout)["cells"] == {"scitail": [1, 1]}, done.stderr
    assert "1 of 1 cells finished" in verb("run").stdout
    assert verb("report").returncode == 0
    assert "| missing" not in (tmp_path / "reports" / "hubbed" / "report.md").read_text(encoding="utf-8")
    checked = verb("data", "check", "scitail", "--split", "test", offline=True)
    assert "6 examples" in checked.stdout, checked.stderr
    assert not [bar for bar in BAR if any(bar in text for text in said)]


def test_a_module_of_the_hub_is_planned_on_a_cold_machine(hub: Hub, user: User, tmp_path: Path, foreign: Path) -> None:
    hub.push("model", "org/encoder", files_of_mini())
    lora = {file.name: file.read_bytes() for file in (foreign / "lora").iterdir() if file.is_file()}
    hub.push("model", "org/adapter", lora)
    hub.push("dataset", "allenai/scitail", data(6))
    recipe = (
        RECIPE.replace("intermediate: [none]", "intermediate: [mine]")
        .replace(
            "methods: {head: {module: none, lr: 1e-2}}",
            "modules: {mine: {hub: org/adapter, revision: main}}\n"
            "methods: {lora: {module: lora, rank: 4, alpha: 8, lr: 1e-3}}",
        )
        .replace("method: [head]", "method: [lora]")
    )
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    done = user.layover("plan", "recipe.yaml", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["by_kind"]["import"] == 1
    weights = [one for one in hub.requests if "org/encoder" in one and "safetensors" in one and one.startswith("GET")]
    assert not weights, "a plan downloads no weights of an encoder"


def test_doctor_asks_the_hub_that_is_named(hub: Hub, user: User, tmp_path: Path) -> None:
    assert json.loads(user.layover("doctor", "--json", folder=tmp_path).stdout)["hub"].startswith(f"{hub.url} answers")
    hub.close()
    told = json.loads(user.layover("doctor", "--json", folder=tmp_path).stdout)["hub"]
    assert told.startswith(f"the hub at {hub.url} cannot be reached")


def test_the_suite_meets_ctrl_c_however_it_was_started() -> None:
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
