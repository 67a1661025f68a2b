"""Sentence retrieval without training: the translation of each sentence in another language; Tatoeba, BUCC.

An example is a sentence of one of two sides. Its embedding is the mean, over its tokens, of the hidden states after one
layer of the encoder. There are two official layouts:

- *aligned* (Tatoeba): line i translates line i. Every sentence has a translation; the prediction is its nearest
  neighbour.
- *mined* (BUCC): sentences have ids, and most have no translation. Pairs are matched one to one, and kept if their
  score reaches a threshold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, field_validator

from layover.canonical import CanonicalModel
from layover.data.features import Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, ModelError
from layover.identity import Json
from layover.kinds._arrays import finite
from layover.kinds._keys import IdKeys, KeyCheck, Keys, Mistakes, Path, TextKeys, texts_of
from layover.kinds._kind import ONE_FILE, Kind, Paths
from layover.kinds._matching import SCORINGS, Index, Neighbours, Scores, best, best_threshold, one_to_one
from layover.kinds._pairs import encode_pairs
from layover.kinds._row_score import RowScore, right_or_wrong
from layover.kinds._submission import RetrievalSubmission, Submission
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._retrieval import ENGLISH, LANGUAGE, Sought
from layover.settings import LayerNumber

MINED = "bucc_f1"
"""The metric of mined tasks; other tasks do not use it."""

PUBLISHED_LAYERS = {12: 8, 24: 14}
"""Number of layers -> layer that XTREME's Tatoeba script reads, from 1. Other encoders are read at two thirds."""

Gold = Literal["validation", "scored"]
"""The split whose gold chooses a setting: the validation split, or the scored split itself."""


class Search(BaseModel):
    """How sentences are embedded and compared. None means the setting of the task, else the published choice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: LayerNumber | Gold | None = None
    """The layer whose scores are the scores of the task: the number of layers below the hidden states, 0 for the
    embeddings. Or the split whose gold chooses the layer, for all languages together. `scored` chooses it by the gold
    of the scored split itself."""
    layers: Literal["all"] | tuple[LayerNumber, ...] | None = None
    """Layers that are scored in one pass, in addition to `layer`; all layers if the layer is to be chosen."""
    special_tokens: bool | None = None
    """Whether the first and the last token, which are special tokens, count in the mean; XTREME counts them."""
    scoring: Literal["cosine", "ratio", "distance"] | None = None
    """The score of a pair: its cosine, the ratio of the cosine to the mean cosine with the four nearest neighbours of
    both sentences, or the difference of the cosine and this mean."""
    threshold: Gold | None = None
    """mined: the split whose gold tunes the threshold. `scored` tunes it on the gold of the scored split itself."""

    @field_validator("layer", mode="before")
    @classmethod
    def _one_layer(cls, value: object) -> object:
        if value in (None, "validation", "scored") or _is_layer(value):
            return value
        raise ValueError(f"{value!r} is not a layer; write a number (0 for the embeddings), `validation` or `scored`")

    @field_validator("layers", mode="before")
    @classmethod
    def _some_layers(cls, value: object) -> object:
        if value in (None, "all"):
            return value
        if not isinstance(value, (list, tuple)) or not value or not all(map(_is_layer, value)):
            raise ValueError(
                f"{value!r} is not a list of layers; write `all`, or a list such as [0, 7, 8] (0 for the embeddings)"
            )
        return tuple(sorted(set(value)))

    def over(self, other: Search) -> Search:
        """Return these settings, with the other settings in place of None."""
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        return other.model_copy(update=given)


def _is_layer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


PUBLISHED = Search(special_tokens=True, scoring="cosine", threshold="validation")
PUBLISHED_MINING = Search(scoring="ratio").over(PUBLISHED)


class SettledSearch(CanonicalModel):
    """A search whose settings are all decided."""

    layer: LayerNumber | Gold
    layers: tuple[LayerNumber, ...]
    """The scored layers, from the lowest up."""
    special_tokens: bool
    scoring: str
    threshold: Gold | None
    """None if no pairs are mined."""

    def canonical(self) -> dict[str, Json]:
        """Return the settings that decide a score; `layers` is left out if it contains only `layer`."""
        values = self.settings()
        if len(self.layers) == 1:
            del values["layers"]
        return values

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings of a canonical form."""
        layer = values.get("layer")
        return super().parse(values if isinstance(layer, str) else {"layers": [layer], **values})


