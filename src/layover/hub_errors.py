"""What goes wrong at the hub, in words: every error of its clients becomes one `HubError` here.

The clients raise errors of requests, httpx or httpx2, whichever their version uses. So an error is known by the hub's
own classes and status codes, by those of Python, and by the names of the others.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from layover.errors import ModelError, printable

HIDDEN = "(token)"
Kind = Literal["model", "dataset"]
Reason = Literal[
    "missing", "revision", "gated", "denied", "token", "busy", "server", "timeout", "tls", "proxy", "unreachable",
    "offline", "endpoint", "disk", "cut", "other",
]  # fmt: skip
SILENT: frozenset[Reason] = frozenset({"busy", "timeout", "tls", "proxy", "unreachable", "offline", "endpoint"})
"""The reasons for which asking again is no use: the next question would have the same answer, or none."""
MOST_WAIT = 60.0
"""Seconds that one question waits altogether when the hub asks for patience."""
MOST_TRIES = 5

_DISK = {
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ENOENT", "EEXIST")
}
_TOKEN = re.compile(r"hf_\w{8,}", re.ASCII)
_CUT = re.compile(
    r"IncompleteRead|peer closed connection|Connection broken|ContentDecoding|Consistency check failed|file should be "
    r"of size|Server disconnected|ChunkedEncoding|RemoteProtocolError"
)
_LOG = logging.getLogger("layover.hub")

T = TypeVar("T")


class HubError(ModelError):
    """The hub cannot be asked, or refuses.

    Args:
        where: What was asked for; the message begins with it.
        words: Why it cannot be had, and what to do.
        reason: The same for programs.
    """

    def __init__(self, where: str, words: str, reason: Reason) -> None:
        super().__init__(f"{where}: {words}")
        self.words = words
        self.reason: Reason = reason

    @property
    def answered(self) -> bool:
        """Whether another question may have an answer."""
        return self.reason not in SILENT


def endpoint() -> str:
    """Return the address of the hub: `HF_ENDPOINT`, or that of Hugging Face."""
    from huggingface_hub.constants import ENDPOINT

    return ENDPOINT


def hub_error(where: str, error: Exception, repository: str = "", kind: Kind = "model") -> HubError:
    """Return what a client's error means, without any token.

    Args:
        where: What was asked for; the message begins with it.
        error: Any error of huggingface_hub, of the library for HTTP below it, of datasets, or of the file system.
        repository: `org/name`, for the address of its page.
        kind: Of the repository.
    """
    reason, words = explained(error, repository, kind)
    return HubError(where, words, reason)


def explained(error: Exception, repository: str = "", kind: Kind = "model") -> tuple[Reason, str]:
    """Return why a question to the hub, or a download, failed, and what to do; see `hub_error`."""
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, HubError):
            return one.reason, one.words
        if isinstance(one, HFValidationError):
            return "missing", f"this is no name of a repository: {without_token(str(one))}"
        if isinstance(one, OfflineModeIsEnabled):
            return "offline", OFFLINE
        if _status(one) is not None:
            return _answered(one, repository, kind)
    return _silence(chain)


OFFLINE = "HF_HUB_OFFLINE is set, so that the hub is not asked"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__ or error


def _status(error: Any) -> int | None:
    """Return the status of the answer that an error of a client came from; None where there was no answer."""
    response = vars(error).get("response")
    return None if response is None else int(response.status_code)


def _answered(error: Any, repository: str, kind: Kind) -> tuple[Reason, str]:
    """Return what an answer of the hub means."""
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    status, page = _status(error) or 0, _page(repository, kind)
    token = token_source()
    message = vars(error).get("server_message")
    said = without_token(message) if message else ""
    if isinstance(error, GatedRepoError):
        then = f"with the account of the token ({token})" if token else "then log in (hf auth login)"
        return "gated", f"the repository is gated: ask for access at {page}, {then}"
    if status == 401 and (token is not None and not isinstance(error, RepositoryNotFoundError)):
        return "token", f"the hub does not accept the token ({token}); log in anew (hf auth login), or remove it"
    if isinstance(error, RevisionNotFoundError):
        return "revision", f"the repository has no such branch, tag or commit; {page} shows those there are"
    if isinstance(error, EntryNotFoundError):
        return "missing", f"the repository has no such file; {page} shows those there are"
    if isinstance(error, RepositoryNotFoundError) or status in {401, 404}:
        private = f"it is private and the token ({token}) does not open it" if token else "it is private"
        login = "" if token else " (then log in: hf auth login)"
        return "missing", f"the hub has no such repository, or {private}{login}; see that the name is right: {page}"
    if status == 403:
        whom = f"the token ({token}) has no right to it" if token else "log in (hf auth login)"
        return "denied", f"the hub refuses (403{': ' * bool(said)}{said}): {whom}; see {page}"
    if status == 407:
        return "proxy", f"the proxy {_proxy() or ''} asks for a password (407); name it in HTTPS_PROXY"
    if status == 429:
        wait = wait_asked(error)
        named = "" if wait is None else f", for {wait:.0f} s"
        return "busy", f"the hub asks to wait (429 Too Many Requests){named}; run again later"
    if status >= 500:
        return "server", f"the hub fails (status {status}); the fault is not here: run again later"
    return "other", f"the hub answers with status {status}: {said or without_token(str(error))}"


def _silence(chain: list[BaseException]) -> tuple[Reason, str]:
    """Return why there was no answer, or why it could not be kept."""
    texts = [f"{type(one).__name__}: {one}" for one in chain]
    told = without_token(_plain(chain))
    place, names = endpoint(), " ".join(texts)
    if urlsplit(place).scheme not in {"http", "https"} or not urlsplit(place).netloc:
        return "endpoint", f"HF_ENDPOINT is no address of a hub: {printable(place)!r}; it begins with https://"
    if bundle := _no_certificates():
        return "tls", f"the certificates that {bundle} names are not there; correct it, or remove it"
    disk = next((one for one in chain if _of_disk(one)), None)
    if isinstance(disk, OSError):
        from huggingface_hub.constants import HF_HOME

        file = f"{disk.filename}: " if disk.filename else ""
        return "disk", (
            f"the local cache of the hub cannot be used ({file}{os.strerror(disk.errno or 0)}); make room or set HF_HOME "
            f"to a folder that can be written (now {HF_HOME})"
        )
    if "ProxyError" in names:
        return "proxy", f"the hub cannot be reached through the proxy {_proxy() or ''} ({told})"
    if any(isinstance(one, ssl.SSLError) for one in chain) or "SSLError" in names:
        return "tls", (
            f"there is no trusted TLS connection to {place} ({told}); behind a proxy with certificates of its own, name "
            "their file in SSL_CERT_FILE and REQUESTS_CA_BUNDLE"
        )
    if any("Timeout" in type(one).__name__ for one in chain):
        return "timeout", f"the hub at {place} cannot be reached: it does not answer in time; run again later"
    if _CUT.search(names):
        return "cut", f"the download broke off ({told}); run again"
    proxy = _proxy()
    if proxy is not None:
        return "proxy", f"the hub at {place} cannot be reached through the proxy {proxy} ({told})"
    return "unreachable", f"the hub at {place} cannot be reached ({told})"


def _of_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and type(error).__module__ == "builtins" and error.errno in _DISK


def _no_certificates() -> str | None:
    """Return a variable that names a file of certificates which is not there, with its value."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        value = os.environ.get(name)
        if value and not os.path.exists(value):  # noqa: PTH110  the value as it is
            return f"{name}={printable(value)}"
    return None


