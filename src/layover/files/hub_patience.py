"""Patience with a busy hub: a question is asked again when the hub said, in bounds, and the user is told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from layover.files.hub_errors import chain_of, status_of, wait_asked

MOST_WAIT = 60.0
"""Seconds that one question waits altogether."""
MOST_TRIES = 5
SILENT_SECONDS = 10.0
"""A question that takes longer says so: a download, or the wait for that of another process, which no client tells."""

HUB_LOG = "layover.hub"
_LOG = logging.getLogger(HUB_LOG)

T = TypeVar("T")


def patiently(question: Callable[[], T]) -> T:
    """Return the answer to a question; where the hub asks to wait (429), it is asked again after that time, and said.

    It is asked `MOST_TRIES` times and waits `MOST_WAIT` seconds at most; then the hub's error is raised. A question
    that takes long says so.
    """
    _raise_when_busy()
    left, usual, tries = MOST_WAIT, 2.0, 0
    while True:
        tries += 1
        try:
            with _said():
                return question()
        except Exception as error:
            if all(status_of(one) != 429 for one in chain_of(error)):
                raise
            asked = wait_asked(error)
            wait = max(usual if asked is None else asked, 0.1)
            if wait > left or tries == MOST_TRIES:
                raise
            _LOG.warning("layover: the hub asks to wait (429 Too Many Requests); asking again in %.0f s", wait)
            time.sleep(wait)
            left, usual = left - wait, usual * 2


@contextmanager
def _said() -> Iterator[None]:
    """Say once that the block takes long."""
    text = "layover: a download from the hub takes long, or another process downloads the same file first"
    timer = threading.Timer(SILENT_SECONDS, _LOG.warning, (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


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