def settle(search: Search, layers: int | None) -> SettledSearch:
    """Return the decided settings of a search.

    Args:
        search: Settings of the task.
        layers: Number of layers of the encoder; None if unknown.

    Raises:
        ModelError: the encoder has no such layer, or its number of layers is needed but unknown.
    """
    layer = _published(layers) if search.layer is None else search.layer
    alone = () if isinstance(layer, str) else (layer,)
    if search.layers == "all" or not (search.layers or alone):
        read = tuple(range(_known(layers) + 1))
    else:
        read = tuple(sorted({*(search.layers or ()), *alone}))
    if layers is not None and read[-1] > layers:
        raise ModelError(
            f"there is no layer {read[-1]}: the encoder has {layers} layers; choose 0 (the embeddings) to {layers}"
        )
    return SettledSearch.model_validate({**search.model_dump(), "layer": layer, "layers": read})


def _published(layers: int | None) -> int:
    known = _known(layers)
    return PUBLISHED_LAYERS.get(known, max(1, round(2 * known / 3)))


def _known(layers: int | None) -> int:
    if layers is None:
        raise ModelError("the number of layers of the encoder is unknown here")
    return layers


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence."""

    id: str
    """Its id in the file, or the number of its line, from 0."""
    side: str
    text: str
    gold: tuple[str, ...] | None
    """Ids of its translations on the other side; empty if it has none, None if they are unknown."""


class SidesKeys(Keys):
    """The layout of the two sides."""

    mined: bool = False
    """retrieval: sentences have ids (`id`) and a file of gold pairs; otherwise line i translates line i."""


def _few_texts(own: Any) -> Mistakes:
    most = 1 if own.mined else 2
    if len(own.text) > most:
        yield ("text",), f"`text` has {len(own.text)} columns, but may have at most {most} here"


class Retrieval(Kind[Example]):
    """One row per sentence; a prediction is the id of a sentence on the other side and the pair's score, or None."""

    name: ClassVar[str] = "retrieval"
    trained: ClassVar[bool] = False
    sides: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 16
    required: ClassVar[frozenset[str]] = frozenset({"text"})
    optional: ClassVar[frozenset[str]] = frozenset({"other", "id"})
    gold_field: ClassVar[str | None] = "gold"
    keys: ClassVar[tuple[type[Keys], ...]] = (TextKeys, IdKeys, SidesKeys)
    checks: ClassVar[tuple[KeyCheck, ...]] = (KeyCheck(_few_texts, ("kind", "text", "mined")),)
    metrics: ClassVar[tuple[str, ...]] = ("retrieval_accuracy", "retrieval_accuracy_to_english")
    submission: ClassVar[Submission | None] = RetrievalSubmission()
    score_is_share_of_examples: ClassVar[bool] = False

    def declared(self, own: Any) -> dict[str, Any]:
        texts = own.text or ("text",)
        if own.mined:
            columns = {"id": own.id, "text": texts[0]}
            return {"columns": columns, "metrics": (MINED,), "retrieval": PUBLISHED_MINING}
        return {"columns": dict(zip(("text", "other"), texts, strict=False)), "retrieval": PUBLISHED}

    def idle(self, own: Any) -> dict[str, str]:
        if "id" not in own.model_fields_set or own.mined:
            return {}
        return {"id": "ids are not read, because line i translates line i; remove `id`, or set `mined: true`"}

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:
        return texts_of(own)

    def paths(self, columns: Collection[str]) -> Paths:
        several = "the sentences of the language, the English sentences, and the gold if there is any"
        return ONE_FILE if "other" in columns else Paths(2, 3, several)

    def lines_are_sentences(self, paths: int) -> bool:  # noqa: ARG002
        return True

    def parse(self, row: Row, reading: Reading) -> Example:  # noqa: ARG002 - `layover.tasks._sides` made the rows
        """Return the sentence of a row; `layover.tasks._sides` makes the rows."""
        values = row.values
        return Example(values["id"], values["side"], values["text"], values["gold"])

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],  # noqa: ARG002 - sentences have none
        max_length: int,
        stride: int,  # noqa: ARG002 - a text too long is cut, not windowed
    ) -> Features:
        return Features(encode_pairs([(item.text, None) for item in examples], tokenizer, max_length))

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],  # noqa: ARG002
    ) -> list[Json]:
        """Return the predictions; the function `match` computes the outputs."""
        score = finite(outputs, "score", (features.rows,))
        matches = finite(outputs, "match", (features.rows,))
        return [
            None if row < 0 else {"id": examples[row].id, "score": float(value)}
            for row, value in zip(matches.tolist(), score, strict=True)
        ]

    def answer(self, prediction: Any) -> str | None:
        """Return the id of the predicted sentence, or None."""
        return None if prediction is None else prediction["id"]

    def to_json(self, example: Example) -> dict[str, Json]:
        gold = None if example.gold is None else list(example.gold)
        return {"id": example.id, "side": example.side, "text": example.text, "gold": gold}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        gold = None if values["gold"] is None else tuple(values["gold"])
        return Example(values["id"], values["side"], values["text"], gold)

    def gold(self, example: Example) -> Sought | None:
        return None if example.gold is None else Sought(example.side, example.gold)

    def row_score(
        self,
        answer: Any,
        example: Example,
        *,
        metrics: Sequence[str],  # noqa: ARG002 - both sides are compared
        language: str,  # noqa: ARG002
        rules: Rules = NO_RULES,  # noqa: ARG002
    ) -> RowScore:
        """Return whether the answer is the id of a translation; without a translation, whether there is no answer."""
        return right_or_wrong(answer in example.gold if example.gold else answer is None)

    def labels_of(self, gold: Sought) -> list[str]:
        return ["translated" if gold.ids else "not translated"]

    def group_of(self, example: Example) -> str:
        return example.text

    def head_size(self, labels: tuple[str, ...]) -> int:  # noqa: ARG002
        raise ModelError("retrieval has no head, because it compares embeddings and trains nothing")

    def scored(self, examples: Sequence[Example]) -> int:
        """Return the number of gold pairs: a score is a percentage of them."""
        return sum(len(item.gold or ()) for item in examples if item.side == LANGUAGE)


