"""A finished sweep over the sandbox, its packages, and ways to damage them as a stranger would."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import CommitInfo, ModelInfo
from huggingface_hub.utils import filter_repo_objects
from safetensors.torch import load_file, save_file
from tests.command import layover_process as layover
from tests.shared_folder import made_once
from torch import Tensor

RECIPE = """\
schema: 1
name: tiny
models: {mini: {name: sandbox/mini}}
methods:
  lora: {module: lora, compose: stack, lr: 3e-3, rank: 4, alpha: 8}
  bn:   {module: bottleneck, compose: stack, lr: 5e-3, reduction: 8}
  par:  {module: bottleneck, placement: parallel, layers: top-2, compose: stack, lr: 5e-3, reduction: 8}
  fuse: {module: lora, compose: {name: fuse, mixer: gated}, lr: 3e-3, rank: 2}
  none: {module: none}
train: {batch: 16, epochs: 1, max_length: 64, stride: 16, select: null}
tasks:
  sandbox/nli:        {limit: {train: 16}}
  sandbox/completion: {limit: {train: 16}}
  sandbox/ner:        {limit: {train: 16, test: 4}}
sweep:
  model: [mini]
  method: [lora, bn, par, fuse, none]
  intermediate: [none, sandbox/nli, [sandbox/nli, sandbox/completion]]
  target: [sandbox/ner]
  seed: [1]
  exclude:
    - {method: [lora, bn, par], intermediate: [none, sandbox/nli+sandbox/completion]}
    - {method: fuse, intermediate: [none, sandbox/nli]}
    - {method: none, intermediate: [sandbox/nli, sandbox/nli+sandbox/completion]}
