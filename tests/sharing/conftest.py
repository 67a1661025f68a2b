"""A finished sweep over the sandbox, its packages, and ways to damage them as a stranger would."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

RECIPE = """\
schema: 1
name: tiny
models: {mini: {name: sandbox/mini}}
methods:
  lora: {module: lora, compose: stack, lr: 3e-3, rank: 4, alpha: 8}
  bn:   {module: bottleneck, compose: stack, lr: 5e-3, reduction: 8}
  fuse: {module: lora, compose: {name: fuse, mixer: gated}, lr: 3e-3, rank: 2}
train: {batch: 16, epochs: 1, max_length: 64, stride: 16, select: null}
tasks:
  sandbox/nli:        {limit: {train: 16}}
  sandbox/completion: {limit: {train: 16}}
  sandbox/ner:        {limit: {train: 16, test: 4}}
sweep:
  model: [mini]
  method: [lora, bn, fuse]
  intermediate: [sandbox/nli, [sandbox/nli, sandbox/completion]]
  target: [sandbox/ner]
  seed: [1]
  exclude:
    - {method: fuse, intermediate: sandbox/nli}
    - {method: [lora, bn], intermediate: sandbox/nli+sandbox/completion}
eval: {languages: [en]}
run: {workers: 1, threads: 1, device: cpu}
"""
CELLS = ("lora/sandbox/nli", "bn/sandbox/nli", "fuse/sandbox/nli+sandbox/completion")

LORA, LORA_NLI = "mini-lora-sandbox-nli-sandbox-ner-s1", "mini-lora-sandbox-nli-s1"
BN, BN_NLI = "mini-bn-sandbox-nli-sandbox-ner-s1", "mini-bn-sandbox-nli-s1"
FUSE = "mini-fuse-sandbox-nli-sandbox-completion-sandbox-ner-s1"


def layover(*arguments: str, cwd: Path) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [sys.executable, "-m", "layover", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of a tiny sweep; tests only read them."""
    root = tmp_path_factory.mktemp("sweep")
    (root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    layover("run", "recipe.yaml", cwd=root)
    layover("export", "recipe.yaml", *(f"mini/{cell}/sandbox/ner/1" for cell in CELLS), cwd=root)
    return root / "adapters_hub_export"


class Packages:
    """Copies of packages, and what a person with a text editor and a library could do to them."""

    lora, lora_nli, bn, bn_nli, fuse = LORA, LORA_NLI, BN, BN_NLI, FUSE

    def __init__(self, exported: Path, root: Path) -> None:
        self.root = root
        shutil.copytree(exported, root)

    def __getitem__(self, name: str) -> Path:
        return self.root / name

    def card(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / name / "transfer_card.json").read_text(encoding="utf-8"))
        return found

    def write_card(self, name: str, card: dict[str, Any]) -> None:
        (self.root / name / "transfer_card.json").write_text(json.dumps(card), encoding="utf-8")

    def edit_card(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        card = self.card(name)
        change(card)
        self.write_card(name, card)

    def edit_json(self, package: str, file: str, /, **changes: object) -> None:
        """Change a config, and seal the package again."""
        path = self.root / package / file
        values = {**json.loads(path.read_text(encoding="utf-8")), **changes}
        path.write_text(json.dumps(values), encoding="utf-8")
        self.seal(package)

    def edit_weights(self, name: str, file: str, change: Callable[[dict[str, Tensor]], None]) -> None:
        """Change a safetensors file, and seal the package again."""
        path = self.root / name / file
        weights = load_file(path)
        change(weights)
        save_file({key: value.contiguous() for key, value in weights.items()}, path, metadata={"format": "pt"})
        self.seal(name)

    def seal(self, name: str) -> None:
        """Make the hashes of the card those of the files, as whoever changes them would."""
        folder = self.root / name
        card = self.card(name)
        kept = {"transfer_card.json", "README.md"}
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        card["files"] = {
            one: hashlib.sha256((folder / one).read_bytes()).hexdigest() for one in names if one not in kept
        }
        self.write_card(name, card)

    def seal_weights(self, name: str) -> None:
        """Make the hash of the module's weights on the card that of the file, too."""
        from layover.sharing.card import read_card
        from layover.sharing.fingerprint import of_weights
        from layover.sharing.package import Package

        folder = self.root / name
        digest = of_weights(Package(folder, read_card(folder)).found().weights())

        def change(card: dict[str, Any]) -> None:
            (own,) = (piece for piece in card["pieces"] if piece["package"] is None)
            own["weights_sha256"] = digest

        self.edit_card(name, change)


@pytest.fixture
def packages(exported: Path, tmp_path: Path) -> Packages:
    """Copies to be damaged."""
    return Packages(exported, tmp_path / "packages")


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `layover ARGUMENTS` in this process: exit code, standard output, standard error."""
    from layover.cli.main import main

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["layover", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        code = stopped.value.code
        assert code is None or isinstance(code, int)
        return code or 0, said.out, said.err

    return run
