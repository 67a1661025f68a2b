"""Each way in which a hub cannot be had has words of its own, with whichever client."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.files.conftest import READER, STRANGER

from layover.data import hub as hub_data
from layover.data.task import HubSource
from layover.files.hub_errors import explained
from layover.stopping import Stop

if TYPE_CHECKING:
    from tests.files.conftest import Hub, User

REFUSED = "http://127.0.0.1:9"
NAMES = ("good", "private", "gated")
ASK = """
from layover.files.hub_errors import HubError
from layover.files.hub import ask_commit, file_at
found = []
for name, revision, kind in json.loads(sys.argv[1]):
    try:
        commit = ask_commit(name, revision, kind)
        found.append(["", str(file_at(name, commit, "config.json", most=1000))] if kind == "model" else ["", commit])
    except HubError as error:
        found.append([error.reason, str(error)])
print(json.dumps(found))
"""


@pytest.fixture
def world(hub: Hub) -> Hub:
    """A hub with an open, a private and a gated model."""
    for name in NAMES:
        hub.push("model", f"org/{name}", {"config.json": b"{}" * 20})
    hub.repositories["model", "org/private"].private = True
    hub.repositories["model", "org/gated"].gated = True
    return hub


def asked(user: User, *names: str, revision: str = "main", **environment: str) -> list[Any]:
    """Return reason and message for each model."""
    question = json.dumps([(f"org/{name}", revision, "model") for name in names])
    found: list[Any] = user.ask(ASK, question, **environment)
    return found


def test_refusals_name_the_page_and_what_to_do(world: Hub, user: User) -> None:
    missing, private, gated, good = asked(user, "nothing", "private", "gated", "good")
    assert missing[0] == private[0] == "missing", "the hub tells nobody that there is something private"
    assert f"it is private (log in with: hf auth login); check the name: {world.url}/org/private" in private[1]
    assert gated[0] == "gated"
    assert f"gated: request access at {world.url}/org/gated, then log in" in gated[1]
    assert good[0] == ""
    (revision,) = asked(user, "good", revision="nowhere")
    assert revision[0] == "revision"
    assert "models/org/good@nowhere: the repository does not have this branch, tag or commit" in revision[1]


def test_tokens_are_told_apart(world: Hub, user: User) -> None:
    _, private, gated = asked(user, *NAMES, HF_TOKEN=STRANGER)
    assert "the token (of HF_TOKEN) does not give access" in private[1]
    assert f"{world.url}/org/gated, with the account of the token (of HF_TOKEN)" in gated[1]
    (wrong,) = asked(user, "good", HF_TOKEN="hf_wrongwrongwrong")  # noqa: S106
    assert wrong[0] == "token"
    assert "does not accept the token (of HF_TOKEN)" in wrong[1]
    assert "wrongwrong" not in str(wrong)
    assert [one[0] for one in asked(user, *NAMES, HF_TOKEN=READER)] == ["", "", ""]


def test_a_busy_hub_is_asked_again_when_it_said(world: Hub, user: User) -> None:
    world.fail("GET /api/models", status=429, headers={"Retry-After": "7"}, times=2)
    question = json.dumps([("org/good", "main", "model")])
    program = "import json, sys\n" + ASK
    done = user.run("-c", program, question)
    assert json.loads(done.stdout)[0][0] == ""
    assert done.stderr.count("the hub asks to wait (429 Too Many Requests); the next request follows in 7 s") == 2


@pytest.mark.parametrize("request_", ["GET /api/models", "HEAD "])
def test_patience_has_bounds(world: Hub, user: User, request_: str) -> None:
    world.fail(request_, status=429, headers={"Retry-After": "3000"})
    asked_before = world.requests.copy()
    (busy,) = asked(user, "good")
    assert busy[0] == "busy"
    assert "the hub asks to wait (429 Too Many Requests) for 3000 s" in busy[1]
    about = [one for one in world.requests[len(asked_before) :] if "good" in one]
    assert len(about) <= 2
    world.mend()
    world.fail(request_, status=429, headers={"RateLimit": '"api";r=0;t=1'})
    assert asked(user, "good")[0][0] == "busy"
    assert sum(request_ in one and "good" in one for one in world.requests) <= 1 + 5


def test_failures_of_the_server_and_of_the_way(world: Hub, user: User) -> None:
    world.fail("GET /api", status=503)
    (server,) = asked(user, "good")
    world.mend()
    world.fail("GET .*config", cut=5)
    (cut,) = asked(user, "good")
    assert (server[0], cut[0]) == ("server", "cut")
    assert "the hub has an error of its own (status 503)" in server[1]
    assert "the download broke off" in cut[1]
    world.mend()
    assert asked(user, "good")[0][0] == "", "and nothing of it is kept"
    world.fail("HEAD .*config", status=500)
    user.home = user.home / "fresh"
    user.home.mkdir()
    assert asked(user, "good")[0][0] == "server", "after the client's own attempts, too"


@pytest.mark.parametrize(
    ("environment", "reason", "words"),
    [
        ({"HF_ENDPOINT": "https://nowhere.invalid"}, "unreachable", "the hub at https://nowhere.invalid cannot be rea"),
        ({"HF_ENDPOINT": "nonsense"}, "endpoint", "HF_ENDPOINT is not the address of a hub: 'nonsense'"),
        ({"http_proxy": "http://me:secret@127.0.0.1:9"}, "proxy", "through the proxy http://127.0.0.1:9 ("),
        ({"HF_HOME": "/proc/nothing"}, "disk", "the local cache of the hub, /proc/nothing, cannot be used"),
        ({"HF_ENDPOINT": "tls"}, "tls", "no trusted TLS connection to https://127.0.0.1"),
        ({"HF_ENDPOINT": REFUSED, "SSL_CERT_DIR": "/etc:/nowhere"}, "unreachable", "cannot be reached"),
        ({"HF_TOKEN": "hf_\u65e5\u672c"}, "token", "the token (of HF_TOKEN) has characters that no token has"),
    ],
    ids=["no name", "no address", "proxy", "disk", "tls", "refused", "token"],
)
def test_what_lies_between_is_told(
    world: Hub, user: User, environment: dict[str, str], reason: str, words: str
) -> None:
    if environment.get("HF_ENDPOINT") == "tls":
        environment = {"HF_ENDPOINT": world.url.replace("http:", "https:")}
    (found,) = asked(user, "good", **environment)
    assert found[0] == reason
    assert words in found[1]
    assert "secret" not in found[1]


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"SSL_CERT_DIR": "/etc:/nowhere"}, "unreachable"),
        ({"SSL_CERT_DIR": "/nowhere:/nothing"}, "unreachable"),
        ({"SSL_CERT_FILE": "/nowhere"}, "unreachable"),
    ],
)
def test_certificates_are_to_blame_where_one_misses_them(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], reason: str
) -> None:
    """A connection that is refused has not come to them, whichever variables name them."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert explained(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))[0] == reason
    missing = not any(Path(one).exists() for one in next(iter(environment.values())).split(":"))
    for error in (ssl.SSLError("no issuer"), FileNotFoundError(errno.ENOENT, "No such file or directory")):
        told = explained(error)
        assert ("do not exist" in told[1]) == missing, told
    assert explained(ssl.SSLError("no issuer"))[0] == "tls"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("id"), "other"),
        (ValueError("Expecting value: line 1 column 1 (char 0)"), "other"),
        (AttributeError("'list' object has no attribute 'get'"), "other"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "unreachable"),
        (socket.gaierror(-2, "Name or service not known"), "unreachable"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "unreachable"),
        (TimeoutError("timed out"), "timeout"),
    ],
)
def test_only_a_connection_that_fails_is_no_answer(error: Exception, reason: str) -> None:
    told = explained(error)
    assert told[0] == reason, told
    if reason == "other":
        assert type(error).__name__ in told[1]
        assert "cannot be reached" not in told[1]