def _plain(chain: list[BaseException]) -> str:
    """Return the shortest account of why there was no connection: that of the operating system, if there is one."""
    for one in reversed(chain):
        if type(one).__module__ in {"builtins", "socket", "ssl"} and str(one):
            return str(one)
    return f"{type(chain[0]).__name__}: {chain[0]}"


def _page(repository: str, kind: Kind) -> str:
    """Return the address of a repository's page."""
    return f"{endpoint()}/{'datasets/' if kind == 'dataset' else ''}{repository}" if repository else endpoint()


def _proxy() -> str | None:
    """Return the proxy that questions to the hub go through, without its password; None where there is none."""
    parts = urlsplit(endpoint())
    found = getproxies().get(parts.scheme) or getproxies().get("all")
    if not found or proxy_bypass(parts.hostname or ""):
        return None
    return printable(re.sub(r"//[^/@]*@", "//", found))


def token_source() -> str | None:
    """Return where the token of the hub comes from, for people; None where there is none."""
    from huggingface_hub import get_token
    from huggingface_hub.constants import HF_TOKEN_PATH

    if get_token() is None:
        return None
    named = next((name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(name)), None)
    return f"of {named}" if named else f"in {HF_TOKEN_PATH}"


def wait_asked(error: BaseException) -> float | None:
    """Return the seconds that the hub asks to wait before the next question; None where it does not say."""
    for one in _chain(error):
        if _status(one) != 429:
            continue
        headers = vars(one)["response"].headers
        after, limit = str(headers.get("Retry-After", "")).strip(), str(headers.get("RateLimit", ""))
        if after.isdigit():
            return float(after)
        reset = re.search(r"\bt=(\d+)", limit)
        return float(reset[1]) if reset else None
    return None


def patiently(question: Callable[[], T]) -> T:
    """Return the answer to a question; where the hub asks to wait (429), it is asked again after that time, and said.

    It is asked `MOST_TRIES` times and waits `MOST_WAIT` seconds at most; where the hub asks for more, its error is raised
    at once.
    """
    _raise_when_busy()
    left, usual = MOST_WAIT, 2.0
    for tries in itertools.count(1):
        try:
            return question()
        except Exception as error:
            if all(_status(one) != 429 for one in _chain(error)):
                raise
            asked = wait_asked(error)
            wait = max(usual if asked is None else asked, 0.1)
            if wait > left or tries == MOST_TRIES:
                raise
            _LOG.warning("layover: the hub asks to wait (429 Too Many Requests); asking again in %.0f s", wait)
            time.sleep(wait)
            left, usual = left - wait, usual * 2
    raise AssertionError("the loop has no end of its own")


def _raise_when_busy() -> None:
    """Keep newer clients of the hub from waiting by themselves: as long as it asks for, without an end or a word."""
    import huggingface_hub
    from huggingface_hub import get_session

    if int(huggingface_hub.__version__.partition(".")[0]) < 1:
        return  # such a client does not wait
    client: Any = get_session()

    def refuse(response: Any) -> None:
        if response.status_code == 429:
            response.read()
            response.raise_for_status()

    hooks = client.event_hooks
    if not any(one.__qualname__ == refuse.__qualname__ for one in hooks["response"]):
        client.event_hooks = {**hooks, "response": [*hooks["response"], refuse]}


def without_token(text: str) -> str:
    """Return the first lines of a text, without any token of the hub in it."""
    from huggingface_hub import get_token

    token = get_token()
    if token:
        text = text.replace(token, HIDDEN)
    lines = [line.strip() for line in _TOKEN.sub(HIDDEN, text).splitlines()]
    return printable(" ".join(line for line in lines if line)[:400]) or "no reason given"
