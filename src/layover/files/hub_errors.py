"""Messages for the errors of the hub: every error of its clients becomes a `HubError`.

The clients raise errors of requests, httpx or httpx2, depending on their version. So this module recognises an error by
the hub's own classes and status codes, by the classes of Python, and by the class names of the HTTP libraries.
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
"""The reasons after which another request is useless: it would have the same answer, or none."""
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
    """The hub cannot be reached, or refuses a request.

    Args:
        where: The requested item; the message begins with it.
        words: The reason and the advice, for the user.
        reason: The reason, for programs.
    """

    def __init__(self, where: str, words: str, reason: Reason) -> None:
        super().__init__(f"{where}: {words}")
        self.words = words
        self.reason: Reason = reason

    @property
    def answered(self) -> bool:
        """Whether another request may have an answer."""
        return self.reason not in SILENT


def hub_error(where: str, error: Exception, repository: str = "", kind: Kind = "model") -> HubError:
    """Return a client's error as a `HubError` without any token.

    Args:
        where: The requested item; the message begins with it.
        error: Any error of huggingface_hub, of its HTTP library, of datasets, or of the file system.
        repository: `org/name`, for the address of its page.
        kind: The kind of the repository.
    """
    reason, words = explained(error, repository, kind)
    return HubError(where, words, reason)


def explained(error: Exception, repository: str = "", kind: Kind = "model") -> tuple[Reason, str]:
    """Return the reason why a request or a download failed, and a message with advice; see `hub_error`."""
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

    chain = list(chain_of(error))
    for cause in chain:
        if isinstance(cause, HubError):
            return cause.reason, cause.words
        if isinstance(cause, HFValidationError):
            return "missing", f"this is not the name of a repository: {without_token(str(cause))}"
        if isinstance(cause, OfflineModeIsEnabled):
            return "offline", OFFLINE
        if status_of(cause) is not None:
            return _answered(cause, repository, kind)
    return _silence(chain)


_CLIENTS = frozenset({"requests", "urllib3", "httpx", "httpx2", "httpcore", "httpcore2", "huggingface_hub", "aiohttp"})


def of_hub(error: BaseException) -> bool:
    """Return whether an error comes from a request to the hub, or from its local cache."""
    return any(
        _of_client(cause) or isinstance(cause, ConnectionError | TimeoutError | ssl.SSLError) or _of_disk(cause)
        for cause in chain_of(error)
    )


OFFLINE = "HF_HUB_OFFLINE is set, so no request is sent to the hub"


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__ or error


def status_of(error: BaseException) -> int | None:
    """Return the status of the answer in a client's error, or None without an answer."""
    response = vars(error).get("response")
    return None if response is None else int(response.status_code)


def _answered(error: Any, repository: str, kind: Kind) -> tuple[Reason, str]:
    """Return the reason and the message for an answer of the hub."""
    from huggingface_hub import errors

    status, page, token = status_of(error) or 0, _page(repository, kind), token_source()
    answer = without_token(vars(error).get("server_message") or str(error))
    account = f"with the account of the token ({token})" if token else "then log in (hf auth login)"
    private = (
        f"private and the token ({token}) does not give access" if token else "private (log in with: hf auth login)"
    )
    right = f"the token ({token}) does not give access" if token else "log in (hf auth login)"
    wait = requested_wait(error)
    seconds = "" if wait is None else f" for {wait:.0f} s"
    absent = isinstance(error, errors.RepositoryNotFoundError)
    table: tuple[tuple[bool, Reason, str], ...] = (
        (
            isinstance(error, errors.GatedRepoError),
            "gated",
            f"the repository is gated: request access at {page}, {account}",
        ),
        (
            status == 401 and token is not None and not absent,
            "token",
            f"the hub does not accept the token ({token}); log in again (hf auth login), or remove the token",
        ),
        (
            isinstance(error, errors.RevisionNotFoundError),
            "revision",
            f"the repository does not have this branch, tag or commit; {page} lists its branches and tags",
        ),
        (
            isinstance(error, errors.EntryNotFoundError),
            "missing",
            f"the repository does not have this file; {page} lists its files",
        ),
        (
            absent or status in {401, 404},
            "missing",
            f"the repository does not exist on the hub, or it is {private}; check the name: {page}",
        ),
        (status == 403, "denied", f"the hub refuses the request (403): {right}; see {page}"),
        (
            status == 407,
            "proxy",
            f"the proxy {proxy_to_hub() or ''} requests a password (407); put it into HTTPS_PROXY",
        ),
        (status == 429, "busy", f"the hub asks to wait (429 Too Many Requests){seconds}; run again later"),
        (status >= 500, "server", f"the hub has an error of its own (status {status}); run again later"),
    )
    matches = ((reason, words) for applies, reason, words in table if applies)
    return next(matches, ("other", f"the hub answers with status {status}: {answer}"))


