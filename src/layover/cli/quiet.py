"""The libraries' own chatter, kept out of what a verb writes."""

from __future__ import annotations

import os

LIBRARIES = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_VERBOSITY": "error",
    "DATASETS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Read by the libraries when they are imported, in this process and in the workers."""


def quiet() -> None:
    """Keep libraries that are imported from now on from drawing bars and logging; what a user has set stays."""
    for name, value in LIBRARIES.items():
        os.environ.setdefault(name, value)
