"""XLM-R's `sentencepiece.bpe.model` as a fast tokenizer, without transformers.

transformers 4 and 5 convert this file into differently built tokenizers; a tokenizer of ours must not depend on
which one is installed.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from layover.errors import ModelError


def load_xlmr(path: Path) -> Tokenizer:
    """Return the tokenizer of an XLM-R sentencepiece file: ids, pipeline and template as on the hub.

    Source: fairseq's vocabulary (`<s> <pad> </s> <unk>`, the pieces from the fourth on, `<mask>`); the
    pipeline is that of `tokenizer.json` of FacebookAI/xlm-roberta-base.

    Raises:
        ModelError: the file is not a sentencepiece unigram model.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise ModelError(f"{path}: not a sentencepiece model ({error})") from error
    if model.trainer_spec.model_type != model.trainer_spec.UNIGRAM:
        raise ModelError(f"{path}: not a unigram model, so not XLM-R's; save the tokenizer as tokenizer.json")
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(piece.piece, piece.score) for piece in model.pieces[3:]]
    vocabulary += [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
    words = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(words)
    tokenizer.decoder = decoders.Metaspace("▁", "always")
    special = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer
