from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models

from layover.data.tokenizer import Tokenizer, longest_first
from layover.errors import ModelError

TEXTS = ["The house is red.", "", "a  b ", "ไทยแลนด์", " 你好 世界!", "what the <mask>", "ñ\u3000ä", "🙂 the"]


@pytest.fixture(params=["tokenizer", "segmented"])
def either(request: pytest.FixtureRequest) -> Tokenizer:
    return request.getfixturevalue(request.param)


def test_special_ids(tokenizer: Tokenizer, segmented: Tokenizer) -> None:
    assert (tokenizer.cls, tokenizer.pad, tokenizer.sep, tokenizer.unk) == (0, 1, 2, 3)
    assert tokenizer.mask == tokenizer.size - 1
    assert (tokenizer.overhead(pair=False), tokenizer.overhead(pair=True)) == (2, 4)
    assert not tokenizer.segmented
    assert (segmented.cls, segmented.pad, segmented.sep, segmented.unk, segmented.mask) == (2, 0, 3, 1, 4)
    assert (segmented.overhead(pair=False), segmented.overhead(pair=True)) == (2, 3)
    assert segmented.segmented


def test_rows_equal_the_librarys(either: Tokenizer) -> None:
    backend = Backend.from_str(either._backend.to_str())
    pieces = either.pieces(TEXTS)
    for first in TEXTS:
        wanted = backend.encode(first)
        ids, segments = either.row(pieces[first].ids)
        assert ids.tolist() == wanted.ids
        for second in TEXTS:
            wanted = backend.encode(first, second)
            ids, segments = either.row(pieces[first].ids, pieces[second].ids)
            assert ids.tolist() == wanted.ids
            assert (segments is not None) == either.segmented
            if segments is not None:
                assert segments.tolist() == wanted.type_ids


@given(st.integers(0, 40), st.integers(0, 40), st.integers(2, 50))
def test_longest_first_equals_the_librarys(first: int, second: int, room: int) -> None:
    backend = Backend(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))  # noqa: S106
    backend.enable_truncation(room, strategy="longest_first")
    encoding = backend.encode(["a"] * first, ["a"] * second, is_pretokenized=True)
    kept = encoding.sequence_ids.count(0), encoding.sequence_ids.count(1)
    # without a pre-tokenizer every word is a token
    assert longest_first(first, second, room) == kept


def test_offsets_leave_out_spaces_and_are_empty_for_bare_marks(tokenizer: Tokenizer) -> None:
    text = " ไทย  the กก "
    found = tokenizer.pieces([text], offsets=True)[text]
    assert found.start is not None
    assert found.end is not None
    parts = [text[a:b] for a, b in zip(found.start, found.end, strict=True)]
    assert [part for part in parts if part] == ["ไทย", "the", "ก", "ก"]
    assert bool((np.diff(found.start) >= 0).all())
    assert bool((np.diff(found.end) >= 0).all())


def test_each_text_once(tokenizer: Tokenizer) -> None:
    assert set(tokenizer.pieces(["a", "b", "a"])) == {"a", "b"}
    assert tokenizer.pieces(["a"])["a"].start is None


def test_sha256_is_of_the_tokenizer_not_of_its_file(either: Tokenizer, tmp_path: Path) -> None:
    either.save(tmp_path / "tokenizer.json")
    text = (tmp_path / "tokenizer.json").read_text()
    loaded = Tokenizer.load(tmp_path)
    assert loaded.sha256 == either.sha256
    backend = Backend.from_str(text)
    backend.enable_truncation(7)
    backend.enable_padding()
    assert Tokenizer(backend).sha256 == either.sha256
    backend.add_tokens(["extra"])
    assert Tokenizer(backend).sha256 != either.sha256


def test_what_is_no_encoders_tokenizer(tmp_path: Path) -> None:
    backend = Backend(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))  # noqa: S106
    with pytest.raises(ModelError, match="BERT or RoBERTa family"):
        Tokenizer(backend)
    with pytest.raises(ModelError, match="no tokenizer in this folder"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="not a readable tokenizer"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "sentencepiece.bpe.model").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="not a sentencepiece model"):
        Tokenizer.load(tmp_path)


@pytest.mark.slow
def test_vocabulary_without_a_serialised_tokenizer(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "house"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    loaded = Tokenizer.load(tmp_path)
    assert loaded.segmented
    assert loaded.row(loaded.pieces(["the house"])["the house"].ids)[0].tolist() == [2, 5, 6, 3]
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(ModelError, match="cannot convert"):
        Tokenizer.load(tmp_path)


@pytest.fixture(scope="session")
def pieces() -> bytes:
    """A small sentencepiece model, as XLM-R's file is one."""
    import sentencepiece

    model, words = io.BytesIO(), ["the house is red", "a red house", "this is the end", "ten red hens"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 20), model_writer=model, vocab_size=20, model_type="unigram", minloglevel=2
    )
    return model.getvalue()


MORE = {
    "added_tokens.json": {"[ENT]": 22},
    "special_tokens_map.json": {"pad_token": "<pad>", "additional_special_tokens": ["[ENT]"]},
    "tokenizer_config.json": {
        "mask_token": {"content": "<mask>", "lstrip": True},
        "added_tokens_decoder": {"1": {"content": "<pad>", "special": True}, "22": {"content": "[ENT]"}},
    },
}
"""Files beside XLM-R's pieces that add the same token."""


