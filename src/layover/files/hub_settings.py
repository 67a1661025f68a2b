"""The settings of this machine for the clients of the hub: address, token, proxy, certificates and caches."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from layover.errors import printable

BUNDLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Environment variables that name certificates."""
CACHES = ("HF_DATASETS_CACHE", "HF_HUB_CACHE")
"""Environment variables that name parts of the local cache; the other parts are below `HF_HOME`."""


def endpoint() -> str:
    """Return the address of the hub: `HF_ENDPOINT`, or the address of Hugging Face."""
    from huggingface_hub.constants import ENDPOINT

    return ENDPOINT


def offline() -> bool:
    """Return whether the user forbids requests to the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def token_source() -> str | None:
    """Return the place of the hub's token for a message, or None without a token."""
    from huggingface_hub import get_token
    from huggingface_hub.constants import HF_TOKEN_PATH

    if get_token() is None:
        return None
    named = next((name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(name)), None)
    return f"of {named}" if named else f"in {HF_TOKEN_PATH}"


def token_may_be_sent() -> bool:
    """Return whether a token, if there is one, has only characters that a header of a request may have."""
    from huggingface_hub import get_token

    token = get_token() or ""
    return token.isascii() and token.isprintable()


def proxy_to_hub() -> str | None:
    """Return the proxy of requests to the hub, without its password, or None without a proxy."""
    parts = urlsplit(endpoint())
    proxy = getproxies().get(parts.scheme) or getproxies().get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return printable(re.sub(r"//[^/@]*@", "//", proxy))


def absent_certificates() -> str | None:
    """Return an environment variable that names missing certificates, with its value; it may be a list of folders."""
    for name in BUNDLES:
        value = os.environ.get(name)
        places = value.split(os.pathsep) if value and name == "SSL_CERT_DIR" else [value]
        if value and not any(os.path.exists(place) for place in places if place):  # noqa: PTH110  the value as it is
            return f"{name}={printable(value)}"
    return None


def lacks_certificates(chain: Sequence[BaseException]) -> bool:
    """Return whether a client could not open a file of certificates, before any connection."""
    named = {os.environ.get(name) for name in BUNDLES}
    return any(
        isinstance(error, OSError)
        and ("TLS CA certificate" in str(error) or (error.errno == errno.ENOENT and error.filename in {None, *named}))
        for error in chain
    )


def cache_to_blame(error: OSError | None) -> str:
    """Return a message: the cache that cannot be used, the reason, and the variable that names another cache."""
    from huggingface_hub.constants import HF_HOME

    if error is None:
        return ""
    file = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    places = {name: Path(os.environ[name]).expanduser() for name in CACHES if os.environ.get(name)}
    matches = (
        variable
        for variable, place in places.items()
        if file and (file.is_relative_to(place) or place.is_relative_to(file))
    )
    name = next(matches, "HF_HOME")
    why = f"{error.filename or 'a file'}: {os.strerror(error.errno or 0)}"
    return f"of the hub, {places.get(name, HF_HOME)}, cannot be used ({why}); make room, or change {name}"
