from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, XLMRobertaModel

from layover.data.tokenizer import Tokenizer
from layover.encoder import DropoutClock, Encoder
from layover.encoder.corpus import sentences
from layover.encoder.initialise import init_encoder
from layover.errors import DataError, LayoverError, ModelError

WORDS = ["river", "bridge", "morning", "market", "window", "garden", "letter", "winter", "island", "music"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    lines = [" ".join(WORDS[(a * b + c) % len(WORDS)] for c in range(6)) for a in range(20) for b in range(1, 6)]
    (folder / "a.txt").write_text("\n".join(lines))
    (folder / "b.jsonl").write_text("\n".join(json.dumps({"id": "4f0a1b2c", "text": f"The {line}."}) for line in lines))
    return folder


@pytest.fixture(scope="module")
def made(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders") / "tiny"
    init_encoder(folder, layers=2, hidden=32, heads=4, vocab_from=texts, vocab_size=360, max_positions=66)
    return folder


def test_layout_of_the_vocabulary(made: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made)
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3]) == ["<s>", "<pad>", "</s>", "<unk>"]
    assert tokenizer.mask_token_id == len(tokenizer) - 1
    assert tokenizer.model_max_length == 64
    assert set(tokenizer("river", "bridge")) == {"input_ids", "attention_mask"}
    pair = tokenizer("river", "bridge")["input_ids"]
    assert [pair[0], *(token for token in pair if token == 2)] == [0, 2, 2, 2]
    assert json.loads((made / "config.json").read_text())["vocab_size"] == len(tokenizer)


def test_no_text_is_unknown(made: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made)
    for text in ("a river", "𝔘𝔫𝔦 ꙮ 🦜", "ქართული བོད สวัสดี 你好", "z̀é"):
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert ids == [0, *Tokenizer.load(made).pieces([text])[text].ids, 2]
    assert tokenizer.decode(tokenizer("ꙮ river")["input_ids"], skip_special_tokens=True) == "ꙮ river"


def test_loads_as_encoder(made: Path) -> None:
    encoder = Encoder.load(made, clock=DropoutClock(0))
    assert (encoder.hidden_size, encoder.num_layers, encoder.max_length) == (32, 2, 64)
    reference = XLMRobertaModel.from_pretrained(made, add_pooling_layer=False).eval()
    ids = torch.tensor([[0, 100, 101, 2]])
    with torch.no_grad():
        assert torch.equal(encoder.eval()(ids, torch.tensor([4])), reference(ids).last_hidden_state)


def test_same_call_same_bytes(texts: Path, made: Path, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    again, other = tmp_path / "again", tmp_path / "other"
    sizes = {"layers": 2, "hidden": 32, "heads": 4, "max_positions": 66}
    init_encoder(again, vocab_from=texts, vocab_size=360, **sizes)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert sorted(file.name for file in made.iterdir()) == [
        "config.json",
        "model.safetensors",
        "random.json",
        "sentencepiece.bpe.model",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    for file in made.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes()
    init_encoder(other, vocab_from=made / "sentencepiece.bpe.model", seed=1, **sizes)
    assert (other / "tokenizer.json").read_bytes() == (made / "tokenizer.json").read_bytes()
    assert (other / "model.safetensors").read_bytes() != (made / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "does not divide"),
        ({"vocab_from": Path("absent")}, "does not exist"),
        ({"vocab_size": 100}, "a vocabulary of 98 pieces cannot be trained"),
    ],
)
def test_refusals_leave_nothing(texts: Path, tmp_path: Path, change: dict[str, object], message: str) -> None:
    settings = {"layers": 1, "hidden": 32, "heads": 4, "vocab_from": texts, "vocab_size": 360, **change}
    with pytest.raises(LayoverError, match=message):
        init_encoder(tmp_path / "one", **settings)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_full_directory_is_kept(texts: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(ModelError, match="is not an empty folder"):
        init_encoder(tmp_path, layers=1, hidden=32, heads=4, vocab_from=texts, vocab_size=360)
    empty = tmp_path / "empty"
    empty.mkdir()
    init_encoder(empty, layers=1, hidden=32, heads=4, vocab_from=texts, vocab_size=360)
    assert (empty / "model.safetensors").is_file()


def test_sentences_of_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,text\n1,"a comma, inside"\n')
    (tmp_path / "b.conll").write_text("Lisbon\tB-LOC\nrains\tO\n\nLisbon\tB-LOC\n")
    (tmp_path / "c.json").write_text('{"data": [{"q": "Who rows?", "id": "56be4db0acb8001400a502ec", "n": 3}]}')
    (tmp_path / "d.txt").write_text(f"{'x' * 1500}\n  two   spaces \n17\n")
    (tmp_path / "e.png").write_text("not read")
    found = sentences(tmp_path, 1000)
    assert {"a comma, inside", "Lisbon", "rains", "Who rows?", "x" * 1000, "x" * 500, "two spaces"} <= set(found)
    assert not {"17", "56be4db0acb8001400a502ec", "not read"} & set(found)
    assert len(found) == len(set(found))
    assert sentences(tmp_path, 4) == ["id", "Lisbon", "Who rows?", "x" * 1000]
    with pytest.raises(DataError, match="it contains no text"):
        sentences(tmp_path / "absent", 10)


@pytest.mark.data
def test_xlmr_pieces(data_root: Path, tmp_path: Path) -> None:
    pieces = data_root / "xlmr_tokenizer" / "sentencepiece.bpe.model"
    init_encoder(tmp_path / "xlmr", layers=1, hidden=8, heads=2, vocab_from=pieces)
    assert json.loads((tmp_path / "xlmr" / "config.json").read_text())["vocab_size"] == 250_002
