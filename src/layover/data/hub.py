"""Rows of a hub data set at one commit, read through the `datasets` library.

If the hub fails, the library silently reads the newest copy in its cache, of any commit. So this module first looks for
a copy of the right commit, and reads nothing before it knows the commit of the data.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.data.formats import Row
from layover.data.hub_copies import cached, commits, roots, splits_of
from layover.errors import DataError, ModelError, nearest
from layover.files.hub import ask_readable
from layover.files.hub_cache import COMMIT, check
from layover.files.hub_errors import HubError, explained, of_hub, without_token
from layover.files.hub_patience import patiently

if TYPE_CHECKING:
    from layover.data.task import HubSource

ROWS_AT_ONCE = 1000  # reading batches of columns is much faster than reading single rows
_NO_COPY = "Couldn't find cache"
"""Message of the library when the hub failed and the cache has copies of other configurations only."""
TRIES = 2
"""Attempts to load from the hub; a hub that failed may answer the second time."""


def read_hub(source: HubSource, labels: str | None, codes: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a source; integers in the column `labels` must stand for the same labels as in `codes`.

    Raises:
        DataError: the data set cannot be loaded, or its label order differs from the declared order.
    """
    dataset = _load(source)
    name = f"{source.path}/{source.config}/{source.split}" if source.config else f"{source.path}/{source.split}"
    if labels is not None and labels in dataset.features:
        _check_codes(dataset.features[labels], codes, f"{name}: the column {labels!r}")
    number = 0
    for first in range(0, len(dataset), ROWS_AT_ONCE):
        batch: dict[str, list[Any]] = dataset[first : first + ROWS_AT_ONCE]
        for values in zip(*batch.values(), strict=True):
            number += 1
            yield Row(dict(zip(batch, values, strict=True)), name, number)


def _load(source: HubSource) -> Any:
    """Return the split of a data set at its commit.

    Raises:
        DataError: the commit is unknown, or its data cannot be loaded.
    """
    folder = Path(source.path)
    named = folder.is_absolute() and folder.is_dir()  # a folder has no commit; plans do not use one
    if not named and COMMIT.match(source.revision) is None:
        raise DataError(
            f"{source.path}: the commit of {source.revision!r} is unknown: neither the hub nor the local cache "
            "has it; connect to the hub once, write a commit as `revision`, or use official files (data_root)"
        )
    try:
        builder = _builder(source, None) if named else cached(source)
        if builder is None:
            builder = patiently(lambda: _prepared(source))
        else:
            builder.download_and_prepare()
        return builder.as_dataset(split=source.split)
    except DataError:
        raise
    except Exception as error:  # the library raises the errors of its clients, readers and parsers unchanged
        reason = None if named else _reason(source, error)
        if reason is not None:
            raise _refusal(source, reason) from error
        raise DataError(f"{_place(source)}: cannot be loaded: {without_token(f'{error}')}") from error


def _reason(source: HubSource, error: Exception) -> str | None:
    """Return the reason why the hub does not deliver the data, or None if the error has another cause."""
    from datasets.exceptions import DatasetNotFoundError

    if isinstance(error, DatasetNotFoundError | FileNotFoundError):  # they hide the answer of the hub
        try:
            ask_readable(source.path, source.revision, "dataset")
        except HubError as answer:
            return answer.words
    return explained(error, source.path, "dataset")[1] if of_hub(error) else None


def _prepared(source: HubSource) -> Any:
    """Return the builder of the split after downloading and checking the files of this split only."""
    builder = _requested(source)
    others = _narrow(builder, source)
    try:
        builder.download_and_prepare()
    except Exception:  # files of another commit may not be readable as rows
        _check_files(source, Path(builder.cache_dir), others)
        raise
    _check_files(source, Path(builder.cache_dir), others)
    return builder


