"""Surveys of data sets for a plan, before a run: number and length of rows, unused rows, texts seen in training.

Every data set is read once, and the results are remembered by the content of its files. A hub data set that is not in
the local cache has no survey: a plan downloads no data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from layover import kinds
from layover.data.hub_copies import is_cached
from layover.data.subset import Subset
from layover.data.tally import LeftOut
from layover.data.task import Joined, Place
from layover.data.tokenizer import CONVERTED_FROM, PIECES, SERIALISED, Tokenizer, stand_in
from layover.errors import DataError, LayoverError, ModelError
from layover.files.hub_cache import COMMIT, cached_file
from layover.identity import Json, key_of
from layover.plan import tokenizers
from layover.plan.encoders import KNOWN_TYPE
from layover.specs import EncoderSpec
from layover.specs.tokenize import TokenizeSpec
from layover.store import Memory
from layover.store.folderless import named, numbered
from layover.tasks import SharedTexts, Survey, Task, Texts, foreign_tag, take_survey, take_texts

VERSION = 3
"""Raise it when the remembered values of the same data change."""


@dataclass(frozen=True)
class Counted:
    """The counts of the rows of one place."""

    rows: int
    examples: int
    gold: int
    left_out: tuple[LeftOut, ...]
    languages: dict[str, dict[str, int]]
    problem: str = ""
    """Why it cannot be read; then all counts are 0."""
    tags: dict[str, str] = field(default_factory=dict)
    """Gold tag -> `file:line` of its first example, if the labels come from the training data."""


class Surveys:
    """Surveys of places; a place is read only if a value is not remembered.

    Args:
        hash_file: SHA-256 of a file.
        memory: The values of earlier plans.
    """

    def __init__(self, hash_file: Callable[[Path], str], memory: Memory) -> None:
        self._hash_file = hash_file
        self._memory = memory
        self._contents: dict[int, tuple[Place, Mapping[str, Json], str]] = {}
        """Identity of a place and its key, by the id of the place: every cell of a sweep needs it."""
        self._taken: dict[str, Survey | None] = {}
        self._used: dict[tuple[str, Subset], Texts | None] = {}
        self._problems: dict[str, str] = {}

    def counted(self, task: Task, place: Place) -> Counted | None:
        """Return the counts of a place; None if a download would be necessary."""
        key = self._key(place, "counts", place.describe())
        known = self._memory.get(key)
        if known is None:
            survey = self._take(task, place)
            if survey is None:
                problem = self._problems.get(self._content(place), "")
                return Counted(0, 0, 0, (), {}, problem) if problem else None
            known = {
                "rows": survey.rows,
                "examples": survey.examples,
                "gold": survey.gold,
                "left_out": [rows.as_json() for rows in survey.left_out],
                "languages": survey.languages,
                "tags": survey.tags,
            }
            self._memory.put(key, numbered(known, place.files()))
        known = named(self._memory.get(key), place.files())
        left_out = tuple(LeftOut.from_json(rows) for rows in known["left_out"])
        return Counted(
            rows=known["rows"],
            examples=known["examples"],
            gold=known["gold"],
            left_out=left_out,
            languages=known["languages"],
            tags=known["tags"],
        )

    def unscorable(self, inputs: TokenizeSpec) -> str:
        """Return why gold tags of these data cannot be scored; empty if they can, or if unknown."""
        counted = self.counted(inputs.task, inputs.location)
        return "" if counted is None else foreign_tag(inputs.task, counted.tags)

    def left_nothing(self, inputs: TokenizeSpec) -> str:
        """Return why a hold-out leaves no training examples; empty if some are left, or if unknown."""
        counted = self.counted(inputs.task, inputs.location)
        if inputs.subset.holdout is None or counted is None or counted.problem:
            return ""
        key = self._key(inputs.location, "holdout", inputs.subset.holdout)
        problem = self._memory.get(key)
        if problem is None:
            try:
                take_texts(inputs.task, inputs.location, inputs.subset)
                problem = ""
            except DataError as error:
                problem = str(error)
            self._memory.put(key, numbered(problem, inputs.location.files()))
        return str(named(self._memory.get(key), inputs.location.files()))

    def tokens(self, task: Task, place: Place, encoder: EncoderSpec, max_length: int, stride: int) -> float | None:
        """Return the mean number of tokens of an example, all its rows together; None if unknown.

        It is measured on a sample, by the encoder's own tokenizer if it is available, else by a stand-in.
        """
        try:
            if _is_here(encoder):
                own = partial(tokenizers.load_planned, encoder.source, encoder.revision, encoder.tokenizer)
                return self._mean(task, place, encoder.tokenizer.canonical(), own, max_length, stride)
        except ModelError:
            pass  # the run reports why it cannot be read
        return self._mean(task, place, None, stand_in, max_length, stride)

    def _mean(
        self,
        task: Task,
        place: Place,
        how: Json,
        load: Callable[[], Tokenizer],
        max_length: int,
        stride: int,
    ) -> float | None:
        """Return the mean number of tokens of an example; `how` identifies the tokenizer that `load` returns."""
        key = self._key(place, "tokens", [how, max_length, stride if kinds.get(place.kind).windowed else None])
        known = self._memory.get(key)
        if known is None:
            survey = self._take(task, place)
            if survey is None or not survey.sample:
                return None
            measured = _measured(task, survey.sample, load(), max_length, stride)
            if measured is None:
                return None
            known = measured
            self._memory.put(key, known)
        return float(known)

    def known_texts(self, scored: TokenizeSpec, trained: TokenizeSpec) -> SharedTexts | None:
        """Return how many scored texts also appear in training data; None if unknown."""
        identity = [self._content(trained.location), asdict(scored.subset), asdict(trained.subset)]
        key = self._key(scored.location, "known", identity)
        known = self._memory.get(key)
        if known is None:
            scored_texts, trained_texts = self._texts(scored), self._texts(trained)
            if scored_texts is None or trained_texts is None:
                return None
            known = asdict(scored_texts.known_to(trained_texts))
            self._memory.put(key, known)
        return SharedTexts(**known)

    def _texts(self, inputs: TokenizeSpec) -> Texts | None:
        """Return the texts of the used examples; None if they are not available or cannot be read."""
        request = self._content(inputs.location), inputs.subset
        if request not in self._used:
            survey = self._take(inputs.task, inputs.location)
            texts = None if survey is None else survey.texts
            subset = inputs.subset
            if survey is not None and subset.holdout is None and subset.limit is not None:
                texts = survey.texts.limited(subset.limit)
            elif survey is not None and subset.holdout is not None:
                try:
                    texts = take_texts(inputs.task, inputs.location, inputs.subset)
                    self._check(inputs.location)
                except LayoverError:
                    texts = (
                        None  # the hold-out leaves nothing (`left_nothing`), or the file changed; the run reports it
                    )
            self._used[request] = texts
        return self._used[request]

    def _take(self, task: Task, place: Place) -> Survey | None:
        """Return the survey of a place; None if it is not available or cannot be read."""
        content = self._content(place)
        if content not in self._taken:
            parts = place.parts if isinstance(place, Joined) else (place,)
            survey = None
            if all(part.hub is None or is_cached(part.hub) for part in parts):
                try:
                    survey = take_survey(task, place)
                    self._check(place)
                except LayoverError as error:
                    survey, self._problems[content] = None, str(error)
            self._taken[content] = survey
        return self._taken[content]

    def _check(self, place: Place) -> None:
        """Check that a place did not change while it was read.

        Raises:
            DataError: its files have changed.
        """
        if place.identity(self._hash_file) != self.identity(place):
            raise DataError(f"{place.describe()}: it changes while it is read; run again when it is complete")

    def identity(self, place: Place) -> Mapping[str, Json]:
        """Return the identity of a place, computed once."""
        if id(place) not in self._contents:
            data = place.identity(self._hash_file)
            self._contents[id(place)] = place, data, key_of({"version": TokenizeSpec.version, "data": data})
        return self._contents[id(place)][1]

    def _content(self, place: Place) -> str:
        self.identity(place)
        return self._contents[id(place)][2]

    def _key(self, place: Place, value: str, more: Any) -> str:
        return key_of({"survey": VERSION, value: self._content(place), "more": more})


def _measured(task: Task, sample: tuple[Any, ...], tokenizer: Tokenizer, max_length: int, stride: int) -> float | None:
    """Return the mean number of tokens of a sample; None if it cannot be encoded, which the run reports."""
    kind = kinds.get(task.kind)
    grouped: dict[Any, list[Any]] = {}
    for example in sample:
        grouped.setdefault(kind.encoded_with(example), []).append(example)
    try:
        encoded = [
            kind.encode(examples, tokenizer, labels=task.labels, max_length=max_length, stride=stride)
            for examples in grouped.values()
        ]
    except LayoverError:
        return None
    return sum(float(features.lengths.sum()) for features in encoded) / len(sample)


def _is_here(encoder: EncoderSpec) -> bool:
    """Return whether the tokenizer of an encoder can be read without transformers and without the hub.

    Raises:
        ModelError: a config.json cannot be read.
    """
    source, commit = encoder.source, encoder.revision
    if Path(source).is_dir():
        return tokenizers.needs_no_conversion(Path(source))
    if commit is None or COMMIT.match(commit) is None:
        return False
    if isinstance(serialised := cached_file(source, commit, SERIALISED), Path) or serialised is None:
        return serialised is not None
    files = {name: cached_file(source, commit, name) for name in CONVERTED_FROM}
    return encoder.model_type == KNOWN_TYPE and isinstance(files[PIECES], Path) and None not in files.values()
