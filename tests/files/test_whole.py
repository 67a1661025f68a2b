"""A sweep over a model and data of the hub: what the record says is what was read."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover_sandbox.encoders import folder_of

if TYPE_CHECKING:
    from tests.files.conftest import Hub, User

RECIPE = """\
schema: 1
name: hubbed
models: {mini: {name: org/encoder}}
methods: {head: {module: none, lr: 1e-2}}
train: {batch: 8, epochs: 1, max_length: 32, stride: 8, select: null}
sweep: {model: [mini], method: [head], intermediate: [none], target: [scitail], seed: [1]}
run: {workers: 1}
"""


def data(count: int) -> dict[str, bytes]:
    splits = ("train", "validation", "test")
    files = [{"split": split, "path": f"{split}.jsonl"} for split in splits]
    card = {"configs": [{"config_name": "tsv_format", "data_files": files}]}
    found = {"README.md": f"---\n{json.dumps(card)}\n---\n".encode()}
    for split in splits:
        rows = [
            {"premise": f"a {split} house {n}", "hypothesis": "a house", "label": ("entails", "neutral")[n % 2]}
            for n in range(count)
        ]
        found[f"{split}.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows).encode()
    return found


def record_of(folder: Path) -> dict[str, Any]:
    (line,) = (folder / "out" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.slow
def test_a_sweep_tells_the_commits_that_it_read_and_takes_no_other(hub: Hub, user: User, tmp_path: Path) -> None:
    folder = folder_of("sandbox/mini")
    assert folder is not None
    names = ("config.json", "model.safetensors", "tokenizer.json")
    model = hub.push("model", "org/encoder", {name: (folder / name).read_bytes() for name in names})
    old = hub.push("dataset", "allenai/scitail", data(6))
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")

    def run(*overrides: str, offline: bool = False) -> str:
        done = user.layover("run", "recipe.yaml", *overrides, offline=offline, folder=tmp_path)
        return f"{done.returncode} {done.stdout} {done.stderr}"

    def report(*overrides: str) -> None:
        done = user.layover("report", "recipe.yaml", *overrides, "--out", "out", offline=True, folder=tmp_path)
        assert done.returncode == 0, done.stderr

    told = run()
    assert told.startswith("0 "), told
    report()
    record = record_of(tmp_path)["record"]
    source = {"hub": "allenai/scitail", "config": "tsv_format", "commit": old, "files_sha256": []}
    assert record["examples"] == {"en": 6}
    assert record["sources"]["model"]["commit"] == model
    assert record["sources"]["scored"] == {"en": [{**source, "split": "test"}]}
    assert record["sources"]["trained_on"] == [{**source, "split": "train"}]
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert f"| model mini | org/encoder \\@ {model} |" in page, "escaped, so that no name becomes a mention"
    assert f"| scitail, test | allenai/scitail (tsv_format) \\[test\\] \\@ {old} |" in page
    with (tmp_path / "out" / "scores.csv").open(encoding="utf-8", newline="") as stream:
        (line,) = csv.DictReader(stream)
    assert line["model_source"] == f"org/encoder @ {model}"
    assert line["data"] == f"allenai/scitail tsv_format [test] @ {old}"
    assert line["training_data"] == f"allenai/scitail tsv_format [train] @ {old}"

    new = hub.push("dataset", "allenai/scitail", data(4))
    pinned = f"tasks.scitail={{revision: {new}}}"
    told = run(pinned, offline=True)
    assert told.startswith("2 "), told
    assert f"the local cache does not have datasets/allenai/scitail@{new[:12]}" in told
    hub.fail("tree/", times=1)
    told = run(pinned)
    assert told.startswith("0 "), told
    report(pinned)
    record = record_of(tmp_path)["record"]
    assert record["examples"] == {"en": 4}
    assert record["sources"]["scored"]["en"][0]["commit"] == new
