"""Whether a data set of the hub lies in the local cache, so that reading it downloads nothing."""

from __future__ import annotations

import os
from pathlib import Path

from layover.data.task import HubSource


def is_cached(source: HubSource) -> bool:
    """Return whether the `datasets` library has prepared this data set at this revision here.

    Looks at folders alone: importing the library takes longer than a whole plan.
    """
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets")
    if not cache.is_dir():
        return False
    folders = (folder for folder in cache.iterdir() if _plain(folder.name) == _plain(source.path))
    prepared = (info.parent for folder in folders for info in folder.glob("*/*/*/dataset_info.json"))
    config = source.config or "default"
    return any((one.name, one.parents[1].name) == (source.revision, config) for one in prepared)


def _plain(name: str) -> str:
    """Return the letters and digits of a name: the library writes `org/someName` as `org___some_name`."""
    return "".join(filter(str.isalnum, name)).casefold()