eval: {languages: [en]}
run: {workers: 1, threads: 1, device: cpu}
"""
CELLS = (
    "lora/sandbox/nli",
    "bn/sandbox/nli",
    "par/sandbox/nli",
    "fuse/sandbox/nli+sandbox/completion",
    "none/none",
)

PICKLES = ("adapterhub/pytorch_adapter.bin", "adapterhub/pytorch_model_head.bin")
LORA, LORA_NLI = "mini-lora-sandbox-nli-sandbox-ner-s1", "mini-lora-sandbox-nli-s1"
BN, BN_NLI = "mini-bn-sandbox-nli-sandbox-ner-s1", "mini-bn-sandbox-nli-s1"
PAR, HEAD = "mini-par-sandbox-nli-sandbox-ner-s1", "mini-none-sandbox-ner-s1"
FUSE = "mini-fuse-sandbox-nli-sandbox-completion-sandbox-ner-s1"


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of a tiny sweep; tests only read them."""
    with made_once(tmp_path_factory, "hub-sweep") as (root, needed):
        if needed:
            (root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
            layover("run", "recipe.yaml", cwd=root)
            layover("export", "recipe.yaml", *(f"mini/{cell}/sandbox/ner/1" for cell in CELLS), cwd=root)
    return root / "adapters_hub_export"


class Packages:
    """Copies of packages, and what a person with a text editor and a library could do to them."""

    lora, lora_nli, bn, bn_nli, par, fuse, head = LORA, LORA_NLI, BN, BN_NLI, PAR, FUSE, HEAD

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

    def add_pickles(self, name: str, content: bytes = b"anything") -> list[Path]:
        """Make a package for adapters what version 0.1 wrote: pickles beside, and on the card; return them."""
        files = [self.root / name / pickle for pickle in PICKLES]
        for file in files:
            file.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        self.edit_card(name, lambda card: card["files"].update(dict.fromkeys(PICKLES, digest)))
        return files

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
        from layover.packages.card import read_card
        from layover.packages.fingerprint import of_weights
        from layover.packages.package import Package

        folder = self.root / name
        digest = of_weights(Package(folder, read_card(folder)).stored_module().weights())

        def change(card: dict[str, Any]) -> None:
            (own,) = (piece for piece in card["pieces"] if piece["package"] is None)
            own["weights_sha256"] = digest

        self.edit_card(name, change)


@pytest.fixture
def packages(exported: Path, tmp_path: Path) -> Packages:
    """Copies to be damaged."""
    return Packages(exported, tmp_path / "packages")


@pytest.fixture(scope="session")
def fuzzed(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Copies that a test damages and mends many times."""
    return Packages(exported, tmp_path_factory.mktemp("fuzzed") / "packages")


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


class Hub:
    """Repositories in memory, behind the functions of huggingface_hub that Layover calls.

    It takes what they take (`test_the_fake_takes_what_the_hub_takes`), answers with their own types, and chooses files
    with their own filter.
    """

    def __init__(self) -> None:
        self.branches: dict[str, dict[str, str]] = {}
        """Repository -> branch -> commit."""
        self.commits: dict[str, dict[str, bytes]] = {}
        """Commit -> its files."""
        self.asked: list[str] = []
        self.private: dict[str, bool | None] = {}
        self.fetched: list[str] = []

    def put(self, repository: str, folder: Path, **more: bytes) -> str:
        """Commit all files of a folder to the main branch; return the commit."""
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return self._commit(repository, "main", {**files, **{name.replace("__", "."): more[name] for name in more}})

    def files(self, repository: str, branch: str = "main") -> dict[str, bytes]:
        return self.commits[self.branches[repository][branch]]

    def _commit(self, repository: str, branch: str, files: dict[str, bytes]) -> str:
        commit = hashlib.sha1(f"{len(self.commits)}".encode()).hexdigest()  # noqa: S324
        self.commits[commit] = files
        self.branches.setdefault(repository, {})[branch] = commit
        return commit

    def _resolved(self, repository: str, revision: str | None) -> str:
        named = self.branches[repository]
        commit = named.get(revision or "main", revision or "")
        assert commit in self.commits, f"{repository} has no {revision}"
        return commit

    def repo_info(
        self,
        repo_id: str,
        *,
        revision: str | None = None,
        repo_type: str | None = None,
        timeout: float | None = None,
        files_metadata: bool = False,
    ) -> ModelInfo:
        self.asked.append(f"repo_info {repo_id} {revision}")
        assert repo_type == "model"
        assert timeout is not None
        assert files_metadata
        commit = self._resolved(repo_id, revision)
        siblings = [{"rfilename": name, "size": len(content)} for name, content in self.commits[commit].items()]
        return ModelInfo(id=repo_id, sha=commit, siblings=siblings)

    def snapshot_download(
        self,
        repo_id: str,
        *,
        repo_type: str | None = None,
        revision: str | None = None,
        local_dir: str | Path | None = None,
        allow_patterns: list[str] | str | None = None,
    ) -> str:
        self.asked.append(f"snapshot_download {repo_id} {revision}")
        assert repo_type == "model"
        assert local_dir is not None
        assert revision in self.commits, "a branch may have moved since it was looked at"
        files = self.commits[revision]
        for name in filter_repo_objects(files, allow_patterns=allow_patterns):
            target = Path(local_dir) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files[name])
            self.fetched.append(name)
        (Path(local_dir) / ".cache" / "huggingface").mkdir(parents=True)
        return str(local_dir)

    def create_repo(
        self, repo_id: str, *, private: bool | None = None, repo_type: str | None = None, exist_ok: bool = False
    ) -> None:
        self.asked.append(f"create_repo {repo_id}")
        assert repo_type == "model"
        assert exist_ok
        if repo_id not in self.branches:
            self.private[repo_id] = private
            self._commit(repo_id, "main", {".gitattributes": b"*.bin filter=lfs\n"})

    def create_branch(self, repo_id: str, *, branch: str, repo_type: str | None = None, exist_ok: bool = False) -> None:
        self.asked.append(f"create_branch {repo_id} {branch}")
        assert exist_ok
        assert repo_type == "model"
        self.branches[repo_id].setdefault(branch, self.branches[repo_id]["main"])

    def upload_folder(
        self,
        *,
        repo_id: str,
        folder_path: str | Path,
        commit_message: str | None = None,
        repo_type: str | None = None,
        revision: str | None = None,
        allow_patterns: list[str] | str | None = None,
        delete_patterns: list[str] | str | None = None,
    ) -> CommitInfo:
        self.asked.append(f"upload_folder {repo_id} {revision}")
        assert repo_type == "model"
        assert commit_message
        folder = Path(folder_path)
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        before = self.files(repo_id, revision or "main")
        removed = set(filter_repo_objects(before, allow_patterns=delete_patterns)) if delete_patterns else set()
        kept = {name: content for name, content in before.items() if name not in removed}
        sent = {
            name: (folder / name).read_bytes() for name in filter_repo_objects(names, allow_patterns=allow_patterns)
        }
        commit = self._commit(repo_id, revision or "main", {**kept, **sent})
        url = f"https://huggingface.co/{repo_id}/commit/{commit}"
        return CommitInfo(commit_url=url, commit_message=commit_message, commit_description="", oid=commit)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub, without a network."""
    found = Hub()
    for name in ("repo_info", "create_repo", "create_branch", "upload_folder"):
        # a static method is called as any other, without the HfApi that it is asked of
        monkeypatch.setattr(huggingface_hub.HfApi, name, staticmethod(getattr(found, name)))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", found.snapshot_download)
    return found