@pytest.mark.parametrize("name", sorted(MORE))
def test_tokens_that_were_added_to_xlmr_are_read(tmp_path: Path, pieces: bytes, name: str) -> None:
    (tmp_path / "sentencepiece.bpe.model").write_bytes(pieces)
    plain = Tokenizer.load(tmp_path)
    assert plain.size == 22
    (tmp_path / name).write_text(json.dumps(MORE[name]))
    added = Tokenizer.load(tmp_path)
    assert added.size == 23
    assert added.sha256 != plain.sha256
    text = "the red [ENT] house"
    assert 22 in added.pieces([text])[text].ids.tolist()
    assert (added.cls, added.pad, added.mask) == (plain.cls, plain.pad, plain.mask)


def test_all_files_that_add_a_token_to_xlmr_add_it_once(tmp_path: Path, pieces: bytes) -> None:
    (tmp_path / "sentencepiece.bpe.model").write_bytes(pieces)
    for name, values in MORE.items():
        (tmp_path / name).write_text(json.dumps(values))
    assert Tokenizer.load(tmp_path).size == 23


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("added_tokens.json", {"[ENT]": 40}, r"the added token '\[ENT\]' must have the id 40, but gets 22"),
        ("special_tokens_map.json", {"pad_token": "[PAD]"}, r"pad_token is '\[PAD\]', but XLM-R's is '<pad>'"),
        ("tokenizer_config.json", {"cls_token": {"content": "[CLS]"}}, r"cls_token is '\[CLS\]', but XLM-R's is '<s>'"),
        ("added_tokens.json", [1], "the content must be a JSON object"),
        ("added_tokens.json", {"<x>": "abc"}, r"added_tokens\.json: <x>: .*valid integer"),
        ("added_tokens.json", {"<x>": None}, r"added_tokens\.json: <x>"),
        ("added_tokens.json", {"\ud800": 22}, r"added_tokens\.json: "),
        ("special_tokens_map.json", {"additional_special_tokens": [5]}, r"map\.json: additional_special_tokens"),
        ("special_tokens_map.json", {"extra_special_tokens": 5}, r"map\.json: extra_special_tokens"),
        ("special_tokens_map.json", {"mask_token": {"a": 1}}, r"map\.json: mask_token"),
        ("special_tokens_map.json", {"mask_token": 7}, r"map\.json: mask_token"),
        ("tokenizer_config.json", {"added_tokens_decoder": [1]}, r"config\.json: added_tokens_decoder"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"22": "x"}}, r"config\.json: added_tokens_decoder\.22"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"x": {"content": "x"}}}, r"added_tokens_decoder\.x"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"22": {}}}, r"decoder\.22\.content: Field required"),
    ],
)
def test_what_cannot_be_added_to_xlmr_is_refused(
    tmp_path: Path, pieces: bytes, name: str, values: object, message: str
) -> None:
    (tmp_path / "sentencepiece.bpe.model").write_bytes(pieces)
    (tmp_path / name).write_text(json.dumps(values))
    with pytest.raises(ModelError, match=message):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("body", [b"", b"\xff" * 50])
def test_what_is_no_model_of_pieces_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "sentencepiece.bpe.model").write_bytes(body)
    with pytest.raises(ModelError, match=r"sentencepiece\.bpe\.model: not a sentencepiece model"):
        Tokenizer.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks only where there is fork")
def test_encodes_in_a_forked_child() -> None:
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import multiprocessing, conftest
tokenizer = conftest.tokenizer.__wrapped__()
texts = [f"the house {{i}}" for i in range(500)]
tokenizer.pieces(texts)
def child(queue):
    queue.put(len(tokenizer.pieces(texts)))
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
process = context.Process(target=child, args=(queue,))
process.start()
process.join(30)
print(process.exitcode, queue.get() if process.exitcode == 0 else "hangs")
"""
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.stdout.split() == ["0", "500"], done.stderr
    assert "fork" not in done.stderr


@pytest.mark.data
def test_xlmr_from_its_sentencepiece_file(data_root: Path) -> None:
    tokenizer = Tokenizer.load(data_root / "xlmr_tokenizer")
    assert tokenizer.row(tokenizer.pieces(["Hello world!"])["Hello world!"].ids)[0].tolist() == [0, 35378, 8999, 38, 2]
    assert (tokenizer.cls, tokenizer.pad, tokenizer.sep, tokenizer.unk, tokenizer.mask) == (0, 1, 2, 3, 250001)
    assert tokenizer.size == 250002


@pytest.mark.data
@pytest.mark.slow
def test_xlmr_segments_like_transformers(data_root: Path) -> None:
    from transformers import XLMRobertaTokenizerFast

    ours = Tokenizer.load(data_root / "xlmr_tokenizer")
    theirs = XLMRobertaTokenizerFast.from_pretrained(str(data_root / "xlmr_tokenizer"))
    for language in ("tha", "zho-CN", "arb", "hin", "yor", "jpn"):
        file = data_root / "ntrex" / f"newstest2019-ref.{language}.txt"
        texts = file.read_text(encoding="utf-8").split("\n")[:400]
        pieces = ours.pieces(texts)
        wanted = theirs(texts, add_special_tokens=False).input_ids
        assert [pieces[text].ids.tolist() for text in texts] == wanted