def _narrow(builder: Any, source: HubSource) -> set[str]:
    """Restrict a builder to the requested splits; return the repository files that only the other splits use.

    Raises:
        DataError: the data set does not have a requested split.
    """
    from datasets import SplitDict
    from datasets.data_files import DataFilesDict

    if builder.config.data_files is None:
        return set()
    files, splits = {str(name): files for name, files in builder.config.data_files.items()}, splits_of(source)
    for name in splits:
        if name not in files:
            raise DataError(f"{_place(source)}: has no split {name!r}; {nearest(name, files)}")
    builder.config.data_files = DataFilesDict({name: files[name] for name in splits})
    known = builder.info.splits or {}
    kept = SplitDict(dataset_name=builder.dataset_name)
    for name in splits:
        if name in known:
            kept.add(known[name])
    builder.info.splits = kept if len(kept) == len(splits) else None
    return _names(files.values()) - _names(files[name] for name in splits)


def _names(files: Iterable[Iterable[Any]]) -> set[str]:
    """Return the paths within the repository of files named `hf://datasets/OWNER/NAME@COMMIT/FILE`."""
    return {str(file).partition("@")[2].partition("/")[2] for group in files for file in group}


def _check_files(source: HubSource, prepared: Path, others: Collection[str]) -> None:
    """Check that the downloaded files are the files of the commit; delete the prepared data if they are not.

    Args:
        source: The source of the data.
        prepared: The folder of the prepared data.
        others: Files of other splits, which another program may have downloaded; they are ignored.

    Raises:
        DataError: a file differs from the file of the commit; the message names it.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    snapshot = Path(HF_HUB_CACHE) / f"datasets--{source.path.replace('/', '--')}" / "snapshots" / source.revision
    for file in sorted(snapshot.rglob("*")):
        if file.is_file() and file.relative_to(snapshot).as_posix() not in others:
            try:
                check(file, f"{source.path}@{source.revision[:12]}: {file.relative_to(snapshot)}")
            except ModelError as error:
                shutil.rmtree(prepared, ignore_errors=True)
                raise DataError(str(error)) from None


def _requested(source: HubSource) -> Any:
    """Return the builder of the data set at its commit, from the hub.

    Raises:
        DataError: the library would read other data.
        Exception: an error of the library, if the hub failed.
    """
    if Path(source.path).is_dir():  # the library would read this folder at any commit
        raise DataError(
            f"{_place(source)}: the local folder {Path(source.path).resolve()} has the name of this data set, and the "
            "datasets library would read it instead; start from another folder"
        )
    _, own = roots(source)
    for _ in range(TRIES):
        try:
            builder = _builder(source, str(own))
        except ValueError as error:
            if _NO_COPY not in str(error):
                raise
        else:
            if builder.hash == source.revision and not _is_copy(builder):
                return builder
        _raise_reason(source)
    raise _refusal(source, "it failed twice")


def _builder(source: HubSource, cache: str | None) -> Any:
    import datasets

    return datasets.load_dataset_builder(source.path, name=source.config, revision=source.revision, cache_dir=cache)


def _is_copy(builder: Any) -> bool:
    """Return whether the library fell back to a cached copy, which may have another configuration."""
    from datasets.packaged_modules.cache.cache import Cache

    return isinstance(builder, Cache)


def _raise_reason(source: HubSource) -> None:
    """Raise the library's error about the hub, if any; the library raises it only with an empty cache."""
    with tempfile.TemporaryDirectory(prefix="layover-") as empty_cache:
        _builder(source, empty_cache)


def _refusal(source: HubSource, reason: str) -> DataError:
    others = commits(source)
    cached_commits = f"only {', '.join(others)}" if others else "none"
    return DataError(
        f"{_place(source)}: cannot be downloaded from the hub: {reason}; the local cache has no copy of this commit "
        f"({cached_commits}); connect to the hub, or use official files (data_root)"
    )


def _place(source: HubSource) -> str:
    return f"{source.path} (config {source.config}, split {source.split}, revision {source.revision})"


def _check_codes(feature: Any, codes: tuple[str, ...], subject: str) -> None:
    import datasets

    if isinstance(feature, datasets.List | datasets.LargeList):
        feature = feature.feature
    if codes and isinstance(feature, datasets.ClassLabel) and tuple(feature.names) != codes:
        raise DataError(
            f"{subject} numbers its labels as {', '.join(feature.names)}, but the task declares {', '.join(codes)}; "
            "write `codes` in the order of the data set"
        )
