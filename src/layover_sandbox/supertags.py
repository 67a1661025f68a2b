r"""Categories of combinatory categorial grammar for the sandbox's sentences, by construction.

A verb takes its arguments from both sides: `(S\NP)/NP` has its subject before and its object after the verb; in a
verb-final language it is `(S\NP)\NP`. Adverbials modify the sentence (`S/S`, `S\S`), adjectives the noun.
Punctuation is `.` at the end and `,` elsewhere, in any script.
"""

from __future__ import annotations

from collections.abc import Sequence

from layover_sandbox.language import Phrase, Sentence, Word

_ARGUMENTS = {"subject": "NP", "object": "NP", "third": "PP", "property": "AP"}
_ADVERBIALS = {"time", "place"}
_ENDS = {".", "。", "?", "？", "؟"}


def supertags(sentence: Sentence) -> list[str]:
    """Return the category of every word."""
    categories: list[str] = []
    for clause in _clauses(sentence.phrases):
        verb = _main_verb(clause)
        for number in range(len(clause)):
            categories += _of_phrase(clause, number, verb)
    return categories


def _clauses(phrases: Sequence[Phrase]) -> list[list[Phrase]]:
    """Return the phrases of each clause; a conjunction begins a clause."""
    clauses: list[list[Phrase]] = [[]]
    for phrase in phrases:
        if _is_conjunction(phrase) and clauses[-1]:
            clauses.append([])
        clauses[-1].append(phrase)
    return clauses


def _is_conjunction(phrase: Phrase) -> bool:
    return phrase.role == "link" and any(word.pos in {"SCONJ", "CCONJ"} for word in phrase.words)


def _main_verb(phrases: Sequence[Phrase]) -> int:
    """Return the last phrase with a verb: the only functor over the arguments of the clause."""
    verbs = [number for number, phrase in enumerate(phrases) if phrase.role == "verb"]
    full = [number for number in verbs if any(word.pos == "VERB" for word in phrases[number].words)]
    return (full or verbs or [-1])[-1]


def _of_phrase(phrases: Sequence[Phrase], number: int, verb: int) -> list[str]:
    phrase = phrases[number]
    words = phrase.words
    if phrase.role == "mark":
        return ["." if word.text in _ENDS else "," for word in words]
    if phrase.role == "verb":
        return _verbal(phrases, number, verb)
    if phrase.role in _ADVERBIALS:
        side = "S/S" if number < verb else "S\\S"
        return _nominal(words, top=side, functor=f"({side})/NP")
    if phrase.role in _ARGUMENTS:
        return _nominal(words, top=_ARGUMENTS[phrase.role], functor=f"{_ARGUMENTS[phrase.role]}/NP")
    last = {
        "link": "(S\\S)/S" if _is_conjunction(phrase) else "(AP\\AP)/NP",
        "not": "(S\\NP)/(S\\NP)" if number < verb else "(S\\NP)\\(S\\NP)",
        "ask": "S[wq]/S[q]",
    }
    return ["X/X"] * (len(words) - 1) + [last[phrase.role]]


def _verbal(phrases: Sequence[Phrase], number: int, verb: int) -> list[str]:
    words = phrases[number].words
    if number != verb and all(word.pos != "VERB" for word in words):
        return ["(S\\NP)/(S\\NP)"] * len(words)
    category = _frame(phrases, number)
    heads = [place for place, word in enumerate(words) if word.pos == "VERB"]
    head = heads[-1] if heads else len(words) - 1
    categories = []
    for place, word in enumerate(words):
        if place == head:
            categories.append(category)
        elif word.pos in {"AUX", "PART"}:
            categories.append("(S\\NP)/(S\\NP)" if place < head else "(S\\NP)\\(S\\NP)")
        else:
            categories.append(_simple(word))
    return categories


def _frame(phrases: Sequence[Phrase], verb: int) -> str:
    """Return S with the arguments of the verb: the farthest is innermost, arguments before it follow a backslash."""
    before = [phrase.role for phrase in phrases[:verb] if phrase.role in _ARGUMENTS]
    after = [phrase.role for phrase in phrases[verb + 1 :] if phrase.role in _ARGUMENTS]
    category = "S"
    for role in before:
        category = f"{_wrapped(category)}\\{_ARGUMENTS[role]}"
    for role in reversed(after):
        category = f"{_wrapped(category)}/{_ARGUMENTS[role]}"
    return category


def _wrapped(category: str) -> str:
    return category if category == "S" else f"({category})"


def _nominal(words: Sequence[Word], *, top: str, functor: str) -> list[str]:
    """Return the categories inside a noun phrase; a preposition has the category `functor`."""
    nouns = [place for place, word in enumerate(words) if word.pos in {"NOUN", "PROPN", "PRON"}]
    head = nouns[-1] if nouns else len(words) - 1
    governed = any(word.pos == "ADP" for word in words)
    specified = any(word.pos == "DET" for word in words)
    categories = []
    for place, word in enumerate(words):
        if word.pos == "ADP":
            categories.append(functor if place < head else functor.replace("/NP", "\\NP"))
        elif word.pos == "DET":
            categories.append("NP/N" if governed or top == "NP" else f"{_whole(top)}/N")
        elif place == head:
            categories.append("N" if specified else "NP" if governed else top)
        else:
            categories.append("N/N" if place < head else "N\\N")
    return categories


def _whole(category: str) -> str:
    return f"({category})" if "/" in category or "\\" in category else category


def _simple(word: Word) -> str:
    return {"DET": "NP/N", "ADP": "PP/NP", "NOUN": "N", "PROPN": "NP", "PRON": "NP"}.get(word.pos, "S\\S")
