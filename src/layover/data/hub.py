"""Rows of a hub data set at one commit, read through the `datasets` library.

On any trouble with the hub the library takes the newest copy in its cache, of whichever commit. So a copy of the right
commit is looked for first, and nothing is read before the commit of what would be read is known.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.data.formats import Row
from layover.errors import DataError, ModelError
from layover.hub_errors import without_token
from layover.hub_files import COMMIT, cached_file, check

if TYPE_CHECKING:
    from layover.data.task import HubSource

ROWS_AT_ONCE = 1000  # a batch of columns is read much faster than row by row
_NAMED = re.compile(r"^\s*-?\s*config_name:", re.MULTILINE)
"""A configuration that an old README tells the features of."""
_NO_COPY = "Couldn't find cache"
"""What the library says when it gave up on the hub, and has copies of other configurations only."""
TRIES = 2
"""A hub that failed once may answer the second time."""


def read_hub(source: HubSource, labels: str | None, codes: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows; where the column `labels`, if any, numbers its labels, it must number them as `codes` does.

    Raises:
        DataError: the data set cannot be loaded, or its label order differs from the declared one.
    """
    dataset = _load(source)
    name = f"{source.path}/{source.config}/{source.split}" if source.config else f"{source.path}/{source.split}"
    if labels is not None and labels in dataset.features:
        _check_codes(dataset.features[labels], codes, f"{name}: its column {labels!r}")
    number = 0
    for first in range(0, len(dataset), ROWS_AT_ONCE):
        batch: dict[str, list[Any]] = dataset[first : first + ROWS_AT_ONCE]
        for values in zip(*batch.values(), strict=True):
            number += 1
            yield Row(dict(zip(batch, values, strict=True)), name, number)


def _load(source: HubSource) -> Any:
    """Return the split of a data set at its commit.

    Raises:
        DataError: the commit is not known, or its data cannot be had.
    """
    folder = Path(source.path)
    named = folder.is_absolute() and folder.is_dir()  # a folder has no commit; no plan runs with one
    if not named and COMMIT.match(source.revision) is None:
        raise DataError(
            f"{source.path}: the commit of {source.revision!r} is not known: neither the hub nor the local cache "
            "names it; go online once, name a commit as revision, or use official files (data_root)"
        )
    try:
        builder = _builder(source, None) if named else _cached(source)
        if builder is None:
            builder = _asked(source)
            try:
                builder.download_and_prepare()
            finally:  # bytes of another commit may be no rows at all
                _check_files(source, Path(builder.cache_dir))
        else:
            builder.download_and_prepare()
        return builder.as_dataset(split=source.split)
    except DataError:
        raise
    except Exception as error:  # the library lets the errors of every client, reader and parser through
        raise DataError(f"{_place(source)}: cannot be loaded: {without_token(f'{error}')}") from error