def distinct(examples: Sequence[Example], side: str) -> tuple[Index, list[list[int]]]:
    """Return the first row of each distinct sentence of a side, and all rows of each sentence."""
    rows: dict[str, list[int]] = {}
    for row, example in enumerate(examples):
        if example.side == side:
            rows.setdefault(example.text, []).append(row)
    return np.array([members[0] for members in rows.values()], np.int64), list(rows.values())


def match(
    examples: Sequence[Example], forward: Neighbours, backward: Neighbours, *, scoring: str, mining: bool
) -> dict[str, npt.NDArray[Any]]:
    """Return `match` (rows,) int64, the row of the matched sentence or -1, and `score` (rows,) float64.

    Mining drops sentences that appear more than once on their side, because their ids are ambiguous (as in
    `read_sent2id` of google-research/xtreme).

    Args:
        examples: The sentences, one per row.
        forward: Neighbours of the distinct sentences of the language, on the English side.
        backward: Neighbours of the distinct English sentences.
        scoring: A name of `SCORINGS`.
        mining: Whether pairs are matched one to one; otherwise each sentence is matched with its best neighbour.
    """
    matches = np.full(len(examples), -1, np.int64)
    scores = np.zeros(len(examples), np.float64)
    (left, left_rows), (right, right_rows) = (distinct(examples, side) for side in (LANGUAGE, ENGLISH))
    best_right, best_left = best(forward, backward, scoring), best(backward, forward, scoring)
    if mining:
        for i, j, score in zip(*one_to_one(best_right, best_left, SCORINGS[scoring].floor), strict=True):
            if len(left_rows[i]) == len(right_rows[j]) == 1:
                matches[left[i]], matches[right[j]] = right[j], left[i]
                scores[left[i]] = scores[right[j]] = score
        return {"match": matches, "score": scores}
    for members, (index, values), targets in ((left_rows, best_right, right), (right_rows, best_left, left)):
        for rows, target, value in zip(members, index, values, strict=True):
            matches[rows], scores[rows] = targets[target], value
    return {"match": matches, "score": scores}


def tune(predictions: Sequence[Any], examples: Sequence[Example], scoring: str) -> float:
    """Return the threshold of the pair scores with the best F1.

    Raises:
        DataError: an example has no gold.
    """
    if any(item.gold is None for item in examples):
        raise DataError("the threshold cannot be tuned, because the gold pairs are unknown")
    queries = [
        (prediction, item) for prediction, item in zip(predictions, examples, strict=True) if item.side == LANGUAGE
    ]
    pairs = [(prediction, item.gold or ()) for prediction, item in queries if prediction is not None]
    scores: Scores = np.array([prediction["score"] for prediction, _ in pairs], np.float64)
    right = np.array([prediction["id"] in gold for prediction, gold in pairs], np.bool_)
    wanted = sum(len(item.gold or ()) for _, item in queries)
    return best_threshold(scores, right, wanted, SCORINGS[scoring].floor)


def above(predictions: Sequence[Any], threshold: float) -> list[Any]:
    """Return the predictions, with None in place of those below the threshold."""
    return [
        prediction if prediction is not None and prediction["score"] >= threshold else None
        for prediction in predictions
    ]


KIND = Retrieval()
