"""pull: what is taken over is exactly a package, checked; all that was asked for, or nothing."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import OfflineModeIsEnabled
from safetensors.torch import load_file, save_file

from layover.errors import LayoverError
from layover.hub.contents import FILES
from layover.hub.pull import pull
from layover.hub.verify import verify

Cli = Callable[..., tuple[int, str, str]]
METHODS = ("repo_info", "create_repo", "create_branch", "upload_folder")


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def zipped(folders: list[Path], file: Path, *, root: bool = False) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            for name, value in content(folder).items():
                archive.writestr(name if root else f"{folder.name}/{name}", value)
    return file


def refused(to: Path, message: str, *arguments: Any, **options: Any) -> None:
    """Hold a pull to fail and to leave nothing behind."""
    before = sorted(to.rglob("*")) if to.exists() else None
    with pytest.raises(LayoverError) as error:
        pull(*arguments, to=to, **options)
    assert message in str(error.value)
    assert (sorted(to.rglob("*")) if to.exists() else None) == before


REAL = {
    **{name: inspect.signature(getattr(huggingface_hub.HfApi, name)) for name in METHODS},
    "snapshot_download": inspect.signature(huggingface_hub.snapshot_download),
}
"""Looked at before any test puts the fake in its place."""


@pytest.mark.parametrize("name", REAL)
def test_the_fake_takes_what_the_hub_takes(hub: Any, name: str) -> None:
    """Whatever the fake may be called with has the name, the kind and the default that it really has."""
    real, fake = REAL[name].parameters, inspect.signature(getattr(hub, name)).parameters
    for parameter in fake.values():
        assert (real[parameter.name].kind, real[parameter.name].default) == (parameter.kind, parameter.default)
    required = {one.name for one in real.values() if one.default is inspect.Parameter.empty} - {"self"}
    assert required <= set(fake)


class TestFolders:
    def test_a_package_with_those_that_it_needs(self, packages: Any, tmp_path: Path) -> None:
        to = tmp_path / "to"
        found = pull(str(packages[packages.fuse]), to)
        assert [one.folder.name for one in found][-1] == packages.fuse
        assert len(found) == 3
        for one in found:
            assert content(one.folder) == content(packages[one.folder.name])
            assert one.verdict is not None
            assert not one.verdict.failed
        assert sorted(path.name for path in to.iterdir()) == sorted(one.folder.name for one in found)
        assert not verify(to / packages.fuse).failed

    def test_again(self, packages: Any, tmp_path: Path) -> None:
        first, again = (pull(str(packages[packages.lora]), tmp_path / "to") for _ in range(2))
        assert [one.new for one in first] == [True, True]
        assert [one.new for one in again] == [False, False]

    def test_other_files_stay_where_they_are(self, packages: Any, tmp_path: Path) -> None:
        folder = packages[packages.lora_nli]
        (folder / ".git").mkdir()
        (folder / "evil.py").write_text("raise SystemExit")
        (folder / "adapter_model.bin").write_bytes(b"x")
        (one,) = pull(str(folder), tmp_path / "to")
        assert one.left == (".git", "adapter_model.bin", "evil.py")
        assert set(content(one.folder)) <= set(FILES)

    def test_something_else_lies_there(self, packages: Any, tmp_path: Path) -> None:
        to = tmp_path / "to"
        shutil.copytree(packages[packages.lora_nli], to / packages.lora_nli)
        (to / packages.lora_nli / "transfer_card.json").write_text("{}")
        refused(to, "schema_version is None", str(packages[packages.lora_nli]))
        shutil.rmtree(to / packages.lora_nli)
        (to / packages.lora_nli).mkdir()
        refused(to, "exists and is something else", str(packages[packages.lora_nli]))

    def test_the_same_card_over_damaged_files(self, packages: Any, tmp_path: Path) -> None:
        to = tmp_path / "to"
        (one,) = pull(str(packages[packages.lora_nli]), to)
        (one.folder / "head.safetensors").write_bytes(b"x")
        refused(to, "FAIL  hashes", str(packages[packages.lora_nli]))

    def test_what_fails_a_check_is_not_kept(self, packages: Any, tmp_path: Path) -> None:
        packages.edit_json(packages.lora_nli, "adapter_config.json", auto_mapping={"parent_library": "os"})
        refused(tmp_path / "to", "FAIL  configs    adapter_config.json: auto_mapping", str(packages[packages.lora_nli]))
        refused(tmp_path / "to", "not kept", str(packages[packages.lora]))

    def test_a_missing_partner_is_no_fault_of_the_card(self, packages: Any, tmp_path: Path) -> None:
        shutil.rmtree(packages[packages.lora_nli])
        refused(tmp_path / "to", "not kept, because a check failed:", str(packages[packages.lora]))
        refused(tmp_path / "to", f"needs the package {packages.lora_nli}", str(packages[packages.lora]))

    def test_a_folder_of_packages(self, packages: Any, tmp_path: Path) -> None:
        names = sorted(path.name for path in packages.root.iterdir() if path.is_dir())
        refused(tmp_path / "to", f"; it holds {len(names)} packages; use one of: {names[0]}, ", str(packages.root))

    @pytest.mark.parametrize("name", ["transfer_card.json", "head.safetensors", "README.md"])
    def test_links(self, packages: Any, tmp_path: Path, name: str) -> None:
        file = packages[packages.lora_nli] / name
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
        refused(tmp_path / "to", "not opened", str(file.parent))

    def test_a_link_to_a_folder(self, packages: Any, tmp_path: Path) -> None:
        inner = packages[packages.bn_nli] / "adapterhub"
        inner.rename(tmp_path / "elsewhere")
        inner.symlink_to(tmp_path / "elsewhere")
        refused(tmp_path / "to", "not followed", str(inner.parent))

    def test_a_pipe(self, packages: Any, tmp_path: Path) -> None:
        file = packages[packages.lora_nli] / "README.md"
        file.unlink()
        os.mkfifo(file)
        refused(tmp_path / "to", "not opened", str(file.parent))

    def test_large_files(self, packages: Any, tmp_path: Path) -> None:
        with (packages[packages.lora_nli] / "README.md").open("wb") as stream:
            stream.truncate(2**40)
        refused(tmp_path / "to", "the limit for this file is 1048576", str(packages[packages.lora_nli]))

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("nowhere", "is neither a folder, nor a zip archive, nor an id"),
            ("../x", "nor an id of the hub"),
            ("a/b/c", "nor an id"),
        ],
    )
    def test_no_source(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        refused(tmp_path / "to", message, source)

    def test_neither_package_nor_module(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        refused(tmp_path / "to", "no package and no module", str(tmp_path / "empty"))

    def test_a_revision_is_for_the_hub(self, packages: Any, tmp_path: Path) -> None:
        refused(tmp_path / "to", "--revision is for", str(packages[packages.lora_nli]), revision="main")


class TestArchives:
    @pytest.mark.parametrize("root", [False, True])
    def test_one_package(self, packages: Any, tmp_path: Path, root: bool) -> None:
        file = zipped([packages[packages.lora_nli]], tmp_path / "x.zip", root=root)
        (one,) = pull(str(file), tmp_path / "to")
        assert content(one.folder) == content(packages[packages.lora_nli])

    def test_several(self, packages: Any, tmp_path: Path) -> None:
        file = zipped([packages[packages.lora], packages[packages.lora_nli]], tmp_path / "x.zip")
        found = pull(str(file), tmp_path / "to")
        assert [one.folder.name for one in found] == [packages.lora_nli, packages.lora]

    def test_what_it_needs_is_named(self, packages: Any, tmp_path: Path) -> None:
        file = zipped([packages[packages.lora]], tmp_path / "x.zip")
        refused(tmp_path / "to", "needs the package mini-lora-sandbox-nli-s1", str(file))
        found = pull(str(file), tmp_path / "to", others=[str(packages[packages.lora_nli])])
        assert [one.folder.name for one in found] == [packages.lora_nli, packages.lora]

    def test_what_it_needs_was_pulled_before(self, packages: Any, tmp_path: Path) -> None:
        pull(str(packages[packages.lora_nli]), tmp_path / "to")
        found = pull(str(zipped([packages[packages.lora]], tmp_path / "x.zip")), tmp_path / "to")
        assert [one.new for one in found] == [False, True]

    def test_no_package_in_it(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr("a/b", "x")
        refused(tmp_path / "to", "no package and no module", str(tmp_path / "x.zip"))

    def test_a_name_that_leaves_the_folder(self, packages: Any, tmp_path: Path) -> None:
        file = zipped([packages[packages.lora_nli]], tmp_path / "x.zip")
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("../../evil", "x")
        refused(tmp_path / "to", "no plain name", str(file))

    def test_other_archives(self, tmp_path: Path) -> None:
        (tmp_path / "x.tar.gz").write_bytes(b"x")
        refused(tmp_path / "to", "only zip archives can be pulled", str(tmp_path / "x.tar.gz"))


class TestHub:
    def test_at_a_commit(self, packages: Any, tmp_path: Path, hub: Any) -> None:
        commit = hub.put("me/nli", packages[packages.lora_nli], evil__py=b"raise SystemExit", model__bin=b"x")
        (one,) = pull(f"me/nli@{commit}", tmp_path / "to")
        assert content(one.folder) == content(packages[packages.lora_nli])
        assert (one.commit, one.where) == (commit, f"me/nli@{commit}")
        assert one.left == ("evil.py", "model.bin")
        assert set(hub.fetched) <= set(FILES)

    def test_a_commit_must_be_named(self, packages: Any, tmp_path: Path, hub: Any) -> None:
        commit = hub.put("me/nli", packages[packages.lora_nli])
        refused(tmp_path / "to", "no commit is named; write me/nli@COMMIT", "me/nli")
        refused(tmp_path / "to", "two revisions", f"me/nli@{commit}", revision="main")
        assert hub.asked == []
        (one,) = pull("me/nli", tmp_path / "to", revision="main")
        assert one.commit == commit
        assert hub.asked[-1] == f"snapshot_download me/nli {commit}"

    def test_what_it_needs_is_named(self, packages: Any, tmp_path: Path, hub: Any) -> None:
        needed, commit = hub.put("me/nli", packages[packages.lora_nli]), hub.put("me/ner", packages[packages.lora])
        refused(tmp_path / "to", "needs the package", f"me/ner@{commit}")
        found = pull(f"me/ner@{commit}", tmp_path / "to", others=[f"me/nli@{needed}"])
        assert [one.folder.name for one in found] == [packages.lora_nli, packages.lora]
        assert not verify(found[-1].folder).failed

    def test_sizes_are_looked_at_before_anything_is_fetched(
        self, packages: Any, tmp_path: Path, hub: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = hub.put("me/nli", packages[packages.lora_nli])
        monkeypatch.setitem(FILES, "head.safetensors", 10)  # type: ignore[attr-defined]
        refused(tmp_path / "to", "head.safetensors", f"me/nli@{commit}")
        assert hub.fetched == []

    def test_no_package_there(self, tmp_path: Path, hub: Any) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "model.safetensors").write_bytes(b"x")
        commit = hub.put("me/model", tmp_path / "x")
        refused(tmp_path / "to", "no package and no module", f"me/model@{commit}")
        assert hub.fetched == []

    def test_without_a_network(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def offline(*_: object, **__: object) -> None:
            raise OfflineModeIsEnabled("offline mode is enabled")

        monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", offline)
        refused(tmp_path / "to", "HF_HUB_OFFLINE is set, so no request is sent to the hub", "me/nli", revision="main")


class TestModules:
    """What others share: no card, so nothing but its form can be checked."""

    def make(self, packages: Any, tmp_path: Path) -> Path:
        folder: Path = tmp_path / "their lora"
        folder.mkdir()
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copy(packages[packages.lora_nli] / name, folder / name)
        return folder

    def test_peft(self, packages: Any, tmp_path: Path, cli: Cli) -> None:
        folder = self.make(packages, tmp_path)
        (folder / "training_args.bin").write_bytes(b"x")
        code, out, _ = cli("pull", folder, "--to", tmp_path / "to")
        assert code == 0
        assert "a module in the layout of peft, 16 tensors, for sandbox/mini by its own config" in out
        assert "left out: training_args.bin" in out
        assert "its outputs cannot be checked" in out
        assert f"modules: {{their-lora: {{path: {tmp_path / 'to' / 'their-lora'}}}}}" in out
        assert set(content(tmp_path / "to" / "their-lora")) == {"adapter_config.json", "adapter_model.safetensors"}

    def test_an_untrained_one_is_told(self, packages: Any, tmp_path: Path, cli: Cli) -> None:
        folder = self.make(packages, tmp_path)
        file = folder / "adapter_model.safetensors"
        weights = load_file(file)
        places = sorted(name for name in weights if "lora_B" in name)
        weights[places[0]].zero_()
        save_file(weights, file)
        assert "; note: lora_B.weight is zero at 1 of 8 sites" in cli("pull", folder, "--to", tmp_path / "one")[1]
        for name in places:
            weights[name].zero_()
        save_file(weights, file)
        code, out, _ = cli("pull", folder, "--to", tmp_path / "all")
        assert code == 0
        assert "; note: the module is untrained: lora_B.weight is zero at all 8 sites" in out

    def test_adapterhub_of_the_hub(self, packages: Any, tmp_path: Path, hub: Any) -> None:
        folder = packages.add_pickles(packages.bn_nli)[0].parent
        commit = hub.put("AdapterHub/some-adapter", folder)
        (one,) = pull(f"AdapterHub/some-adapter@{commit}", tmp_path / "to")
        assert one.verdict is None
        assert one.folder.name == "some-adapter"
        assert set(content(one.folder)) == {"adapter_config.json", "adapter.safetensors"}
        assert "pytorch_adapter.bin" in one.left
        assert not [name for name in hub.fetched if name.endswith(".bin")]

    def test_a_pickle_alone_is_neither_fetched_nor_opened(self, packages: Any, tmp_path: Path, hub: Any) -> None:
        folder = self.make(packages, tmp_path)
        (folder / "adapter_model.safetensors").unlink()
        (folder / "adapter_model.bin").write_bytes(b"x")
        refused(tmp_path / "to", "Opening a pickle can run any program", str(folder))
        commit = hub.put("me/lora", folder)
        refused(
            tmp_path / "to",
            "adapter_model.safetensors is missing; it has adapter_model.bin, a pickle",
            f"me/lora@{commit}",
        )
        assert hub.fetched == ["adapter_config.json"]

    def test_numbers_that_are_none(self, packages: Any, tmp_path: Path) -> None:
        packages.edit_weights(
            packages.lora_nli,
            "adapter_model.safetensors",
            lambda weights: weights[min(weights)].fill_(torch.inf),
        )
        refused(tmp_path / "to", "NaN or infinity", str(self.make(packages, tmp_path)))

    def test_no_layout_that_is_known(self, packages: Any, tmp_path: Path) -> None:
        folder = self.make(packages, tmp_path)
        (folder / "adapter_config.json").write_text('{"kind": "mine"}')
        refused(tmp_path / "to", "Layover cannot read the module", str(folder))


def test_command(packages: Any, tmp_path: Path, cli: Cli) -> None:
    (packages[packages.lora] / "notes.txt").write_text("x")
    code, out, _ = cli("pull", packages[packages.lora], "--to", tmp_path / "to")
    assert code == 0
    assert f"{tmp_path / 'to' / packages.lora}: sandbox/ner after sandbox/nli: " in out
    assert "left out: notes.txt" in out
    code, out, _ = cli("pull", packages[packages.lora], "--to", tmp_path / "to", "--json")
    found = json.loads(out)["pulled"]
    assert code == 0
    assert [(one["kind"], one["new"], one["commit"]) for one in found] == [("package", False, None)] * 2
    assert {check["state"] for one in found for check in one["checks"]} == {"ok"}
    assert all("files" in one["proved"] and "title" in one["claimed"] for one in found)
    code, out, err = cli("pull", "me/nli")
    assert (code, out) == (2, "")
    assert "no commit is named" in err
