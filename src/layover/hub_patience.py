"""Patience with a busy hub: a question is asked again when the hub said, in bounds, and the user is told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from layover.hub_errors import chain_of, status_of, wait_asked

MOST_WAIT = 60.0
"""Seconds that one question waits altogether."""
MOST_TRIES = 5

_LOG = logging.getLogger("layover.hub")

T = TypeVar("T")


def patiently(question: Callable[[], T]) -> T:
    """Return the answer to a question; where the hub asks to wait (429), it is asked again after that time, and said.

    It is asked `MOST_TRIES` times and waits `MOST_WAIT` seconds at most; then the hub's error is raised.
    """
    _raise_when_busy()
    left, usual, tries = MOST_WAIT, 2.0, 0
    while True:
        tries += 1
        try:
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
