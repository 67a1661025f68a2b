"""The copies of hub data sets in the cache of the `datasets` library, found by their commit.

A copy that Layover asked for has the splits that were asked for and no others, so it lies in a folder of its own: there
the library does not take it for all of the data set. A whole copy, of another program, is read where there is one.
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
"""The folder of the copies that have some splits only, in the cache of the library."""
_NAMED = re.compile(r"^\s*-?\s*config_name:", re.MULTILINE)
"""A configuration that an old README tells the features of."""
_PART = re.compile(r"\[.*?\]")


def splits_of(source: HubSource) -> list[str]:
    """Return the names of the splits that a source reads, whole or in part: `a[:10%]+b` reads two."""
    return [_PART.sub("", one).strip() for one in source.split.split("+")]


def roots(source: HubSource) -> tuple[Path, Path]:
    """Return the folders that may hold copies: of whole data sets, and of the splits of a source alone."""
    from huggingface_hub.constants import HF_HOME

    # as the library has it, whose import takes longer than a whole plan
    root = Path(os.environ.get("HF_DATASETS_CACHE") or Path(HF_HOME) / "datasets").expanduser()
    return root, root / SPLITS / "+".join(splits_of(source))


def is_cached(source: HubSource) -> bool:
    """Return whether `read_hub` reads a copy of this commit in the local cache, or refuses it, without the hub."""
    if COMMIT.match(source.revision) is None:
        return False
    if not any(any(root.glob(f"*/*/*/{source.revision}/dataset_info.json")) for root in roots(source)):
        return False
    try:
        return cached(source) is not None
    except Exception:  # noqa: BLE001  `read_hub` meets the same error, and tells it
        return True


def cached(source: HubSource) -> Any:
    """Return what reads the copy of this commit in the library's cache; None where there is none."""
    config = source.config if isinstance(source.config, str) else _default_config(source)
    if config is None:
        return None
    for root in roots(source):
        found = [one for one in _copies(source, source.revision, root) if one.parts[-3] == config]
        if len(found) != 1:
            continue
        from datasets.packaged_modules.cache.cache import Cache

        return Cache(
            repo_id=source.path,
            dataset_name=source.path.rpartition("/")[2],
            config_name=config,
            version=found[0].parts[-2],
            hash=source.revision,
            cache_dir=str(root),
        )
    return None


def commits(source: HubSource) -> list[str]:
    """Return the commits of a data set that there are copies of, as a person writes them."""
    return sorted({folder.name[:12] for root in roots(source) for folder in _copies(source, "*", root)})


def _copies(source: HubSource, commit: str, root: Path) -> list[Path]:
    """Return the folders `CONFIG/VERSION/COMMIT` of a data set's copies, of one commit or of any."""
    from datasets.naming import camelcase_to_snakecase

    owner, _, name = source.path.rpartition("/")
    folder = f"{owner}___{camelcase_to_snakecase(name)}" if owner else camelcase_to_snakecase(name)
    # a folder without its description is not finished
    found = (path.parent for path in (root / folder).glob(f"*/*/{commit}/dataset_info.json"))
    return sorted(path for path in found if COMMIT.match(path.name))


def _default_config(source: HubSource) -> str | None:
    """Return the configuration that is read where none is named, as the commit's README tells; None if it is not here.

    The copy that the cache happens to have may be of another one.
    """
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    if isinstance(cached_file(source.path, source.revision, ".huggingface.yaml", "dataset"), Path):
        return None  # it may say something else
    readme = cached_file(source.path, source.revision, "README.md", "dataset")
    if readme is None:
        return None
    if readme == "none":
        return "default"
    configs = MetadataConfigs.from_dataset_card_data(DatasetCard.load(readme).data)
    if configs:
        found: str | None = configs.get_default_config_name()
        return found
    return None if _NAMED.search(readme.read_text(encoding="utf-8")) else "default"