def test_an_answer_of_something_else_is_told(world: Hub, user: User) -> None:
    """A hotel's page, say, that answers every question with 200."""
    world.fail("GET /api", status=200)
    (other,) = asked(user, "good")
    assert other[0] == "other"
    assert f"the answer of {world.url} cannot be read, or is not the answer of a hub" in other[1]


def test_a_hub_that_is_silent(world: Hub, user: User) -> None:
    world.fail("GET /api", seconds=1.0)
    quick = "import layover.files.hub\nlayover.files.hub.TIMEOUT_SECONDS = 0.2\n"
    question = json.dumps([("org/good", "main", "model")])
    assert user.ask(quick + ASK, question)[0][0] == "timeout"
    world.close()
    assert user.ask(quick + ASK, question)[0][0] == "unreachable"


def test_gated_data_are_told_by_their_page(hub: Hub, user: User) -> None:
    commit = hub.push("dataset", "org/rows", {"train.jsonl": b'{"text": "a"}\n'})
    hub.repositories["dataset", "org/rows"].gated = True
    program = """
from layover.data.hub import read_hub
from layover.data.task import HubSource
source = HubSource(path="org/rows", split=sys.argv[2], revision=sys.argv[1])
print(json.dumps([row.values["text"] for row in read_hub(source, None, ())]))
"""
    told = user.ask(program, commit, "train")
    assert f"the repository is gated: request access at {hub.url}/datasets/org/rows" in told["error"]
    assert user.ask(program, commit, "train", HF_TOKEN=READER) == ["a"]
    assert "has no split 'test'; one of: train" in user.ask(program, commit, "test", HF_TOKEN=READER)["error"]


