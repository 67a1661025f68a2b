"""A stand-in for a tokenizer that is not at hand: tokens by the number of characters, for estimates only."""

from __future__ import annotations

from functools import cache

from tokenizers import Regex, models, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend

from layover.data.tokenizer import Tokenizer

PIECE = r"[\p{Han}\p{Hiragana}\p{Katakana}]{1,2}|[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{1,4}|\p{P}|[^\s\p{P}]{1,5}"
"""What counts as a token: two or four signs where words are not set apart, a punctuation mark, five letters at most. So
XLM-R cuts text on average: within a fifth in the languages of XNLI."""

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


@cache
def stand_in() -> Tokenizer:
    """Return a tokenizer without a vocabulary: every piece of `PIECE` is one unknown token."""
    backend = Backend(models.WordLevel({name: code for code, name in enumerate(SPECIAL)}, unk_token="<unk>"))  # noqa: S106
    split = pre_tokenizers.Split(Regex(PIECE), "isolated")
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), split])
    special = [("<s>", 0), ("</s>", 2)]
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    backend.add_special_tokens(list(SPECIAL))
    return Tokenizer(backend)
