"""Switches off progress bars and logs of libraries."""

from __future__ import annotations

import os

LIBRARIES = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_VERBOSITY": "error",
    "DATASETS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""The libraries read these variables when they are imported, in this process and in the workers."""


def quiet() -> None:
    """Switch off progress bars and logs of libraries imported later; variables that the user set are kept."""
    for name, value in LIBRARIES.items():
        os.environ.setdefault(name, value)
