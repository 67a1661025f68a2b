"""A hub of models and data sets that answers on this machine over HTTP, and fails when it is told to.

It speaks the part of the hub's protocol that huggingface_hub and datasets use to read: information of a repository,
its tree, and its files with their hashes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from tests.files.forks import Forks

LFS = (".safetensors", ".parquet", ".model")
"""Large files: their ETag is their SHA-256; that of others is the hash of the blob in git."""
API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.+))?)?")
RESOLVE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


def git_sha1(body: bytes) -> str:
    """Return what git names a blob."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """Commits and what branches point to."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    private: bool = False
    """Nobody knows of it but the reader."""
    gated: bool = False
    """Everybody knows of it, and the reader has its files."""

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return a commit and its files."""
        commit = self.branches.get(revision, revision)
        files = self.commits.get(commit)
        return None if files is None else (commit, files)


@dataclass
class Failure:
    """What goes wrong at requests that match."""

    pattern: re.Pattern[str]
    status: int = 500
    seconds: float = 0.0
    """How long the answer takes."""
    flip: bool = False
    """The answer comes with one bit of its fourth last byte turned over: in lines of JSON, the end of a text."""
    times: int = 10**9
    cut: int | None = None
    """Bytes of the body after which the connection is closed."""
    headers: Mapping[str, str] = field(default_factory=dict)


READER, STRANGER = "hf_readerreaderreader", "hf_strangerstranger"
"""Tokens: of somebody who may read what is private or gated, and of somebody who may not."""


class Hub:
    """The hub; `url` is its HF_ENDPOINT."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.failures: list[Failure] = []
        self.requests: list[str] = []
        self.sent = 0
        """Bytes of all bodies."""
        self._lock, self._closed = threading.Lock(), False
        hub = self

        class Handler(_Handler):
            owner = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Refuse every connection from now on."""
        if self._closed:
            return
        self._closed = True
        self._server.shutdown()
        self._server.server_close()

    def push(self, kind: str, name: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Make a commit of these files alone, let a branch point to it, and return it."""
        repository = self.repositories.setdefault((kind, name), Repository())
        told = json.dumps({path: hashlib.sha256(body).hexdigest() for path, body in files.items()})
        number = f"{len(repository.commits)} {name} {told}".encode()
        commit = hashlib.sha1(number, usedforsecurity=False).hexdigest()
        repository.commits[commit] = dict(files)
        repository.branches[branch] = commit
        return commit

    def fail(self, pattern: str, **how: Any) -> None:
        """Fail at requests whose `METHOD path` holds a pattern."""
        self.failures.append(Failure(re.compile(pattern), **how))

    def mend(self) -> None:
        """Fail no more."""
        self.failures.clear()

    def failure(self, request: str) -> Failure | None:
        """Return what goes wrong at a request."""
        with self._lock:
            self.requests.append(request)
            for one in self.failures:
                if one.times > 0 and one.pattern.search(request):
                    one.times -= 1
                    return one
        return None


