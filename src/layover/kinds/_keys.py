"""Keys for tasks that a recipe declares. A kind lists the classes of its keys; several kinds may share a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from layover.data import templates
from layover.data.labels import as_text, meaning, number
from layover.errors import nearest

FROM_TRAINING = "from training"

Path = tuple[str | int, ...]
"""The name of a field, then the index or the key inside its value."""
Mistakes = Iterator[tuple[Path, str]]


@dataclass(frozen=True)
class KeyCheck:
    """A check that finds mistakes in the declaration of a task."""

    find: Callable[[Any], Mistakes]
    reads: tuple[str, ...]
    """The keys that it reads. The check is skipped if one of them already has an error."""


class Keys(BaseModel):
    """Keys in the declaration of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TextKeys(Keys):
    """The text that the encoder reads."""

    text: tuple[str, ...] = ()
    """One column or two columns, or templates of columns: `"{premise} What was the {question}?"`."""


class LabelKeys(Keys):
    """The column of the gold."""

    label: str = "label"
    """choice: the column that identifies the right choice (see `label_as`), or the column of `choices` that contains
    the right choice."""


class IdKeys(Keys):
    """The column with the id of an example."""

    id: str = "id"


def check_codes(value: object) -> object:
    """Return the labels that numbers stand for, as text.

    Raises:
        ValueError: the value is not `labels`, a list or a mapping.
    """
    if isinstance(value, dict):
        value = {str(code): label for code, label in value.items()}
        seen: dict[Decimal | str, str] = {}
        for code in value:
            if (other := seen.setdefault(meaning(code), code)) != code:
                raise ValueError(f"{other} and {code} are the same number; remove one of them")
    if value == "labels" or (isinstance(value, (list, tuple, dict)) and value):
        named = as_text(value)
        each = named.values() if isinstance(named, dict) else named if isinstance(named, list) else ()
        if wrong := [label for label in each if not isinstance(label, str)]:
            raise ValueError(f"{wrong[0]!r} is not a label; write one label for each number")
        return named
    raise ValueError(
        f"{value!r} does not map numbers to labels; write `labels` for the positions in `labels`, a list in the order "
        "of the numbers, or a mapping: {1: neg, 2: pos}"
    )


def check_meanings(value: object) -> object:
    """Return the meaning of each label; labels that are numbers or booleans become text."""
    return {as_text(label): meaning for label, meaning in value.items()} if isinstance(value, dict) else value


class LabelsKeys(Keys):
    """The possible labels."""

    labels: Annotated[tuple[str, ...] | Literal["from training"], BeforeValidator(as_text)] = ()
    """The labels, in the order of the outputs of the head. For spans: one label if questions may have no answer.
    Classification and tagging also accept `from training`: the sorted labels of the training file. Then a typing error
    in that file becomes a label."""

    meanings: Annotated[dict[str, str], BeforeValidator(check_meanings)] = Field(default_factory=dict)
    """Label -> its meaning in a few words; the model card of a package shows it."""

    def declared_labels(self) -> tuple[str, ...]:
        """Return the declared labels; none if they come from the training data."""
        return self.labels if isinstance(self.labels, tuple) else ()


def wrong_meanings(own: LabelsKeys) -> Mistakes:
    """Yield an error for each meaning whose key is not a label."""
    labels = own.declared_labels()
    for label in own.meanings if labels else ():
        if label not in labels:
            yield ("meanings", label), f"{label!r} is not a label; {nearest(label, labels)}"


MEANINGS = KeyCheck(wrong_meanings, ("kind", "labels", "meanings"))


class CodesKeys(LabelsKeys):
    """The labels that numbers stand for."""

    codes: Annotated[Literal["labels"] | tuple[str, ...] | dict[str, str], BeforeValidator(check_codes)] | None = None
    """classification, tagging: the labels that numbers in the files stand for. `labels`: the numbers are positions in
    `labels`, from 0. Else a list in the order of the numbers, or number -> label."""

    def written_codes(self) -> dict[str, str]:
        """Return number as text -> label."""
        if self.codes is None or isinstance(self.codes, dict):
            return dict(self.codes or {})
        named = self.declared_labels() if self.codes == "labels" else self.codes
        return {str(number): label for number, label in enumerate(named)}


def wrong_codes(own: CodesKeys) -> Mistakes:
    """Yield an error for each code that stands for an unknown label."""
    if own.codes is None:
        return
    labels = own.declared_labels()
    if own.codes == "labels" and own.labels == FROM_TRAINING:
        yield ("codes",), "`codes: labels` needs declared labels, but the labels come from the training data"
    numeric = [label for label in labels if number(label) is not None]
    if own.codes == "labels" and numeric:
        listed = ", ".join(f"{place}: {label}" for place, label in list(enumerate(labels))[:3])
        listed += ", ..." if len(labels) > 3 else ""
        message = f"the label {numeric[0]!r} is a number, so a number in a file could be a label or a position"
        advice = f"if the files contain labels, remove `codes`; if they contain positions, write them: {{{listed}}}"
        yield ("codes",), f"{message}; {advice}"
    named = own.codes if isinstance(own.codes, dict) else dict(enumerate(own.codes))
    for code, label in named.items() if own.codes != "labels" and own.labels != FROM_TRAINING else ():
        if label not in labels:
            yield ("codes", code), f"{code} stands for {label!r}, which is not a label; {nearest(label, labels)}"


CODES = KeyCheck(wrong_codes, ("kind", "labels", "codes"))


def one_or_two_texts(own: TextKeys) -> Mistakes:
    """Yield an error if `text` has too few or too many columns."""
    if len(own.text) not in {1, 2}:
        yield ("text",), f"`text` has {len(own.text)} columns, but must have one or two"


TEXTS = KeyCheck(one_or_two_texts, ("kind", "text"))


def texts_of(own: TextKeys) -> Iterator[tuple[Path, str]]:
    """Yield the columns, or templates of columns, of `text`."""
    yield from ((("text", place), text) for place, text in enumerate(own.text))


def gold_as_text(texts: Iterator[tuple[Path, str]], gold: str) -> Mistakes:
    """Yield an error for each text that contains the column of the gold."""
    for path, text in texts:
        if gold in (text, *templates.places(text)):
            yield path, f"the column {gold!r} is the gold, but the encoder would read it as text; remove it from `text`"


def pair(own: TextKeys) -> dict[str, str | tuple[str, ...]]:
    """Return field -> column, for the fields `first` and `second`."""
    return dict(zip(("first", "second"), own.text, strict=False))