def _check_files(source: HubSource, prepared: Path) -> None:
    """Refuse what was prepared of files that are not those of the commit, and remove it.

    Raises:
        DataError: names the first such file.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    snapshot = Path(HF_HUB_CACHE) / f"datasets--{source.path.replace('/', '--')}" / "snapshots" / source.revision
    for file in sorted(snapshot.rglob("*")):
        if file.is_file():
            try:
                check(file, f"{source.path}@{source.revision[:12]}: {file.relative_to(snapshot)}")
            except ModelError as error:
                shutil.rmtree(prepared, ignore_errors=True)
                raise DataError(str(error)) from None


def _asked(source: HubSource) -> Any:
    """Return what builds the data set, as the hub tells of it.

    Raises:
        DataError: the library would take something else.
    """
    if Path(source.path).is_dir():  # the library would read it, whatever the commit
        raise DataError(
            f"{_place(source)}: a folder here has the name of this data set, {Path(source.path).resolve()}, and would "
            "be read instead; start from another folder"
        )
    for _ in range(TRIES):
        try:
            builder = _builder(source, None)
        except ValueError as error:
            if _NO_COPY not in str(error):
                raise
        else:
            if builder.hash == source.revision and not _is_copy(builder):
                return _refuse_unnamed(source, builder)
        reason = _reason(source)
        if reason is not None:
            break
    return _refuse(source, reason or "it failed once, and again")


def _builder(source: HubSource, cache: str | None) -> Any:
    import datasets

    return datasets.load_dataset_builder(source.path, name=source.config, revision=source.revision, cache_dir=cache)


def _is_copy(builder: Any) -> bool:
    """Return whether the library gave up on the hub: its copy has the configuration that it last saw, not the asked."""
    from datasets.packaged_modules.cache.cache import Cache

    return isinstance(builder, Cache)


def _reason(source: HubSource) -> str | None:
    """Return why the library gave up on the hub, which it tells only where it has no copy; None if it does not now."""
    with tempfile.TemporaryDirectory(prefix="layover-") as nothing:
        try:
            _builder(source, nothing)
        except Exception as error:  # noqa: BLE001  any of its errors is the reason that is asked for
            return f"{type(error).__name__}: {without_token(str(error))}"
    return None


def _refuse_unnamed(source: HubSource, builder: Any) -> Any:
    """Return what builds the data set, unless it would take a copy that says no commit: those of datasets 2 do not."""
    folder = Path(builder.cache_dir)
    if folder.name != source.revision:
        raise DataError(
            f"{_place(source)}: the local cache has a copy that does not say its commit, made by an old version of "
            f"datasets; remove {folder} and run again"
        )
    return builder


def _refuse(source: HubSource, reason: str) -> Any:
    others = sorted({folder.name[:12] for folder in _copies(source, "*")})
    has = f"only {', '.join(others)}" if others else "none"
    raise DataError(
        f"{_place(source)}: cannot be had from the hub ({reason}), and the local cache has no copy of this "
        f"commit ({has}); run again when the hub can be reached, or use official files (data_root)"
    )


def is_cached(source: HubSource) -> bool:
    """Return whether `read_hub` reads a copy of this commit in the local cache, or refuses it, without the hub."""
    from huggingface_hub.constants import HF_HOME

    if COMMIT.match(source.revision) is None:
        return False
    # importing the library takes longer than a whole plan
    there = Path(os.environ.get("HF_DATASETS_CACHE") or Path(HF_HOME) / "datasets").expanduser()
    if not any(there.glob(f"*/*/*/{source.revision}/dataset_info.json")):
        return False
    try:
        return _cached(source) is not None
    except Exception:  # noqa: BLE001  `read_hub` meets the same error, and tells it
        return True


def _cached(source: HubSource) -> Any:
    """Return what reads the copy of this commit in the library's cache; None where there is none."""
    config = source.config if isinstance(source.config, str) else _default_config(source)
    found = [] if config is None else [one for one in _copies(source, source.revision) if one.parts[-3] == config]
    if len(found) != 1:
        return None
    from datasets.packaged_modules.cache.cache import Cache

    (folder,) = found
    return Cache(
        repo_id=source.path,
        dataset_name=source.path.rpartition("/")[2],
        config_name=config,
        version=folder.parts[-2],
        hash=source.revision,
    )


def _copies(source: HubSource, commit: str) -> list[Path]:
    """Return the folders `CONFIG/VERSION/COMMIT` of a data set's copies, of one commit or of any."""
    import datasets
    from datasets.naming import camelcase_to_snakecase

    owner, _, name = source.path.rpartition("/")
    folder = f"{owner}___{camelcase_to_snakecase(name)}" if owner else camelcase_to_snakecase(name)
    there = Path(datasets.config.HF_DATASETS_CACHE).expanduser() / folder
    # a folder without its description is not finished
    found = (path.parent for path in there.glob(f"*/*/{commit}/dataset_info.json"))
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


def _place(source: HubSource) -> str:
    return f"{source.path} (config {source.config}, split {source.split}, revision {source.revision})"


def _check_codes(feature: Any, codes: tuple[str, ...], what: str) -> None:
    import datasets

    if isinstance(feature, datasets.List | datasets.LargeList):
        feature = feature.feature
    if codes and isinstance(feature, datasets.ClassLabel) and tuple(feature.names) != codes:
        raise DataError(
            f"{what} numbers its labels as {', '.join(feature.names)}, but {', '.join(codes)} is declared; "
            "give `codes` in the data set's order"
        )
