"""Repeated requests to a busy hub: after the wait that the hub names, within limits, with a message to the user."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from layover.files.hub_errors import chain_of, requested_wait, status_of

MOST_WAIT = 60.0
"""Seconds that a request waits in total."""
MOST_TRIES = 5
SILENT_SECONDS = 10.0
"""A request that takes longer logs a message: the clients report neither a long download nor the wait for a download of
another process."""

HUB_LOG = "layover.hub"
_LOG = logging.getLogger(HUB_LOG)

T = TypeVar("T")


def patiently(request: Callable[[], T]) -> T:
    """Return the answer to a request; if the hub asks to wait (429), repeat the request after that time.

    A request is repeated up to `MOST_TRIES` times and waits `MOST_WAIT` seconds at most; then the hub's error is
    raised. Each wait and each long request logs a message.
    """
    _raise_when_busy()
    left, usual, tries = MOST_WAIT, 2.0, 0
    while True:
        tries += 1
        try:
            with _logged_when_long():
                return request()
        except Exception as error:
            if all(status_of(cause) != 429 for cause in chain_of(error)):
                raise
            requested = requested_wait(error)
            wait = max(usual if requested is None else requested, 0.1)
            if wait > left or tries == MOST_TRIES:
                raise
            _LOG.warning(
                "layover: the hub asks to wait (429 Too Many Requests); the next request follows in %.0f s", wait
            )
            time.sleep(wait)
            left, usual = left - wait, usual * 2


@contextmanager
def _logged_when_long() -> Iterator[None]:
    """Log a message once if the block takes long."""
    text = "layover: a download from the hub takes long, or another process downloads the same file first"
    timer = threading.Timer(SILENT_SECONDS, _LOG.warning, (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _raise_when_busy() -> None:
    """Stop newer clients of the hub from waiting by themselves: they wait silently, and without a limit."""
    import huggingface_hub
    from huggingface_hub import get_session

    if int(huggingface_hub.__version__.partition(".")[0]) < 1:
        return  # this client does not wait
    client: Any = get_session()

    def refuse(response: Any) -> None:
        if response.status_code == 429:
            response.read()
            response.raise_for_status()

    hooks = client.event_hooks
    if not any(hook.__qualname__ == refuse.__qualname__ for hook in hooks["response"]):
        client.event_hooks = {**hooks, "response": [*hooks["response"], refuse]}
