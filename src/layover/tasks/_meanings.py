"""Meanings of labels that several tasks share, for model cards."""

from __future__ import annotations

from collections.abc import Mapping

NLI: Mapping[str, str] = {
    "entailment": "if the first text is true, the second one is true",
    "neutral": "the first text does not decide whether the second one is true",
    "contradiction": "if the first text is true, the second one is false",
}
DUPLICATE: Mapping[str, str] = {
    "0": "the two questions do not ask the same",
    "1": "the two questions ask the same",
}
PARAPHRASE: Mapping[str, str] = {
    "0": "the two sentences do not mean the same",
    "1": "the two sentences mean the same",
}
NO_ANSWER: Mapping[str, str] = {"no answer": "the context does not answer the question"}
UPOS: Mapping[str, str] = {
    "ADJ": "adjective",
    "ADP": "adposition",
    "ADV": "adverb",
    "AUX": "auxiliary verb",
    "CCONJ": "coordinating conjunction",
    "DET": "determiner",
    "INTJ": "interjection",
    "NOUN": "noun",
    "NUM": "numeral",
    "PART": "particle",
    "PRON": "pronoun",
    "PROPN": "proper noun",
    "PUNCT": "punctuation",
    "SCONJ": "subordinating conjunction",
    "SYM": "symbol",
    "VERB": "verb",
    "X": "other",
}


def bio(names: Mapping[str, str]) -> dict[str, str]:
    """Return the meanings of BIO tags.

    Args:
        names: Type of a span -> description of the span: `{"PER": "a person's name"}`.
    """
    meanings = {"O": "outside: the word is in no span"}
    for name, meaning in names.items():
        meanings[f"B-{name}"] = f"begin: the first word of {meaning}"
        meanings[f"I-{name}"] = f"inside: a later word of {meaning}"
    return meanings
