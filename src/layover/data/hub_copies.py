"""The copies of hub data sets in the cache of the `datasets` library, by their commit.

A copy that Layover downloads has only the requested splits. It is in a folder of its own, so that the library does not
take it for the whole data set. If another program has cached a whole copy, Layover reads that one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.files.hub_cache import COMMIT, cached_file

if TYPE_CHECKING:
    from layover.data.task import HubSource

SPLITS = "layover-splits"
"""The folder in the library's cache for copies with some splits only."""
_NAMED = re.compile(r"^\s*-?\s*config_name:", re.MULTILINE)
"""A configuration in an old README, which describes its features."""
_PART = re.compile(r"\[.*?\]")


def splits_of(source: HubSource) -> list[str]:
    """Return the names of the splits that a source reads, completely or in part: `a[:10%]+b` reads two."""
    return [_PART.sub("", part).strip() for part in source.split.split("+")]


def roots(source: HubSource) -> tuple[Path, Path]:
    """Return two folders that may hold copies: of whole data sets, and of only the splits of this source."""
    from huggingface_hub.constants import HF_HOME

    # same rule as in the library, whose import takes longer than a whole plan
    root = Path(os.environ.get("HF_DATASETS_CACHE") or Path(HF_HOME) / "datasets").expanduser()
    return root, root / SPLITS / "+".join(splits_of(source))


def is_cached(source: HubSource) -> bool:
    """Return whether `read_hub` needs no hub: the cache has a copy of this commit, readable or not."""
    if COMMIT.match(source.revision) is None:
        return False
    if not any(any(root.glob(f"*/*/*/{source.revision}/dataset_info.json")) for root in roots(source)):
        return False
    try:
        return cached(source) is not None
    except Exception:  # noqa: BLE001  `read_hub` gets the same error and reports it
        return True


def cached(source: HubSource) -> Any:
    """Return the builder of the cached copy of this commit, or None if absent."""
    config = source.config if isinstance(source.config, str) else _default_config(source)
    if config is None:
        return None
    for root in roots(source):
        folders = [folder for folder in _copies(source, source.revision, root) if folder.parts[-3] == config]
        if len(folders) != 1:
            continue
        from datasets.packaged_modules.cache.cache import Cache

        return Cache(
            repo_id=source.path,
            dataset_name=source.path.rpartition("/")[2],
            config_name=config,
            version=folders[0].parts[-2],
            hash=source.revision,
            cache_dir=str(root),
        )
    return None


def commits(source: HubSource) -> list[str]:
    """Return the cached commits of a data set, each shortened to 12 characters."""
    return sorted({folder.name[:12] for root in roots(source) for folder in _copies(source, "*", root)})


def _copies(source: HubSource, commit: str, root: Path) -> list[Path]:
    """Return the folders `CONFIG/VERSION/COMMIT` of a data set's copies, for one commit or for `*`."""
    from datasets.naming import camelcase_to_snakecase

    owner, _, name = source.path.rpartition("/")
    folder = f"{owner}___{camelcase_to_snakecase(name)}" if owner else camelcase_to_snakecase(name)
    # a folder without dataset_info.json is incomplete
    folders = (path.parent for path in (root / folder).glob(f"*/*/{commit}/dataset_info.json"))
    return sorted(path for path in folders if COMMIT.match(path.name))


def _default_config(source: HubSource) -> str | None:
    """Return the default configuration according to the README of the commit, or None if unknown.

    The copy in the cache may have another configuration.
    """
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    if isinstance(cached_file(source.path, source.revision, ".huggingface.yaml", "dataset"), Path):
        return None  # this file may name another configuration
    readme = cached_file(source.path, source.revision, "README.md", "dataset")
    if readme is None:
        return None
    if readme == "none":
        return "default"
    configs = MetadataConfigs.from_dataset_card_data(DatasetCard.load(readme).data)
    if configs:
        default: str | None = configs.get_default_config_name()
        return default
    return None if _NAMED.search(readme.read_text(encoding="utf-8")) else "default"