class _Handler(BaseHTTPRequestHandler):
    owner: Hub
    protocol_version = "HTTP/1.1"
    cut: int | None = None

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        posted = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        failure = self.owner.failure(f"{self.command} {self.path}")
        if failure is not None:
            time.sleep(failure.seconds)
            if not failure.flip and not failure.seconds and failure.cut is None:
                self._send(failure.status, b"{}", failure.headers)
                return
        self.flip = failure is not None and failure.flip
        self.cut = None if failure is None else failure.cut
        token = self._token()
        if token not in {None, READER, STRANGER}:
            self._send(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
            return
        parts = urlsplit(self.path)
        # a revision may hold slashes, which stay quoted in the path
        if found := RESOLVE.fullmatch(parts.path):
            kind = "dataset" if found[1] else "model"
            self._file(kind, found[2], unquote(found[3]), unquote(found[4]))
        elif found := API.fullmatch(parts.path):
            kind, query = found[1].removesuffix("s"), parse_qs(parts.query)
            self._api(kind, found[2], found[3] or "revision", unquote(found[4] or "main"), found[5], query, posted)
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _token(self) -> str | None:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None

    def _repository(self, kind: str, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        repository, token = self.owner.repositories.get((kind, name)), self._token()
        if repository is None or (repository.private and token != READER):
            self._send(404 if token else 401, b'{"error": "not found"}', {"X-Error-Code": "RepoNotFound"})
            return None
        found = repository.at(revision)
        if found is None:
            self._send(404, b'{"error": "not found"}', {"X-Error-Code": "RevisionNotFound"})
        return found

    def _file(self, kind: str, name: str, revision: str, path: str) -> None:
        found = self._repository(kind, name, revision)
        if found is None:
            return
        commit, files = found
        if self.owner.repositories[kind, name].gated and self._token() != READER:
            self._send(403 if self._token() else 401, b"", {"X-Error-Code": "GatedRepo"})
            return
        if path not in files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        body = files[path]
        tags = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes", "ETag": f'"{git_sha1(body)}"'}
        if path.endswith(LFS):
            tags |= {"X-Linked-Etag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Linked-Size": str(len(body))}
        if self.flip:
            body = body[:-4] + bytes([body[-4] ^ 1]) + body[-3:]
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if span:
            first, last = int(span[1]), min(int(span[2] or len(body) - 1), len(body) - 1)
            tags["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            self._send(206, body[first : last + 1], tags, "application/octet-stream")
        else:
            self._send(200, body, tags, "application/octet-stream")

    def _api(
        self, kind: str, name: str, what: str, revision: str, path: str | None, query: Mapping[str, Any], posted: bytes
    ) -> None:
        found = self._repository(kind, name, revision)
        if found is None:
            return
        commit, files = found
        if what == "revision":
            siblings = [{"rfilename": one, "size": len(body)} for one, body in files.items()]
            told: Any = {"_id": "0", "id": name, "sha": commit, "siblings": siblings, "private": False, "tags": []}
            told |= {"downloads": 0, "likes": 0, "gated": False, "disabled": False}
        elif what == "tree":
            recursive = query.get("recursive", ["false"])[0].lower() in {"true", "1"}
            told = _tree(files, unquote(path or ""), recursive)
            if path and not told:
                self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
                return
        else:
            asked = _paths(posted)
            every = {one["path"]: one for one in _tree(files, "", recursive=True)}
            told = [every[one] for one in asked if one in every]
        self._send(200, json.dumps(told).encode(), {"X-Repo-Commit": commit})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], kind: str = "application/json") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.owner.sent += len(body)
            self.wfile.write(body if self.cut is None else body[: self.cut])
        if self.cut is not None:
            self.close_connection = True


def _paths(posted: bytes) -> list[str]:
    text = posted.decode()
    if text.startswith("{"):
        return list(json.loads(text)["paths"])
    return parse_qs(text).get("paths", [])


def _tree(files: Mapping[str, bytes], below: str, recursive: bool) -> list[dict[str, Any]]:
    """Return the files and folders of a folder, as the hub tells of them."""
    before = f"{below.rstrip('/')}/" if below else ""
    told: dict[str, dict[str, Any]] = {}
    for path, body in files.items():
        if not path.startswith(before):
            continue
        steps = path.removeprefix(before).split("/")
        for depth in range(1, len(steps) if recursive else min(len(steps), 2)):
            folder = before + "/".join(steps[:depth])
            told[folder] = {"type": "directory", "path": folder, "oid": git_sha1(folder.encode()), "size": 0}
        if recursive or len(steps) == 1:
            one: dict[str, Any] = {"type": "file", "path": path, "oid": git_sha1(body), "size": len(body)}
            if path.endswith(LFS):
                sha256 = hashlib.sha256(body).hexdigest()
                one["lfs"] = {"oid": sha256, "sha256": sha256, "size": len(body), "pointerSize": 130}
            told[path] = one
    return list(told.values())


IMPATIENT = """
import time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.01))
"""
"""The clients of the hub wait up to 23 s between their attempts; the attempts themselves are real."""


class User:
    """Somebody whose programs meet this hub, with a cache of their own; each program runs in a process of its own."""

    def __init__(self, hub: Hub, home: Path, forks: Forks) -> None:
        self.hub, self.home, self.forks = hub, home, forks
        self.patience = home / "patience"
        self.patience.mkdir(parents=True)
        (self.patience / "sitecustomize.py").write_text(IMPATIENT, encoding="utf-8")

    def run(
        self, *arguments: str, offline: bool = False, folder: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of Python, and return what it wrote and how it ended."""
        return self._started([sys.executable, *arguments], offline=offline, folder=folder, **environment)

    def without_network(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a command in a network namespace of its own, where not even this machine can be reached; or skip."""
        alone = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
        try:
            allowed = subprocess.run([*alone, "true"], capture_output=True, check=False).returncode == 0
        except OSError:
            allowed = False
        if not allowed:
            pytest.skip(f"{' '.join(alone)}, which takes the network away, is not here or not permitted")
        command = [*alone, sys.executable, "-m", "layover", *arguments]
        return self._started(command, offline=False, folder=folder, HF_ENDPOINT="", OMP_NUM_THREADS="1")

    def _started(
        self, command: list[str], *, offline: bool, folder: Path | None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=self._environment(offline=offline, **environment),
            cwd=folder or self.home,
            timeout=900,
            check=False,
        )

    def _environment(self, *, offline: bool, **environment: str) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
        known |= {"HF_HOME": str(self.home), "HF_ENDPOINT": self.hub.url, "HF_HUB_DISABLE_XET": "1", **environment}
        known |= {"HF_HUB_OFFLINE": "1"} if offline else {}
        paths = (str(self.patience), environment.get("PYTHONPATH") or os.environ.get("PYTHONPATH"))
        known["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        return {name: value for name, value in known.items() if (name, value) != ("HF_ENDPOINT", "")}

    def ask(self, program: str, *arguments: str, offline: bool = False, **environment: str) -> Any:
        """Return the JSON that a program prints last, or `{"error": ...}` where it raises a `LayoverError`."""
        lines = ["import json, sys", "from layover.errors import LayoverError", "try:"]
        lines += [f"    {line}" for line in program.strip().splitlines()]
        lines += ["except LayoverError as error:", "    print(json.dumps({'error': str(error)}))"]
        known = self._environment(offline=offline, **environment)
        done = self.forks.run("\n".join(lines), arguments, known, self.home)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    def layover(self, *arguments: str, offline: bool = False, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return self.run("-m", "layover", *arguments, offline=offline, folder=folder, OMP_NUM_THREADS="1", COLUMNS="200")

    def on_a_terminal(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a command whose outputs are a terminal; all that it shows is standard output here."""
        program = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
        command = ("-c", program, sys.executable, "-m", "layover", *arguments)
        return self.run(*command, folder=folder, OMP_NUM_THREADS="1", COLUMNS="200")


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub without anything on it."""
    one = Hub()
    yield one
    one.close()


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """What starts the programs of users."""
    one = Forks(tmp_path_factory.mktemp("forks"))
    yield one
    one.close()


@pytest.fixture
def user(hub: Hub, tmp_path: Path, forks: Forks) -> User:
    """Somebody with an empty cache."""
    (tmp_path / "home").mkdir()
    return User(hub, tmp_path / "home", forks)
