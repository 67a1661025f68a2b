"""Keys of a recipe's own task that belong to kinds: a kind lists the classes of its keys; several may share one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from layover.data import codes, templates
from layover.data.codes import meaning
from layover.data.label_texts import as_text
from layover.errors import nearest

FROM_TRAINING = "from training"

Path = tuple[str | int, ...]
"""A field, and the place or the key in its value."""
Mistakes = Iterator[tuple[Path, str]]


@dataclass(frozen=True)
class Check:
    """Finds mistakes of a declaration."""

    find: Callable[[Any], Mistakes]
    reads: tuple[str, ...]
    """The keys that it reads: where one of them is wrong already, it says nothing."""


class Keys(BaseModel):
    """Keys of a declaration."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TextKeys(Keys):
    """What the encoder reads."""

    text: tuple[str, ...] = ()
    """One column or two, or templates of columns: `"{premise} What was the {question}?"`."""


class LabelKeys(Keys):
    """Where the gold stands."""

    label: str = "label"
    """choice: the column that says which choice is right, see `label_as`; or the column of the right choice, one of
    `choices`."""


class IdKeys(Keys):
    """What an example is called."""

    id: str = "id"


def check_codes(value: object) -> object:
    """Return the labels of numbers as text.

    Raises:
        ValueError: they are neither `labels`, nor a list, nor a mapping.
    """
    if isinstance(value, dict):
        value = {str(code): label for code, label in value.items()}
        seen: dict[Decimal | str, str] = {}
        for code in value:
            if (other := seen.setdefault(meaning(code), code)) != code:
                raise ValueError(f"{other} and {code} are one code; remove one")
    if value == "labels" or (isinstance(value, (list, tuple, dict)) and value):
        named = as_text(value)
        each = named.values() if isinstance(named, dict) else named if isinstance(named, list) else ()
        if wrong := [label for label in each if not isinstance(label, str)]:
            raise ValueError(f"{wrong[0]!r} is no label; a number stands for one label")
        return named
    raise ValueError(
        f"{value!r} is no numbering; write `labels` for the places in `labels`, a list in the order of the numbers, or "
        "a mapping: {1: neg, 2: pos}"
    )


def check_meanings(value: object) -> object:
    """Return meanings by label, with numbers and booleans as text."""
    return {as_text(label): meaning for label, meaning in value.items()} if isinstance(value, dict) else value


class LabelsKeys(Keys):
    """What may come out."""

    labels: Annotated[tuple[str, ...] | Literal["from training"], BeforeValidator(as_text)] = ()
    """In the order of the head's outputs. For spans: one label if questions may have no answer. For classification and
    tagging also `from training`: those of the training file, sorted, where a typo cannot be told from a label."""

    meanings: Annotated[dict[str, str], BeforeValidator(check_meanings)] = Field(default_factory=dict)
    """Label -> its meaning in a few words, for the model card of a package."""

    def declared_labels(self) -> tuple[str, ...]:
        """Return the labels, none where they come from the training data."""
        return self.labels if isinstance(self.labels, tuple) else ()


def wrong_meanings(own: LabelsKeys) -> Mistakes:
    """Yield meanings of texts that are no labels."""
    labels = own.declared_labels()
    for label in own.meanings if labels else ():
        if label not in labels:
            yield ("meanings", label), f"{label!r} is no label; {nearest(label, labels)}"


MEANINGS = Check(wrong_meanings, ("kind", "labels", "meanings"))


class CodesKeys(LabelsKeys):
    """Numbers that stand for labels."""

    codes: Annotated[Literal["labels"] | tuple[str, ...] | dict[str, str], BeforeValidator(check_codes)] | None = None
    """classification, tagging: the labels that numbers in the files stand for: `labels`, their places from 0 on; a list
    in the order of the numbers; or number -> label."""

    def written_codes(self) -> dict[str, str]:
        """Return written number -> label."""
        if self.codes is None or isinstance(self.codes, dict):
            return dict(self.codes or {})
        named = self.declared_labels() if self.codes == "labels" else self.codes
        return {str(number): label for number, label in enumerate(named)}


def wrong_codes(own: CodesKeys) -> Mistakes:
    """Yield codes that stand for something that is no label."""
    if own.codes is None:
        return
    labels = own.declared_labels()
    if own.codes == "labels" and own.labels == FROM_TRAINING:
        yield ("codes",), "`codes: labels` numbers declared labels, and these come from the training data"
    numeric = [label for label in labels if codes.number(label) is not None]
    if own.codes == "labels" and numeric:
        listed = ", ".join(f"{place}: {label}" for place, label in list(enumerate(labels))[:3])
        listed += ", ..." if len(labels) > 3 else ""
        message = f"the label {numeric[0]!r} is itself a number, so a number in a file could be a label or a place"
        advice = f"where files have labels remove `codes`, where they have places write them: {{{listed}}}"
        yield ("codes",), f"{message}; {advice}"
    named = own.codes if isinstance(own.codes, dict) else dict(enumerate(own.codes))
    for code, label in named.items() if own.codes != "labels" and own.labels != FROM_TRAINING else ():
        if label not in labels:
            yield ("codes", code), f"{code} is {label!r}, which is no label; {nearest(label, labels)}"


CODES = Check(wrong_codes, ("kind", "labels", "codes"))


def one_or_two_texts(own: TextKeys) -> Mistakes:
    """Yield where there are too few or too many columns of text."""
    if len(own.text) not in {1, 2}:
        yield ("text",), f"`text` names one column or two, not {len(own.text)}"


TEXTS = Check(one_or_two_texts, ("kind", "text"))


def texts_of(own: TextKeys) -> Iterator[tuple[Path, str]]:
    """Yield the columns, or templates of columns, of `text`."""
    yield from ((("text", place), text) for place, text in enumerate(own.text))


def gold_as_text(texts: Iterator[tuple[Path, str]], gold: str) -> Mistakes:
    """Yield where the column of the gold is read as text."""
    for path, text in texts:
        if gold in (text, *templates.places(text)):
            yield path, f"the column {gold!r} is the gold, and the encoder would read it as text"


def pair(own: TextKeys) -> dict[str, str | tuple[str, ...]]:
    """Return the columns of the fields `first` and `second`."""
    return dict(zip(("first", "second"), own.text, strict=False))
