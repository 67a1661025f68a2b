"""The one client of the hub: every error of its library is one of ours, which says what was asked, and no token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import ModelInfo

from layover.errors import ModelError
from layover.files.hub import Repository, ask_commit, asking, exists, fetch, look
from layover.files.hub_errors import HubError
from layover.files.hub_sending import send

TOKEN = "hf_MARKERMARKERMARKERMARKER"  # noqa: S105
COMMIT = "a" * 40


def test_an_error_of_another_library_becomes_one_of_ours() -> None:
    with pytest.raises(HubError, match=r"^the thing: ") as caught, asking("the thing", "org/name"):
        raise ValueError(f"the request had Bearer {TOKEN}")
    assert TOKEN not in str(caught.value)


def test_an_error_of_ours_stays_what_it_is() -> None:
    with pytest.raises(ModelError) as caught, asking("the thing", "org/name"):
        raise ModelError("another file: its bytes are not those of the commit")
    assert str(caught.value) == "another file: its bytes are not those of the commit"
    assert not isinstance(caught.value, HubError)


@pytest.mark.parametrize("sha", [None, "main", "A" * 40, "a" * 39])
@pytest.mark.parametrize(
    "question", [lambda: ask_commit("org/name", "main", "model"), lambda: look("org/name", "main")]
)
def test_what_is_no_commit_is_refused(
    sha: str | None, question: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ModelInfo(id="org/name", sha=sha, siblings=[])
    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", lambda *_, **__: answer)
    with pytest.raises(HubError, match=r"org/name.*main: the hub names no commit for it"):
        question()


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("repo_info", lambda: ask_commit("org/name", "main", "model")),
        ("repo_info", lambda: look("org/name", "main")),
        ("snapshot_download", lambda: fetch(Repository("org/name", COMMIT, {}), [], Path("x"))),
        (
            "create_repo",
            lambda: send("org/name", Path("x"), [], stale=[], private=False, revision=None, message="m"),
        ),
    ],
)
def test_every_question_has_one_error(name: str, question: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ConnectionResetError(f"reset, with {TOKEN}")

    for holder in (huggingface_hub.HfApi, huggingface_hub):
        if hasattr(holder, name):
            monkeypatch.setattr(holder, name, fails)
    with pytest.raises(HubError, match=r"org/name.*cannot be reached") as caught:
        question()
    assert TOKEN not in str(caught.value)


def test_without_a_network_a_file_that_is_not_here_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match=r"org/name@aaaaaaaaaaaa: x\.json is not in the local cache: HF_HUB_OFFLINE"):
        exists("org/name", COMMIT, "x.json")