def _silence(chain: list[BaseException]) -> tuple[Reason, str]:
    """Return the reason and the message for a missing answer, or for an answer that could not be stored."""
    place, message = endpoint(), without_token(_plain(chain))
    names = " ".join(f"{type(cause).__name__}: {cause}" for cause in chain)
    parts, proxy, token = urlsplit(place), proxy_to_hub(), token_source()
    tls = any(isinstance(cause, ssl.SSLError) for cause in chain) or "SSLError" in names
    bundle = absent_certificates() if tls or lacks_certificates(chain) else None
    connects = any(map(_of_connection, chain))
    disk = next((cause for cause in chain if isinstance(cause, OSError) and _of_disk(cause)), None)
    table: tuple[tuple[bool, Reason, str], ...] = (
        (
            parts.scheme not in {"http", "https"} or not parts.netloc,
            "endpoint",
            f"HF_ENDPOINT is not the address of a hub: {printable(place)!r}; write an address that begins with https://",
        ),
        (
            token is not None and not token_may_be_sent(),
            "token",
            f"the token ({token}) has characters that no token has; correct or remove it",
        ),
        (
            bundle is not None,
            "tls",
            f"the certificates that {bundle} names do not exist; correct or remove the variable",
        ),
        (
            disk is not None,
            "disk",
            f"the local cache {cache_to_blame(disk)}",
        ),
        (
            tls,
            "tls",
            f"no trusted TLS connection to {place} ({message}); name the certificates in {BUNDLES[0]} and {BUNDLES[2]}",
        ),
        (
            any("Timeout" in type(cause).__name__ for cause in chain),
            "timeout",
            f"the hub at {place} cannot be reached: it does not answer in time; run again later",
        ),
        (_CUT.search(names) is not None, "cut", f"the download broke off ({message}); run again"),
        (
            (proxy is not None and (connects or any(map(_of_client, chain)))) or "ProxyError" in names,
            "proxy",
            f"the hub at {place} cannot be reached through the proxy {proxy or ''} ({message})",
        ),
        (connects, "unreachable", f"the hub at {place} cannot be reached ({message})"),
    )
    matches = ((reason, words) for applies, reason, words in table if applies)
    first = without_token(f"{type(chain[0]).__name__}: {chain[0]}")
    return next(matches, ("other", f"the answer of {place} cannot be read, or is not the answer of a hub ({first})"))


def _of_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and type(error).__module__ == "builtins" and error.errno in _DISK


def _of_client(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _CLIENTS


def _of_connection(error: BaseException) -> bool:
    """Return whether an error means that there is no connection, or that it broke off."""
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return True
    if _of_client(error):
        return re.search("Connect|Resolution|Network|ReadError|WriteError", type(error).__name__) is not None
    return isinstance(error, OSError) and error.errno in _NETWORK


def _plain(chain: list[BaseException]) -> str:
    """Return the shortest text on a missing connection: the text of the operating system, if there is one."""
    for cause in reversed(chain):
        if type(cause).__module__ in {"builtins", "socket", "ssl"} and str(cause):
            return str(cause)
    return f"{type(chain[0]).__name__}: {chain[0]}"


def _page(repository: str, kind: Kind) -> str:
    """Return the address of a repository's page."""
    return f"{endpoint()}/{'datasets/' if kind == 'dataset' else ''}{repository}" if repository else endpoint()


def requested_wait(error: BaseException) -> float | None:
    """Return the seconds that the hub asks to wait before the next request, or None if it names no time."""
    for cause in chain_of(error):
        if status_of(cause) != 429:
            continue
        headers = vars(cause)["response"].headers
        after, limit = str(headers.get("Retry-After", "")).strip(), str(headers.get("RateLimit", ""))
        if after.isdigit():
            return float(after)
        reset = re.search(r"\bt=(\d+)", limit)
        return float(reset[1]) if reset else None
    return None


def without_token(text: str) -> str:
    """Return the beginning of a text in one line, without any token of the hub."""
    from huggingface_hub import get_token

    token = get_token()
    if token:
        text = text.replace(token, HIDDEN)
    lines = [line.strip() for line in _TOKEN.sub(HIDDEN, text).splitlines()]
    return printable(" ".join(line for line in lines if line)[:400]) or "no reason given"
