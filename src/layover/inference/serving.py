"""Packages that predict: one encoder in memory, and on it the package whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from layover import kinds
from layover.data.formats import Row
from layover.data.tokenizer import Tokenizer
from layover.encoder import Encoder
from layover.errors import DataError
from layover.execution import Execution
from layover.inference.encoders import encoder_for
from layover.inference.machine import device_of
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
    """One or several packages over one encoder, ready to predict; `Layover.load` makes one.

    Calls from several threads wait for each other.
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
        """Return what predicts with the package of a folder, or with those of several over one encoder.

        Args:
            package: The folder, or several.
            base: The encoder: a directory, or a hub id. Needed where it is neither the sandbox's nor a model that
                Layover's recipes use: what a card names is never loaded because a card names it.
            revision: Commit of the encoder on the hub, instead of the card's.
            device: `cpu`, `cuda`, `mps`, or `auto` for the best one that is there.
            precision: In which numbers the encoder computes: `fp32`, `fp32-onednn`, `bf16`, `nf4`, `int8`. The card's
                when not given, to which its scores belong.
            others: Folders of packages that these rest on, where they are not beside them.
            check: Compare what each package computes with the probe on its card, in fp32 on the CPU, before anything
                else. The files are compared with their hashes either way.

        Raises:
            ModelError: a file is missing or changed; the encoder or the tokenizer is another than the package's; the
                probe gives other numbers; the packages belong to different encoders; a package has no head; or the
                device or the precision is not to be had here.
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
            del encoder  # the memory may not hold two
            encoder = wanted.load(numbers, cards[0])
            for member in served.values():
                member.act(encoder)  # what does not go with these numbers is refused now
        return cls(served, readers, encoder, tokenizer, there, numbers)

    @property
    def packages(self) -> tuple[str, ...]:
        """The names of the packages, in the order in which they were given."""
        return tuple(self._served)

    def card(self, package: str | None = None) -> Card:
        """Return the card of a package, of the only one when none is named.

        Raises:
            DataError: there is no such package, or there are several and none is named.
        """
        return self._served[self._readers.known(package, "card")].card

    def labels(self, package: str | None = None) -> tuple[str, ...]:
        """Return the labels of a package, in the order of its scores; see `card`. Choices have none."""
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
            rows: Of each the fields of its kind, or the columns of the task's own data: `first` and `second` or say
                `premise` and `hypothesis` (classification, multilabel, regression), `tokens` or a `text` that is split
                at white space (tagging), `question` and `context` (span), `first` and `choices` (choice). A string is
                a row with that `text`. Other fields are left alone. A text that is too long loses its end, but for the
                context of a question, which is read in windows, and the words of a sentence, which is read in parts.
            package: Whose, or for each row whose; needed where there are several.
            batch_tokens: Tokens at once; from the device when None. Results differ by rounding only.

        Returns:
            The `result` of the kind of the package's task: `ClassificationResult`, `RegressionResult` ...

        Raises:
            DataError: with the number of the row, from 1 on: a field is missing, empty or of the wrong type, or there
                is no such package.
        """
        if batch_tokens is not None and (type(batch_tokens) is not int or batch_tokens < 1):
            raise DataError(f"batch_tokens: {batch_tokens!r} is no number of tokens; 2048, say")
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
            raise DataError(f"package: {len(package)} names for {count} rows; one for each is needed, or one for all")
        return [self._readers.known(name, f"package of row {number}") for number, name in enumerate(package, 1)]

    def _groups(self, names: Sequence[str], examples: Sequence[Any]) -> list[tuple[str, list[int]]]:
        """Return package and rows of what is computed at once; first those of the package that acts already."""
        groups: dict[tuple[str, Hashable], list[int]] = {}
        for place, (name, example) in enumerate(zip(names, examples, strict=True)):
            alike = kinds.get(self._served[name].task.kind).encoded_with(example)
            groups.setdefault((name, alike), []).append(place)
        order = sorted(dict.fromkeys(names), key=lambda name: name != self._acting)
        return [(name, places) for first in order for (name, _), places in groups.items() if name == first]

    def _predicted(self, name: str, examples: Sequence[Any], execution: Execution) -> list[Any]:
        served = self._served[name]
        if self._acting != name:
            self._acting = None  # while it changes, and where that fails
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
    """Return rows as a list, and refuse what would be taken apart into something else."""
    if isinstance(rows, str) or not isinstance(rows, (Sequence, Iterator)):
        raise DataError(
            f"rows: a list of rows is needed, not {type(rows).__name__}; of a data frame: frame.to_dict('records'), of "
            "another table: list(table)"
        )
    return list(rows)
