"""Text to token ids with a fast (Rust) tokenizer, and rows with the encoder's special tokens."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, models, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend

from layover.data.sentencepiece import load_xlmr, with_added
from layover.errors import ModelError

Ids = npt.NDArray[np.int32]

SPELLINGS = {
    "pad": ("<pad>", "[PAD]"),
    "unk": ("<unk>", "[UNK]"),
    "mask": ("<mask>", "[MASK]"),
}
TEXTS_AT_ONCE = 4096  # limits the memory of the encodings of a large data set
METASPACE = "▁"

SERIALISED, PIECES = "tokenizer.json", "sentencepiece.bpe.model"
CONVERTED_FROM = (
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "bpe.codes",
    "tokenizer.model",
    PIECES,
)
"""Files from which transformers can build the tokenizer of a known family without `tokenizer.json`."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """One text without special tokens: ids (n,) and, if requested, str offsets (n,) of each token."""

    ids: Ids
    start: Ids | None = None
    end: Ids | None = None


class Tokenizer:
    """A fast tokenizer whose rows are `cls text sep` and `cls first sep... second sep`.

    Raises:
        ModelError: its rows have another form (it is not an encoder's tokenizer), or it has no padding or unknown
            token.
    """

    def __init__(self, backend: Backend) -> None:
        _survive_forks()
        backend.no_padding()
        backend.no_truncation()
        self._backend = backend
        frame, pair = backend.encode("").ids, backend.encode("", "").ids
        if len(frame) != 2 or len(pair) < 3 or pair[0] != frame[0] or set(pair[1:]) != {frame[1]}:
            raise ModelError(
                f"the tokenizer encodes an empty text as {frame} and an empty pair as {pair}; "
                "use the tokenizer of an encoder of the BERT or RoBERTa family"
            )
        self.cls, self.sep = frame
        self._separators = len(pair) - 2
        self.pad, self.unk = (self._named(role) for role in ("pad", "unk"))

    @classmethod
    def load(cls, directory: Path) -> Tokenizer:
        """Return the tokenizer of a directory.

        Reads only `tokenizer.json` if it exists. Without it, reads XLM-R's `sentencepiece.bpe.model`, or the files that
        transformers can convert. A `sentencepiece.bpe.model` without a `config.json` counts as XLM-R's.

        Raises:
            ModelError: the directory has no tokenizer, or it cannot be read.
        """
        serialised, pieces = directory / SERIALISED, directory / PIECES
        if serialised.is_file():
            try:
                return cls(Backend.from_file(str(serialised)))
            except Exception as error:  # the library raises no more specific class
                raise ModelError(f"{serialised}: not a readable tokenizer ({error})") from error
        if is_xlmr(directory):
            return cls(with_added(load_xlmr(pieces), directory))
        return cls(_converted(directory))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the tokenizer's own serialisation, equal for equal tokenizers from different files."""
        return hashlib.sha256(self._backend.to_str(pretty=False).encode()).hexdigest()

    @cached_property
    def mask(self) -> int:
        """Id of the mask token."""
        return self._named("mask")

    @property
    def size(self) -> int:
        """Number of ids, added tokens included."""
        return int(self._backend.get_vocab_size(with_added_tokens=True))

    @property
    def ids(self) -> Collection[int]:
        """Every id that has a token."""
        return frozenset(self._backend.get_vocab(with_added_tokens=True).values())

    @cached_property
    def algorithm(self) -> str:
        """Name of the algorithm that cuts words: `Unigram`, `WordPiece`, `BPE` or `WordLevel`."""
        return type(self._backend.model).__name__

    @cached_property
    def tokens(self) -> dict[int, str]:
        """Id -> text of every token, as the vocabulary has it."""
        return {token: text for text, token in self._backend.get_vocab(with_added_tokens=True).items()}

    @cached_property
    def scores(self) -> dict[int, float]:
        """Id -> logarithm of the probability of every token of a unigram tokenizer; empty for others."""
        vocabulary = json.loads(self._backend.to_str())["model"].get("vocab", [])
        return {number: score for number, (_, score) in enumerate(vocabulary)} if self.algorithm == "Unigram" else {}

    @cached_property
    def special(self) -> frozenset[int]:
        """Ids of the tokens that are not text: start, separator, padding, unknown, mask and other marked tokens."""
        added = self._backend.get_added_tokens_decoder()
        marked = {int(token) for token, content in added.items() if content.special}
        return frozenset({self.cls, self.sep, self.pad, self.unk, self.mask, *marked})

    @cached_property
    def segmented(self) -> bool:
        """Whether the second text of a pair has its own token type (BERT), so that rows carry segments."""
        return any(self._backend.encode("a", "a").type_ids)

    def overhead(self, *, pair: bool) -> int:
        """Return the number of special tokens in a row."""
        return self._separators + 2 if pair else 2

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        self._backend.save(str(path))

    def pieces(self, texts: Sequence[str], *, offsets: bool = False) -> dict[str, Pieces]:
        """Return text -> tokens; offsets exclude white space and are empty for a "▁" alone."""
        pieces: dict[str, Pieces] = {}
        # without offsets the Rust side skips half its work
        encode = self._backend.encode_batch if offsets else self._backend.encode_batch_fast
        distinct = list(dict.fromkeys(texts))
        for first in range(0, len(distinct), TEXTS_AT_ONCE):
            chunk = distinct[first : first + TEXTS_AT_ONCE]
            for text, encoding in zip(chunk, encode(chunk, add_special_tokens=False), strict=True):
                ids = np.array(encoding.ids, np.int32)
                pieces[text] = Pieces(ids, *self._offsets(text, encoding)) if offsets else Pieces(ids)
        return pieces

    def row(self, first: Ids, second: Ids | None = None) -> tuple[Ids, npt.NDArray[np.int8] | None]:
        """Return one row's ids and, for a segmented tokenizer, its token types (0, and 1 for `second sep`)."""
        head = [np.array([self.cls], np.int32), first]
        tail = [] if second is None else [np.full(self._separators, self.sep, np.int32), second]
        ids = np.concatenate([*head, *tail, np.array([self.sep], np.int32)])
        if not self.segmented:
            return ids, None
        segments = np.zeros(len(ids), np.int8)
        if second is not None:
            segments[len(ids) - len(second) - 1 :] = 1
        return ids, segments

    def _named(self, role: str) -> int:
        for token in SPELLINGS[role]:
            token_id = self._backend.token_to_id(token)
            if token_id is not None:
                return int(token_id)
        raise ModelError(f"the tokenizer has no {role} token; use a tokenizer with one of {', '.join(SPELLINGS[role])}")

    @cached_property
    def _blank(self) -> frozenset[int]:
        """Ids of white space only; the library gives "▁" the offsets of the character after it."""
        ids = (self._backend.token_to_id(METASPACE * count) for count in range(1, 17))
        return frozenset(int(token_id) for token_id in ids if token_id is not None)

    def _offsets(self, text: str, encoding: Any) -> tuple[Ids, Ids]:
        starts, ends = [], []
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if token in self._blank:
                end = start  # noqa: PLW2901 - the loop corrects these borders
            while start < end and text[start].isspace():
                start += 1  # noqa: PLW2901
            while start < end and text[end - 1].isspace():
                end -= 1  # noqa: PLW2901
            starts.append(start)
            ends.append(end)
        return np.array(starts, np.int32), np.array(ends, np.int32)


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """Return the numbers of tokens of a pair after truncation: the longer text is cut until both have equal length.

    Source: `longest_first` of the tokenizers library.
    """
    if first + second <= room:
        return first, second
    short, long = min(first, second), max(first, second)
    long = max(short, room - short)
    if short + long > room:
        short, long = room // 2, room - room // 2
    return (short, long) if first <= second else (long, short)


def is_xlmr(directory: Path) -> bool:
    """Return whether a directory without `tokenizer.json` has XLM-R's tokenizer, which needs no transformers."""
    return (directory / PIECES).is_file() and _model_type(directory) in {None, "xlm-roberta"}


def _model_type(directory: Path) -> str | None:
    config = directory / "config.json"
    if not config.is_file():
        return None
    try:
        return str(json.loads(config.read_text(encoding="utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"{config}: not the configuration of a model ({error})") from error


def check_convertible(directory: Path) -> None:
    """Check that a directory has a vocabulary that transformers may convert.

    Raises:
        ModelError: it has none.
    """
    if not any(directory.glob("*vocab*")) and not any(directory.glob("*.model")):
        raise ModelError(f"{directory}: no tokenizer in this folder; add {SERIALISED}")


def _converted(directory: Path) -> Backend:
    check_convertible(directory)
    from transformers import AutoTokenizer

    advice = "save it as tokenizer.json, with save_pretrained of a fast tokenizer"
    try:
        tokenizer = AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
            str(directory), use_fast=True, trust_remote_code=False
        )
    except Exception as error:  # the library raises the errors of its parsers unchanged
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelError(f"{directory}: transformers cannot convert its tokenizer ({reason}); {advice}") from error
    if not tokenizer.is_fast:
        raise ModelError(f"{directory}: {type(tokenizer).__name__} has no fast version; {advice}")
    return tokenizer.backend_tokenizer


@lru_cache(maxsize=1)
def _survive_forks() -> None:
    """Make forked children encode in one thread: the parent's threads do not exist there, and waiting for them hangs.

    The variable of the tokenizers library also switches off its warning.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: os.environ.update(TOKENIZERS_PARALLELISM="false"))


STAND_IN_PIECE = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}]{1,2}|[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{1,4}|\p{P}|[^\s\p{P}]{1,5}"
)
"""The pattern of one token: up to two or four characters in scripts without spaces, a punctuation mark, or up to five
letters. The number of tokens is within a fifth of XLM-R's in the languages of XNLI."""

STAND_IN_SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


@cache
def stand_in() -> Tokenizer:
    """Return a tokenizer without a vocabulary: every match of `STAND_IN_PIECE` is one unknown token."""
    backend = Backend(models.WordLevel({name: code for code, name in enumerate(STAND_IN_SPECIALS)}, unk_token="<unk>"))  # noqa: S106
    split = pre_tokenizers.Split(Regex(STAND_IN_PIECE), "isolated")
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), split])
    special = [("<s>", 0), ("</s>", 2)]
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    backend.add_special_tokens(list(STAND_IN_SPECIALS))
    return Tokenizer(backend)
