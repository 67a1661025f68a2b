"""An encoder in a directory is the one of the plan, or an error."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from layover.errors import ModelError
from layover.files.checkpoints import local_weights
from layover.identity import file_sha256
from layover.plan.encoders import in_folder
from layover.specs import EncoderSpec
from layover.steps.unchanged import check_encoder
from layover.store import FileHashes


def encoder(folder: Path) -> EncoderSpec:
    return replace(in_folder(folder, file_sha256), label="m", source=str(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_changed_since_the_plan_is_refused(folder: Path, name: str) -> None:
    planned = encoder(folder)
    check_encoder(planned, FileHashes())
    file, stat = folder / name, (folder / name).stat()
    body = file.read_bytes()
    file.unlink()
    file.write_bytes(bytes([body[0] ^ 1]) + body[1:])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # neither size nor time tell of it
    with pytest.raises(ModelError, match="its config or weights have changed since the plan was made; run again"):
        check_encoder(planned, FileHashes())
    check_encoder(encoder(folder), FileHashes())


def test_a_file_that_is_gone_is_told(folder: Path) -> None:
    planned = encoder(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json: cannot be read: No such file"):
        check_encoder(planned, FileHashes())


def test_the_weights_are_those_that_are_loaded(folder: Path) -> None:
    before = encoder(folder).canonical()
    (folder / "adapter.safetensors").write_bytes(b"of no use")
    assert encoder(folder).canonical() == before
    (folder / "model.safetensors").unlink()
    assert local_weights(folder) == []
    index = folder / "model.safetensors.index.json"
    for name in "ab":
        (folder / f"{name}.safetensors").write_bytes(name.encode())
    found = []
    for names in (["a"], ["b"], ["b", "a"]):
        index.write_text(json.dumps({"weight_map": {name: f"{name}.safetensors" for name in names}}), encoding="utf-8")
        assert [file.stem for file in local_weights(folder)] == sorted(names)
        found.append(encoder(folder).canonical()["weights"])
    assert len({str(one) for one in found}) == 3
    index.write_text('{"weight_map": {"c": "c.safetensors"}}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"names c\.safetensors, but this file is missing"):
        local_weights(folder)
    index.write_text('{"weight_map": {"c": "../c.safetensors"}}', encoding="utf-8")
    with pytest.raises(ModelError, match="which is not a file of this model"):
        local_weights(folder)
