"""What this machine tells the clients of the hub: its address, a token, a proxy, certificates, and where answers go."""

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
"""Variables that name certificates."""
CACHES = ("HF_DATASETS_CACHE", "HF_HUB_CACHE")
"""Variables that name parts of the local cache; the others are below `HF_HOME`."""


def endpoint() -> str:
    """Return the address of the hub: `HF_ENDPOINT`, or that of Hugging Face."""
    from huggingface_hub.constants import ENDPOINT

    return ENDPOINT


def offline() -> bool:
    """Return whether the user keeps the clients of the hub from asking it."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def token_source() -> str | None:
    """Return where the token of the hub comes from, for people; None where there is none."""
    from huggingface_hub import get_token
    from huggingface_hub.constants import HF_TOKEN_PATH

    if get_token() is None:
        return None
    named = next((name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(name)), None)
    return f"of {named}" if named else f"in {HF_TOKEN_PATH}"


def token_may_be_sent() -> bool:
    """Tell whether the token, where there is one, can stand in the head of a question."""
    from huggingface_hub import get_token

    token = get_token() or ""
    return token.isascii() and token.isprintable()


def proxy_to_hub() -> str | None:
    """Return the proxy that questions to the hub go through, without its password; None where there is none."""
    parts = urlsplit(endpoint())
    found = getproxies().get(parts.scheme) or getproxies().get("all")
    if not found or proxy_bypass(parts.hostname or ""):
        return None
    return printable(re.sub(r"//[^/@]*@", "//", found))


def absent_certificates() -> str | None:
    """Return a variable that names certificates which are not there, with its value; a folder may be one of a list."""
    for name in BUNDLES:
        value = os.environ.get(name)
        places = value.split(os.pathsep) if value and name == "SSL_CERT_DIR" else [value]
        if value and not any(os.path.exists(one) for one in places if one):  # noqa: PTH110  the value as it is
            return f"{name}={printable(value)}"
    return None


def lacks_certificates(chain: Sequence[BaseException]) -> bool:
    """Tell whether a client could not open a file of certificates, before any connection."""
    named = {os.environ.get(name) for name in BUNDLES}
    return any(
        isinstance(one, OSError)
        and ("TLS CA certificate" in str(one) or (one.errno == errno.ENOENT and one.filename in {None, *named}))
        for one in chain
    )


def cache_to_blame(error: OSError | None) -> str:
    """Return which cache cannot be used, why, and what names another one."""
    from huggingface_hub.constants import HF_HOME

    if error is None:
        return ""
    file = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    places = {name: Path(os.environ[name]).expanduser() for name in CACHES if os.environ.get(name)}
    near = (one for one, place in places.items() if file and (file.is_relative_to(place) or place.is_relative_to(file)))
    name = next(near, "HF_HOME")
    why = f"{error.filename or 'a file'}: {os.strerror(error.errno or 0)}"
    return f"of the hub, {places.get(name, HF_HOME)}, cannot be used ({why}); make room, or name another as {name}"
