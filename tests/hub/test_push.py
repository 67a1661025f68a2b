"""push: verified first, exactly the package's files, and a token that nobody ever reads."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError

from layover.hub.pull import pull

Cli = Callable[..., tuple[int, str, str]]
TOKEN = "hf_MARKERMARKERMARKERMARKER"  # noqa: S105


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_exactly_the_files_of_the_package(packages: Any, hub: Any, cli: Cli, tmp_path: Path) -> None:
    folder = packages[packages.bn]
    (folder / ".gitattributes").write_text("mine")
    code, out, err = cli("push", folder, "me/ner", "--private")
    assert (code, err) == (0, "")
    assert "sent to me/ner: https://huggingface.co/me/ner/commit/" in out
    assert "it needs mini-bn-sandbox-nli-s1: push it, too" in out
    sent = hub.files("me/ner")
    assert sent.pop(".gitattributes") == b"*.bin filter=lfs\n"  # the hub's own stays
    assert sent == {name: value for name, value in content(folder).items() if name != ".gitattributes"}
    assert hub.private == {"me/ner": True}
    commit = hub.branches["me/ner"]["main"]
    found = pull(f"me/ner@{commit}", tmp_path / "to", others=[str(packages[packages.bn_nli])])
    assert [one.folder.name for one in found] == [packages.bn_nli, packages.bn]


def test_what_an_earlier_package_left_there_goes(packages: Any, hub: Any, cli: Cli) -> None:
    assert cli("push", packages[packages.bn_nli], "me/x")[0] == 0
    assert cli("push", packages[packages.lora_nli], "me/x")[0] == 0
    assert set(hub.files("me/x")) == {*content(packages[packages.lora_nli]), ".gitattributes"}


def test_onto_a_branch(packages: Any, hub: Any, cli: Cli) -> None:
    assert cli("push", packages[packages.lora_nli], "me/x", "--revision", "v2")[0] == 0
    assert set(hub.files("me/x")) == {".gitattributes"}
    assert "adapter_config.json" in hub.files("me/x", "v2")
    assert hub.private == {"me/x": None}


def test_what_fails_a_check_is_not_sent(packages: Any, hub: Any, cli: Cli) -> None:
    packages.edit_card(packages.lora_nli, lambda card: card["probe"]["hidden"][0].__setitem__(0, 0.5))
    code, out, err = cli("push", packages[packages.lora_nli], "me/x")
    assert (code, out) == (2, "")
    assert "not sent, because a check failed:" in err
    assert "FAIL  probe" in err
    assert hub.asked == []


def test_dry_run_needs_no_network_and_no_token(
    packages: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("layover.hub.push.send", never)
    monkeypatch.setattr(socket.socket, "connect", never)
    monkeypatch.setattr(huggingface_hub, "get_token", never)
    code, out, err = cli("push", packages[packages.lora], "me/ner", "--dry-run")
    assert (code, err) == (0, "")
    card = packages.card(packages.lora)
    for name, digest in card["files"].items():
        assert any(line.startswith(name) and line.endswith(digest) for line in out.splitlines()), name
    assert "not sent; the target is me/ner" in out
    code, out, _ = cli("push", packages[packages.lora], "me/ner", "--dry-run", "--json", "--revision", "v2")
    found = json.loads(out)
    assert code == 0
    assert {one["name"]: one["sha256"] for one in found["files"]}.items() >= card["files"].items()
    assert (found["repository"], found["revision"], found["sent"]) == ("me/ner", "v2", None)
    assert found["needs"] == [packages.lora_nli]


@pytest.mark.parametrize("where", ["repo", "../x", "a/b/c", "a/b@main", "https://huggingface.co/a/b"])
def test_no_repository(packages: Any, hub: Any, cli: Cli, where: str) -> None:
    code, _, err = cli("push", packages[packages.lora_nli], where)
    assert code == 2
    assert "is not the name of a repository" in err
    assert hub.asked == []


KINDS = (HfHubHTTPError, OSError, ValueError, RuntimeError, KeyError)


def failing(kind: type[Exception], token: str) -> Exception:
    said = f"401 Unauthorized for https://x/?token={token} (authorization: Bearer {token})\nsecond line {token}"
    error = kind.__new__(kind)  # versions of huggingface_hub differ in what theirs are made with
    Exception.__init__(error, said)
    return error


@pytest.mark.parametrize("token", [TOKEN, "not-in-the-usual-form-4711"])
@pytest.mark.parametrize("method", ["create_repo", "upload_folder", "repo_info"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_token_is_in_no_error(
    packages: Any,
    hub: Any,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    token: str,
    method: str,
    kind: type[Exception],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failing(kind, token)

    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(huggingface_hub.HfApi, method, fail)
    monkeypatch.setattr("layover.hub.push.verify", lambda folder, **_: passed(folder))
    command = ("pull", f"me/x@{'a' * 40}") if method == "repo_info" else ("push", packages[packages.lora_nli], "me/x")
    code, out, err = cli(*command)
    assert code == 2
    assert "401 Unauthorized" in err
    assert "(token)" in err
    assert token not in out + err + caplog.text


def passed(folder: Path) -> Any:
    from layover.hub.verify import Verdict

    return Verdict(folder, folder.name, (), (), ())
