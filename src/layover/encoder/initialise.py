"""A small XLM-R with random weights and its own tokenizer, for trials without a download."""

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
from layover.encoder.in_transformers import quiet
from layover.encoder.weights import generator_for
from layover.errors import ModelError
from layover.files.checkpoints import WEIGHTS
from layover.identity import file_sha256

PIECES = "sentencepiece.bpe.model"
"""The file name that XLM-R tokenizers expect, although the model is a unigram model."""

_ADDED = 2
"""The number of tokens of fairseq's vocabulary that the sentencepiece model lacks: `<pad>` and `<mask>`."""


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
        directory: The output; it is created complete, or not at all.
        layers: The number of layers.
        hidden: The size of the hidden states; the feed-forward part is four times as wide.
        heads: The number of attention heads, which divides `hidden`.
        vocab_from: A folder of text data, or a sentencepiece `.model` file, which is copied.
        vocab_size: The number of tokens, including special tokens; fewer if the text does not contain enough.
        seed: The seed of the weights.
        max_positions: The rows of the position table: longest input + 2.
        max_sentences: About the largest number of texts that train the vocabulary.

    Raises:
        ModelError: the directory is not empty, sizes do not fit, or the `.model` file cannot be used.
        DataError: `vocab_from` contains no text.
    """
    if hidden % heads:
        raise ModelError(f"hidden size {hidden} does not divide into {heads} heads")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ModelError(f"{directory} exists and is not an empty folder; name another folder, or remove it first")
    if not vocab_from.exists():
        raise ModelError(f"{vocab_from} does not exist; name a folder of text data or a sentencepiece .model file")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".layover.") as temporary:
        work = Path(temporary) / "encoder"  # other users cannot read the temporary directory itself
        work.mkdir()
        size = _write_tokenizer(work, vocab_from, vocab_size, max_positions - 2, max_sentences)
        _write_model(work, size, layers=layers, hidden=hidden, heads=heads, positions=max_positions, seed=seed)
        if directory.exists():
            directory.rmdir()
        work.rename(directory)


def _write_tokenizer(work: Path, vocab_from: Path, vocab_size: int, longest: int, max_sentences: int) -> int:
    """Write the tokenizer's files; return its number of tokens."""
    if vocab_from.is_file():
        load_xlmr(vocab_from)  # checked before the copy, so that errors name the user's file
        shutil.copyfile(vocab_from, work / PIECES)
    else:
        (work / PIECES).write_bytes(_train_pieces(sentences(vocab_from, max_sentences), vocab_size - _ADDED))
    tokenizer = _with_bytes(load_xlmr(work / PIECES))
    tokenizer.save(str(work / "tokenizer.json"))
    config = {
        # transformers 5 rebuilds XLMRobertaTokenizer without the byte fallback; this class keeps the file
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
    """Return a trained sentencepiece unigram model; equal texts produce equal models."""
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
            split_digits=True,  # else a year and its full stop can be one token, and no answer can end inside a token
            num_threads=4,  # sums are computed per thread, so the number affects the result
            shuffle_input_sentence=False,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ModelError(f"a vocabulary of {size} pieces cannot be trained on {len(texts)} texts: {error}") from error
    return model.getvalue()


def _with_bytes(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer with byte fallback if the vocabulary has all 256 bytes; else the same tokenizer.

    Without byte fallback, characters outside the vocabulary become `<unk>`.
    """
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
    with torch.random.fork_rng(devices=[]):  # transformers draws its own initial weights
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
    for file in work.glob("*.safetensors"):  # safetensors writes files that only their owner can read
        file.chmod((work / "config.json").stat().st_mode)
    mark = {"seed": seed, "weights_sha256": file_sha256(work / WEIGHTS)}
    (work / RANDOM).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")
