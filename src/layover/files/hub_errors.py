"""What goes wrong at the hub, in words: every error of its clients becomes one `HubError` here.

The clients raise errors of requests, httpx or httpx2, whichever their version uses. So an error is known by the hub's
own classes and status codes, by those of Python, and by the names of the others.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

from layover.errors import ModelError, printable
from layover.files.hub_settings import (
    BUNDLES,
    absent_certificates,
    cache_to_blame,
    endpoint,
    lacks_certificates,
    proxy_to_hub,
    token_may_be_sent,
    token_source,
)

HIDDEN = "(token)"
Kind = Literal["model", "dataset"]
Reason = Literal[
    "missing", "revision", "gated", "denied", "token", "busy", "server", "timeout", "tls", "proxy", "unreachable",
    "offline", "endpoint", "disk", "cut", "other",
]  # fmt: skip
SILENT: frozenset[Reason] = frozenset({"busy", "timeout", "tls", "proxy", "unreachable", "offline", "endpoint"})
"""The reasons for which asking again is no use: the next question would have the same answer, or none."""
_DISK = {
    getattr(errno, name)
    for name in (
        "EACCES",
        "EPERM",
        "EROFS",
        "ENOSPC",
        "EDQUOT",
        "ENOTDIR",
        "EISDIR",
        "ENAMETOOLONG",
        "ENOENT",
        "EEXIST",
    )
}
_NETWORK = {
    getattr(errno, name)
    for name in ("ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EHOSTDOWN", "ENETRESET", "EADDRNOTAVAIL", "ETIMEDOUT")
    if hasattr(errno, name)
}
_TOKEN = re.compile(r"hf_\w{8,}", re.ASCII)
_CUT = re.compile(
    r"IncompleteRead|peer closed connection|Connection broken|ContentDecoding|Consistency check failed|file should be "
    r"of size|Server disconnected|ChunkedEncoding|RemoteProtocolError"
)


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

    chain = list(chain_of(error))
    for one in chain:
        if isinstance(one, HubError):
            return one.reason, one.words
        if isinstance(one, HFValidationError):
            return "missing", f"this is no name of a repository: {without_token(str(one))}"
        if isinstance(one, OfflineModeIsEnabled):
            return "offline", OFFLINE
        if status_of(one) is not None:
            return _answered(one, repository, kind)
    return _silence(chain)


_CLIENTS = frozenset({"requests", "urllib3", "httpx", "httpx2", "httpcore", "httpcore2", "huggingface_hub", "aiohttp"})


def of_hub(error: BaseException) -> bool:
    """Return whether an error comes from a question to the hub, or from what keeps its answers on this disk."""
    return any(
        _of_client(one) or isinstance(one, ConnectionError | TimeoutError | ssl.SSLError) or _of_disk(one)
        for one in chain_of(error)
    )


OFFLINE = "HF_HUB_OFFLINE is set, so that the hub is not asked"


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__ or error


def status_of(error: BaseException) -> int | None:
    """Return the status of the answer that an error of a client came from; None where there was no answer."""
    response = vars(error).get("response")
    return None if response is None else int(response.status_code)


def _answered(error: Any, repository: str, kind: Kind) -> tuple[Reason, str]:
    """Return what an answer of the hub means."""
    from huggingface_hub import errors

    status, page, token = status_of(error) or 0, _page(repository, kind), token_source()
    message = vars(error).get("server_message")
    said = without_token(message) if message else without_token(str(error))
    account = f"with the account of the token ({token})" if token else "then log in (hf auth login)"
    opened = f"private and the token ({token}) does not open it" if token else "private (log in: hf auth login)"
    right = f"the token ({token}) has no right to it" if token else "log in (hf auth login)"
    wait = wait_asked(error)
    named = "" if wait is None else f", for {wait:.0f} s"
    absent = isinstance(error, errors.RepositoryNotFoundError)
    table: tuple[tuple[bool, Reason, str], ...] = (
        (
            isinstance(error, errors.GatedRepoError),
            "gated",
            f"the repository is gated: ask for access at {page}, {account}",
        ),
        (
            status == 401 and token is not None and not absent,
            "token",
            f"the hub does not accept the token ({token}); log in anew (hf auth login), or remove it",
        ),
        (
            isinstance(error, errors.RevisionNotFoundError),
            "revision",
            f"the repository has no such branch, tag or commit; {page} shows those there are",
        ),
        (
            isinstance(error, errors.EntryNotFoundError),
            "missing",
            f"the repository has no such file; {page} shows those there are",
        ),
        (
            absent or status in {401, 404},
            "missing",
            f"the hub has no such repository, or it is {opened}; see that the name is right: {page}",
        ),
        (status == 403, "denied", f"the hub refuses (403): {right}; see {page}"),
        (status == 407, "proxy", f"the proxy {proxy_to_hub() or ''} asks for a password (407); name it in HTTPS_PROXY"),
        (status == 429, "busy", f"the hub asks to wait (429 Too Many Requests){named}; run again later"),
        (status >= 500, "server", f"the hub fails (status {status}); the fault is not here: run again later"),
    )
    found = ((reason, words) for applies, reason, words in table if applies)
    return next(found, ("other", f"the hub answers with status {status}: {said}"))


def _silence(chain: list[BaseException]) -> tuple[Reason, str]:
    """Return why there was no answer, or why it could not be kept."""
    place, told = endpoint(), without_token(_plain(chain))
    names = " ".join(f"{type(one).__name__}: {one}" for one in chain)
    parts, proxy, token = urlsplit(place), proxy_to_hub(), token_source()
    tls = any(isinstance(one, ssl.SSLError) for one in chain) or "SSLError" in names
    bundle = absent_certificates() if tls or lacks_certificates(chain) else None
    connects = any(map(_of_connection, chain))
    disk = next((one for one in chain if isinstance(one, OSError) and _of_disk(one)), None)
    table: tuple[tuple[bool, Reason, str], ...] = (
        (
            parts.scheme not in {"http", "https"} or not parts.netloc,
            "endpoint",
            f"HF_ENDPOINT is no address of a hub: {printable(place)!r}; it begins with https://",
        ),
        (
            token is not None and not token_may_be_sent(),
            "token",
            f"the token ({token}) has characters that no token has; correct it, or remove it",
        ),
        (
            bundle is not None,
            "tls",
            f"the certificates that {bundle} names are not there; correct it, or remove it",
        ),
        (
            disk is not None,
            "disk",
            f"the local cache {cache_to_blame(disk)}",
        ),
        (
            tls,
            "tls",
            f"no trusted TLS connection to {place} ({told}); name the certificates in {BUNDLES[0]} and {BUNDLES[2]}",
        ),
        (
            any("Timeout" in type(one).__name__ for one in chain),
            "timeout",
            f"the hub at {place} cannot be reached: it does not answer in time; run again later",
        ),
        (_CUT.search(names) is not None, "cut", f"the download broke off ({told}); run again"),
        (
            (proxy is not None and (connects or any(map(_of_client, chain)))) or "ProxyError" in names,
            "proxy",
            f"the hub at {place} cannot be reached through the proxy {proxy or ''} ({told})",
        ),
        (connects, "unreachable", f"the hub at {place} cannot be reached ({told})"),
    )
    found = ((reason, words) for applies, reason, words in table if applies)
    first = without_token(f"{type(chain[0]).__name__}: {chain[0]}")
    return next(found, ("other", f"the answer of {place} is none that the hub gives, or it cannot be read ({first})"))


def _of_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and type(error).__module__ == "builtins" and error.errno in _DISK


def _of_client(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _CLIENTS


def _of_connection(error: BaseException) -> bool:
    """Tell whether an error says that there is no connection, or that it broke off."""
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return True
    if _of_client(error):
        return re.search("Connect|Resolution|Network|ReadError|WriteError", type(error).__name__) is not None
    return isinstance(error, OSError) and error.errno in _NETWORK


def _plain(chain: list[BaseException]) -> str:
    """Return the shortest account of why there was no connection: that of the operating system, if there is one."""
    for one in reversed(chain):
        if type(one).__module__ in {"builtins", "socket", "ssl"} and str(one):
            return str(one)
    return f"{type(chain[0]).__name__}: {chain[0]}"


def _page(repository: str, kind: Kind) -> str:
    """Return the address of a repository's page."""
    return f"{endpoint()}/{'datasets/' if kind == 'dataset' else ''}{repository}" if repository else endpoint()


def wait_asked(error: BaseException) -> float | None:
    """Return the seconds that the hub asks to wait before the next question; None where it does not say."""
    for one in chain_of(error):
        if status_of(one) != 429:
            continue
        headers = vars(one)["response"].headers
        after, limit = str(headers.get("Retry-After", "")).strip(), str(headers.get("RateLimit", ""))
        if after.isdigit():
            return float(after)
        reset = re.search(r"\bt=(\d+)", limit)
        return float(reset[1]) if reset else None
    return None


def without_token(text: str) -> str:
    """Return the first lines of a text, without any token of the hub in it."""
    from huggingface_hub import get_token

    token = get_token()
    if token:
        text = text.replace(token, HIDDEN)
    lines = [line.strip() for line in _TOKEN.sub(HIDDEN, text).splitlines()]
    return printable(" ".join(line for line in lines if line)[:400]) or "no reason given"