READ = """
from layover.data.hub import read_hub
from layover.data.task import HubSource
source = HubSource(path="org/rows", split=sys.argv[2], revision=sys.argv[1])
print(json.dumps(len(list(read_hub(source, None, ())))))
"""


def test_the_cache_of_data_sets_is_named_where_it_is_to_blame(hub: Hub, user: User) -> None:
    commit = hub.push("dataset", "org/rows", {"test.jsonl": b'{"text": "a"}\n'})
    told = user.ask(READ, commit, "test", HF_DATASETS_CACHE="/proc/nothing")["error"]
    assert "the local cache of the hub, /proc/nothing, cannot be used" in told
    assert "or change HF_DATASETS_CACHE" in told


def test_a_damaged_file_of_another_split_is_no_hindrance(hub: Hub, user: User) -> None:
    files = {f"{split}.jsonl": b'{"text": "%s"}\n' % split.encode() * 20 for split in ("train", "test")}
    commit = hub.push("dataset", "org/rows", files)
    assert user.ask(READ, commit, "train") == 20
    (file,) = (user.home / "hub").glob("datasets--org--rows/snapshots/*/train.jsonl")
    file.write_bytes(b'{"text": "other"}\n' * 20)
    assert user.ask(READ, commit, "test") == 20
    assert "train.jsonl: its bytes in the local cache differ" in user.ask(READ, commit, "train+test")["error"]


def test_a_stop_hashes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Gigabytes of files may be there when a person stops a download."""
    checked: list[str] = []

    class Builder:
        cache_dir = str(tmp_path)
        error: BaseException = Stop()

        def download_and_prepare(self) -> None:
            raise self.error

    builder, source = Builder(), HubSource(path="org/rows", split="test", revision="0" * 40)
    monkeypatch.setattr(hub_data, "_requested", lambda _: builder)
    monkeypatch.setattr(hub_data, "_narrow", lambda *_: set())
    monkeypatch.setattr(hub_data, "_check_files", lambda *_: checked.append("checked"))
    with pytest.raises(Stop):
        hub_data._prepared(source)
    assert checked == []
    builder.error = ValueError("no rows")
    with pytest.raises(ValueError, match="no rows"):
        hub_data._prepared(source)
    assert checked == ["checked"]


def test_only_the_split_that_is_read_is_downloaded(hub: Hub, user: User) -> None:
    files = {f"{split}.jsonl": b'{"text": "%s"}\n' % split.encode() * 2000 for split in ("train", "validation", "test")}
    commit = hub.push("dataset", "org/rows", files)
    program = """
from layover.data.hub import read_hub
from layover.data.hub_copies import is_cached
from layover.data.task import HubSource
sources = [HubSource(path="org/rows", split=split, revision=sys.argv[1]) for split in sys.argv[2:]]
print(json.dumps([[is_cached(one), len(list(read_hub(one, None, ()))), is_cached(one)] for one in sources]))
"""
    assert user.ask(program, commit, "test") == [[False, 2000, True]]
    downloaded = [one for one in hub.requests if one.startswith("GET") and ".jsonl" in one]
    assert len(downloaded) == 1, downloaded
    assert hub.sent < 2 * len(files["test.jsonl"])
    assert user.ask(program, commit, "test+train", "train[:10%]") == [[False, 4000, True], [False, 200, True]]
    assert not [one for one in hub.requests if "validation.jsonl" in one and one.startswith("GET")]
    before = len(hub.requests)
    assert user.ask(program, commit, "test", "test+train", "train[:10%]", offline=True)[0] == [True, 2000, True]
    assert len(hub.requests) == before
    assert not (Path(user.home) / "datasets" / "org___rows").exists(), "no other program takes a part for the whole"
