"""Prediction with packages: one encoder in memory, with one package attached at a time."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from layover import kinds
from layover.data.formats import Row
from layover.data.tokenizer import Tokenizer
from layover.devices import device_of
from layover.encoder import Encoder
from layover.errors import DataError
from layover.execution import Execution
from layover.inference.encoders import encoder_for
from layover.inference.predict import predict
from layover.inference.rows import Readers, row_of
from layover.inference.served import (
    BaseEncoder,
    Served,
    computes_in,
    folder_of,
    precision_of,
    prove,
    refuse_strangers,
    served_of,
)
from layover.numerics import Precision
from layover.packages.card import Card
from layover.packages.package import open_package


class Layover:
    """One or several packages on one encoder, ready to predict; `Layover.load` creates it.

    Calls from several threads run one after another.
    """

    def __init__(
        self,
        served: Mapping[str, Served],
        readers: Readers,
        encoder: Encoder,
        tokenizer: Tokenizer,
        device: str,
        precision: Precision,
    ) -> None:
        self._served, self._readers = served, readers
        self._encoder, self._tokenizer = encoder, tokenizer
        self._device, self._precision = device, precision
        self._acting: str | None = None
        self._turn = threading.Lock()

    @classmethod
    def load(
        cls,
        package: str | Path | Sequence[str | Path],
        *,
        base: str | None = None,
        revision: str | None = None,
        device: str = "cpu",
        precision: Precision | None = None,
        others: str | Path | Sequence[str | Path] = (),
        check: bool = True,
    ) -> Layover:
        """Return a predictor for the package of a folder, or for the packages of several folders on one encoder.

        Args:
            package: The folder, or several.
            base: The encoder: a directory, or a hub id. Required unless it is an encoder of the sandbox or of Layover's
                recipes: Layover does not load an unknown encoder by a card alone.
            revision: Commit of the encoder on the hub, instead of the commit on the card.
            device: `cpu`, `cuda`, `mps`, or `auto` for the best available one.
            precision: Precision of the encoder: `fp32`, `fp32-onednn`, `tf32`, `bf16`, `nf4`, `int8`. By default the
                precision on the card, with which its scores were measured.
            others: Folders of packages that these packages depend on, if they are not next to them.
            check: Whether the outputs of each package are first compared with the probe on its card, in fp32 on the
                CPU. The hashes of the files are always checked.

        Raises:
            ModelError: a file is missing or changed; the encoder or the tokenizer differs from the package's; the
                probe gives other numbers; the packages belong to different encoders; a package has no head; or the
                device or the precision is not available.
        """
        folders = _folders(package)
        beside = [*_folders(others), *folders]
        packages = [open_package(folder_of(folder), beside) for folder in folders]
        for opened in packages:
            opened.check_needed()
        cards = [opened.card for opened in packages]
        readers = Readers(cards)
        refuse_strangers(cards)
        source, commit = encoder_for(cards[0], base)
        wanted = BaseEncoder(source, revision or commit)
        there = device_of(device, where="device")
        numbers = precision_of(cards, precision, there)
        encoder = wanted.load("fp32" if check else numbers, cards[0])
        tokenizer = wanted.tokenizer(cards[0])
        served = {opened.card.id: served_of(opened, encoder) for opened in packages}
        for member in served.values():
            member.act(encoder)
            if check:
                prove(member, encoder, wanted)
        if not computes_in(encoder, numbers):
            del encoder  # the memory may be too small for two
            encoder = wanted.load(numbers, cards[0])
            for member in served.values():
                member.act(encoder)  # an attachment that does not fit this precision is refused now
        return cls(served, readers, encoder, tokenizer, there, numbers)

    @property
    def packages(self) -> tuple[str, ...]:
        """The names of the packages, in the order of `load`."""
        return tuple(self._served)

    def card(self, package: str | None = None) -> Card:
        """Return the card of a package; without a name, the card of the only package.

        Raises:
            DataError: the package is not loaded, or none is named and there are several.
        """
        return self._served[self._readers.known(package, "card")].card

    def labels(self, package: str | None = None) -> tuple[str, ...]:
        """Return the labels of a package, in the order of its scores; see `card`. Choice tasks have no labels."""
        return self._served[self._readers.known(package, "labels")].task.labels

    def predict(
        self,
        rows: Sequence[Mapping[str, Any] | str | Row] | Iterator[Mapping[str, Any] | str | Row],
        *,
        package: str | Sequence[str] | None = None,
        batch_tokens: int | None = None,
    ) -> list[Any]:
        """Return one result per row, in their order.

        Args:
            rows: Each row has the fields of its kind, or the columns of the task's own data: `first` and `second`, or
                for example `premise` and `hypothesis` (classification, multilabel, regression); `tokens`, or a `text`
                that is split at white space (tagging); `question` and `context` (span); `first` and `choices` (choice).
                A string is a row with this `text`. Other fields are ignored. A text that is too long is truncated at
                its end; the context of a question is read in windows, and a sentence to tag is read in parts.
            package: Name of the package, or one name per row; required if there are several packages.
            batch_tokens: Tokens per batch; None: from the device. Results differ by rounding only.

        Returns:
            The `result` of the kind of the package's task: `ClassificationResult`, `RegressionResult` ...

        Raises:
            DataError: with the number of the row, from 1 on: a field is missing, empty or of the wrong type, or the
                package is not loaded.
        """
        if batch_tokens is not None and (type(batch_tokens) is not int or batch_tokens < 1):
            raise DataError(f"batch_tokens is {batch_tokens!r}, but must be a whole number of at least 1, such as 2048")
        given = _listed(rows)
        names = self._names(package, len(given))
        read = [row_of(row, number) for number, row in enumerate(given, 1)]
        examples = [self._readers[name].read(row) for name, row in zip(names, read, strict=True)]
        execution = Execution().model_copy(update={"device": self._device, "micro_batch_tokens": batch_tokens})
        results: dict[int, Any] = {}
        with self._turn:
            for name, places in self._groups(names, examples):
                predicted = self._predicted(name, [examples[place] for place in places], execution)
                results.update(zip(places, predicted, strict=True))
        return [results[place] for place in range(len(given))]

    def _names(self, package: str | Sequence[str] | None, count: int) -> list[str]:
        """Return the package of each row."""
        if package is None or isinstance(package, str):
            return [self._readers.known(package, "package")] * count
        if len(package) != count:
            raise DataError(
                f"package: {len(package)} names for {count} rows; give one name per row, or one name for all"
            )
        return [self._readers.known(name, f"package of row {number}") for number, name in enumerate(package, 1)]

    def _groups(self, names: Sequence[str], examples: Sequence[Any]) -> list[tuple[str, list[int]]]:
        """Return package and rows of each group that is computed together; the attached package comes first."""
        groups: dict[tuple[str, Hashable], list[int]] = {}
        for place, (name, example) in enumerate(zip(names, examples, strict=True)):
            alike = kinds.get(self._served[name].task.kind).encoded_with(example)
            groups.setdefault((name, alike), []).append(place)
        order = sorted(dict.fromkeys(names), key=lambda name: name != self._acting)
        return [(name, places) for first in order for (name, _), places in groups.items() if name == first]

    def _predicted(self, name: str, examples: Sequence[Any], execution: Execution) -> list[Any]:
        served = self._served[name]
        if self._acting != name:
            self._acting = None  # while it changes, and if that fails
            served.act(self._encoder)
            self._acting = name
        task, kind = served.task, kinds.get(served.task.kind)
        features = kind.encode(
            examples, self._tokenizer, labels=task.labels, max_length=task.max_length, stride=task.stride
        )
        outputs = predict(
            self._encoder, served.head, features, execution=execution, precision=self._precision, certainty=True
        )
        return kinds.get(task.kind).results(outputs, features, examples, labels=task.labels)


def _folders(given: str | Path | Sequence[str | Path]) -> list[Path]:
    return [Path(given)] if isinstance(given, (str, Path)) else [Path(folder) for folder in given]


def _listed(rows: Iterable[Any]) -> list[Any]:
    """Return rows as a list, and refuse values that iterate over something else than rows."""
    if isinstance(rows, str) or not isinstance(rows, (Sequence, Iterator)):
        raise DataError(
            f"rows: a list of rows is needed, not {type(rows).__name__}; for a data frame use "
            "frame.to_dict('records'), for another table list(table)"
        )
    return list(rows)
