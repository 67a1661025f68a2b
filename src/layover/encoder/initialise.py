"""A small XLM-R with random weights and a tokenizer of its own: to try things without a download."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders
from transformers import XLMRobertaConfig, XLMRobertaModel

from layover.data.sentencepiece import ROLES, load_xlmr
from layover.encoder.corpus import sentences
from layover.encoder.files import RANDOM
from layover.encoder.loading import quiet
from layover.encoder.weights import generator_for
from layover.errors import ModelError
from layover.files.checkpoints import WEIGHTS
from layover.identity import file_sha256

PIECES = "sentencepiece.bpe.model"
"""The name under which XLM-R tokenizers look for it, although it is a unigram model."""

_ADDED = 2
"""Tokens of fairseq's vocabulary that the sentencepiece model does not have: `<pad>` and `<mask>`."""


def init_encoder(
    directory: Path,
    *,
    layers: int,
    hidden: int,
    heads: int,
    vocab_from: Path,
    vocab_size: int = 8000,
    seed: int = 0,
    max_positions: int = 514,
    max_sentences: int = 100_000,
) -> None:
    """Write an encoder that `transformers.AutoTokenizer` and `XLMRobertaModel` load.

    Args:
        directory: Appears as a whole, or not at all.
        layers: Number of layers.
        hidden: Size of the hidden states; the feed-forward part is four times as wide.
        heads: Attention heads; they divide `hidden`.
        vocab_from: A folder of text data, or a sentencepiece `.model` file that is taken as it is.
        vocab_size: Tokens, special ones included; fewer where the text has not that many.
        seed: Of the weights.
        max_positions: Rows of the position table: longest input + 2.
        max_sentences: At most about so many texts train the vocabulary.

    Raises:
        ModelError: the directory is not empty, sizes do not fit, or the `.model` file cannot be used.
        DataError: there is no text in `vocab_from`.
    """
    if hidden % heads:
        raise ModelError(f"hidden size {hidden} does not divide into {heads} heads")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ModelError(f"{directory} is there and is not an empty folder; name another one, or remove it first")
    if not vocab_from.exists():
        raise ModelError(f"{vocab_from} does not exist; name a folder of text data or a sentencepiece .model file")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".layover.") as temporary:
        work = Path(temporary) / "encoder"  # the temporary directory itself is closed to others
        work.mkdir()
        size = _write_tokenizer(work, vocab_from, vocab_size, max_positions - 2, max_sentences)
        _write_model(work, size, layers=layers, hidden=hidden, heads=heads, positions=max_positions, seed=seed)
        if directory.exists():
            directory.rmdir()
        work.rename(directory)


def _write_tokenizer(work: Path, vocab_from: Path, vocab_size: int, longest: int, max_sentences: int) -> int:
    """Write the tokenizer's files; return its number of tokens."""
    if vocab_from.is_file():
        load_xlmr(vocab_from)  # what is wrong with it is told by its own name
        shutil.copyfile(vocab_from, work / PIECES)
    else:
        (work / PIECES).write_bytes(_train_pieces(sentences(vocab_from, max_sentences), vocab_size - _ADDED))
    tokenizer = _with_bytes(load_xlmr(work / PIECES))
    tokenizer.save(str(work / "tokenizer.json"))
    config = {
        # transformers 5 builds XLMRobertaTokenizer anew, without the fallback to bytes; this class keeps the file
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": longest,
        "clean_up_tokenization_spaces": False,
        **ROLES,
        "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False,
                       "normalized": False, "single_word": False, "special": True},
    }  # fmt: skip
    (work / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    size: int = tokenizer.get_vocab_size()
    return size


def _train_pieces(texts: list[str], size: int) -> bytes:
    """Return a sentencepiece unigram model; equal texts give an equal model."""
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=size,
            hard_vocab_limit=False,
            byte_fallback=True,
            character_coverage=0.9995,
            split_digits=True,  # or a year and the full stop after it become one piece, which no answer can end within
            num_threads=4,  # sums are made per thread, so the number is part of the result
            shuffle_input_sentence=False,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ModelError(f"no vocabulary of {size} pieces can be trained on {len(texts)} texts: {error}") from error
    return model.getvalue()


def _with_bytes(tokenizer: Tokenizer) -> Tokenizer:
    """Let characters outside the vocabulary become bytes where it has all 256; otherwise they stay `<unk>`."""
    if any(tokenizer.token_to_id(f"<0x{byte:02X}>") is None for byte in range(256)):
        return tokenizer
    serialised = json.loads(tokenizer.to_str())
    serialised["model"]["byte_fallback"] = True
    changed = Tokenizer.from_str(json.dumps(serialised))
    changed.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", "always")])
    return changed


def _write_model(
    work: Path, vocabulary: int, *, layers: int, hidden: int, heads: int, positions: int, seed: int
) -> None:
    config = XLMRobertaConfig(  # type: ignore[no-untyped-call]
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=positions,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):  # transformers draws weights of its own
        model = XLMRobertaModel(config, add_pooling_layer=False)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, config.initializer_range, generator=generator_for(seed, name))
                if name in {"embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"}:
                    parameter[config.pad_token_id].zero_()
            else:
                parameter.fill_(1.0 if name.endswith("LayerNorm.weight") else 0.0)
    with quiet():
        model.save_pretrained(work)
    for file in work.glob("*.safetensors"):  # written for its owner only
        file.chmod((work / "config.json").stat().st_mode)
    mark = {"seed": seed, "weights_sha256": file_sha256(work / WEIGHTS)}
    (work / RANDOM).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")
