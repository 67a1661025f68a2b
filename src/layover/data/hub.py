"""Rows of a hub data set, read through the `datasets` library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from layover.data.formats import Row
from layover.errors import DataError

if TYPE_CHECKING:
    from layover.data.task import HubSource

ROWS_AT_ONCE = 1000  # a batch of columns is read much faster than row by row


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
    import datasets

    try:
        return datasets.load_dataset(
            source.path, name=source.config, split=source.split, revision=source.revision or None
        )
    except (OSError, ValueError, RuntimeError, KeyError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"{source.path} (config {source.config}, split {source.split}, revision {source.revision}): "
            f"cannot be loaded: {error}"
        ) from error


def _check_codes(feature: Any, codes: tuple[str, ...], what: str) -> None:
    import datasets

    if isinstance(feature, datasets.List | datasets.LargeList):
        feature = feature.feature
    if codes and isinstance(feature, datasets.ClassLabel) and tuple(feature.names) != codes:
        raise DataError(
            f"{what} numbers its labels as {', '.join(feature.names)}, but {', '.join(codes)} is declared; "
            "give `codes` in the data set's order"
        )
