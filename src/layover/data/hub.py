"""Rows of a hub data set at one commit, read through the `datasets` library.

On any trouble with the hub the library takes the newest copy in its cache, of whichever commit. So a copy of the right
commit is looked for first, and nothing is read before the commit of what would be read is known.
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

ROWS_AT_ONCE = 1000  # a batch of columns is read much faster than row by row
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
        builder = _builder(source, None) if named else cached(source)
        if builder is None:
            builder = patiently(lambda: _prepared(source))
        else:
            builder.download_and_prepare()
        return builder.as_dataset(split=source.split)
    except DataError:
        raise
    except Exception as error:  # the library lets the errors of every client, reader and parser through
        words = None if named else _words(source, error)
        if words is not None:
            raise _refusal(source, words) from error
        raise DataError(f"{_place(source)}: cannot be loaded: {without_token(f'{error}')}") from error


def _words(source: HubSource, error: Exception) -> str | None:
    """Return why the hub does not give the data; None where something else is wrong."""
    from datasets.exceptions import DatasetNotFoundError

    if isinstance(error, DatasetNotFoundError | FileNotFoundError):  # they hide the answer that they came from
        try:
            ask_readable(source.path, source.revision, "dataset")
        except HubError as answer:
            return answer.words
    return explained(error, source.path, "dataset")[1] if of_hub(error) else None


def _prepared(source: HubSource) -> Any:
    """Return what reads the split, after the files of this split, and no others, were downloaded and checked."""
    builder = _asked(source)
    others = _narrow(builder, source)
    try:
        builder.download_and_prepare()
    except Exception:  # bytes of another commit may be no rows at all
        _check_files(source, Path(builder.cache_dir), others)
        raise
    _check_files(source, Path(builder.cache_dir), others)
    return builder


def _narrow(builder: Any, source: HubSource) -> set[str]:
    """Keep a builder from downloading other splits than the asked; return the files in the repository of those alone.

    Raises:
        DataError: the data set has no such split.
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
    """Return the names in the repository of files that are called `hf://datasets/OWNER/NAME@COMMIT/FILE`."""
    return {str(file).partition("@")[2].partition("/")[2] for some in files for file in some}


def _check_files(source: HubSource, prepared: Path, others: Collection[str]) -> None:
    """Refuse what was prepared of files that are not those of the commit, and remove it.

    Args:
        source: What is read.
        prepared: The folder.
        others: Files of other splits, which another program may have downloaded; they do not count.

    Raises:
        DataError: names the first such file.
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


def _asked(source: HubSource) -> Any:
    """Return what builds the data set, as the hub tells of it.

    Raises:
        DataError: the library would take something else.
        Exception: of the library, where it gave up on the hub.
    """
    if Path(source.path).is_dir():  # the library would read it, whatever the commit
        raise DataError(
            f"{_place(source)}: a folder here has the name of this data set, {Path(source.path).resolve()}, and would "
            "be read instead; start from another folder"
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
    raise _refusal(source, "it failed once, and again")


def _builder(source: HubSource, cache: str | None) -> Any:
    import datasets

    return datasets.load_dataset_builder(source.path, name=source.config, revision=source.revision, cache_dir=cache)


def _is_copy(builder: Any) -> bool:
    """Return whether the library gave up on the hub: its copy has the configuration that it last saw, not the asked."""
    from datasets.packaged_modules.cache.cache import Cache

    return isinstance(builder, Cache)


def _raise_reason(source: HubSource) -> None:
    """Raise why the library gave up on the hub, which it tells only where it has no copy; else nothing."""
    with tempfile.TemporaryDirectory(prefix="layover-") as nothing:
        _builder(source, nothing)


def _refusal(source: HubSource, words: str) -> DataError:
    others = commits(source)
    has = f"only {', '.join(others)}" if others else "none"
    return DataError(
        f"{_place(source)}: cannot be had from the hub: {words}; the local cache has no copy of this commit ({has}); "
        "official files (data_root) need no hub"
    )


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
