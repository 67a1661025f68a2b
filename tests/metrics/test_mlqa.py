"""MLQA's scores, held to hand-made cases and to a letter-by-letter account of what the official script does."""

from __future__ import annotations

import string
import unicodedata
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover import metrics
from layover.errors import DataError
from layover.metrics._mlqa import LANGUAGES, normalise


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The  Cat!", "cat"),
        ("en", "an apple, a day", "apple day"),
        ("en", "theatre", "theatre"),
        ("en", "«House» – 'yes'", "house yes"),  # punctuation of all scripts goes, not only ASCII
        ("en", "a-the-b", "atheb"),  # punctuation goes before articles
        ("en", "$5 + 3", "5 3"),  # ASCII symbols count as punctuation
        ("en", "5 € + 3 £", "5 € 3 £"),  # others do not
        ("en", "x\u00a0y\u2003z", "x y z"),
        ("en", "die Katze", "die katze"),
        ("en", "", ""),
        ("en", "the", ""),
        ("de", "Die Katze", "katze"),
        ("de", "das Haus des Mannes", "haus mannes"),
        ("de", "einem einen eines einer eine ein", ""),
        ("de", "Dienstag", "dienstag"),
        ("de", "the house", "the house"),
        ("de", "„Straße“", "straße"),
        ("es", "Los gatos y las casas", "gatos y casas"),
        ("es", "el último", "último"),
        ("es", "¿Unos o unas?", "o"),
        ("es", "¡Hola!", "hola"),
        ("es", "lago", "lago"),
        ("vi", "cái nhà của tôi", "nhà tôi"),
        ("vi", "những chiếc xe", "xe"),
        ("vi", "Hà Nội là thủ đô", "hà nội thủ đô"),
        ("vi", "làm", "làm"),
        ("ar", "البيت", "بيت"),
        ("ar", "في البيت الكبير", "في بيت كبير"),
        ("ar", "قالت", "ق ت"),  # the official rule takes the two letters inside a word too
        ("ar", "نعم، لا؟", "نعم لا"),
        ("ar", "١٩٤٥", "١٩٤٥"),
        ("hi", "यह घर है।", "यह घर है"),
        ("hi", "the घर", "the घर"),
        ("hi", "२० करोड़", "२० करोड़"),
        ("zh", "北京。", "北 京"),
        ("zh", "在2008年", "在 2008 年"),
        ("zh", "iPhone 手机", "iphone 手 机"),
        ("zh", "《红楼梦》", "红 楼 梦"),
        ("zh", "a，b", "ab"),  # the comma goes before anything is split
        ("zh", "龥龦", "龥 龦"),  # the last character that is split, and the first that stays as it is
        ("zh", "ひらがな", "ひらがな"),
    ],
)
def test_normalisation(language: str, text: str, expected: str) -> None:
    assert normalise(text, language) == expected


# prediction, golds, exact match, F1 of the best gold: 2 * shared / (predicted + gold), counting tokens
CASES: dict[str, list[tuple[str, list[str], float, float]]] = {
    "en": [
        ("the red house", ["Red house"], 1, 1),
        ("red house", ["a big house", "red barn house"], 0, 4 / 5),
        ("house", ["car", "house"], 1, 1),
        ("x y", ["x z", "y z"], 0, 1 / 2),  # both equally good
        ("y x", ["x y"], 0, 1),  # F1 does not see the order
        ("house house", ["house"], 0, 2 / 3),
        ("x y x y", ["x x y"], 0, 6 / 7),
        ("", ["house"], 0, 0),
        ("", [""], 1, 0),  # equal, but no token is shared
        ("the", ["the"], 1, 0),
        ("…", ["!"], 1, 0),
        ("", ["house", "."], 1, 0),  # no gold is dropped, unlike in SQuAD v2.0
        ("“house”", ["house"], 1, 1),
        ("it’s", ["its"], 1, 1),
        ("twenty–one", ["twentyone"], 1, 1),
        ("5 €", ["5"], 0, 2 / 3),
        ("5 $", ["5"], 1, 1),
        ("die Katze", ["Katze"], 0, 2 / 3),
    ],
    "de": [
        ("der Hund", ["Hund"], 1, 1),
        ("Hund", ["ein Hund", "zwei Hunde"], 1, 1),
        ("der große Hund", ["Hund"], 0, 2 / 3),
        ("eine Stadt", ["die Stadt"], 1, 1),
        ("Dienstag", ["nstag"], 0, 0),
        ("„Haus“", ["Haus"], 1, 1),
        ("keine Stadt", ["Stadt"], 0, 2 / 3),
        ("im Haus", ["Haus"], 0, 2 / 3),
        ("the Haus", ["Haus"], 0, 2 / 3),
        ("STRASSE", ["Straße"], 0, 0),
    ],
    "es": [
        ("la casa", ["una casa"], 1, 1),
        ("the casa", ["casa"], 0, 2 / 3),
        ("¿Qué?", ["qué"], 1, 1),
        ("El Niño", ["niño"], 1, 1),
        ("los unos y los otros", ["y otros"], 1, 1),
        ("del río", ["río"], 0, 2 / 3),
        ("lo bueno", ["bueno"], 0, 2 / 3),
    ],
    "vi": [
        ("cái bàn", ["bàn"], 1, 1),
        ("bàn ghế", ["bàn"], 0, 2 / 3),
        ("của tôi", ["tôi"], 1, 1),
        ("Những con mèo", ["con mèo"], 1, 1),
        ("một con mèo", ["con mèo"], 0, 4 / 5),
        ("Hà Nội, Việt Nam", ["Hà Nội"], 0, 2 / 3),
        ("la\u0300 x", ["x"], 0, 2 / 3),  # the article is known composed only
    ],
    "ar": [
        ("البيت", ["بيت"], 1, 1),
        ("بيت كبير", ["البيت"], 0, 2 / 3),
        ("كتاب البيت", ["كتاب بيت"], 1, 1),
        ("والبيت", ["و بيت"], 1, 1),  # the rule parts the word
        ("قالت", ["ق ت"], 1, 1),
        ("أل", ["أل"], 1, 1),
        ("ال", ["ال"], 1, 0),
        ("بيت؟", ["بيت"], 1, 1),
        ("سنة ١٩٤٥", ["١٩٤٥"], 0, 2 / 3),
    ],
    "hi": [
        ("नई दिल्ली।", ["नई दिल्ली"], 1, 1),
        ("दिल्ली", ["नई दिल्ली"], 0, 2 / 3),
        ("the दिल्ली", ["दिल्ली"], 0, 2 / 3),
        ("घर॥", ["घर"], 1, 1),
        ("एक घर", ["घर"], 0, 2 / 3),
        ("२०", ["20"], 0, 0),
    ],
    "zh": [
        ("北京", ["北京。"], 1, 1),
        ("北京市", ["北京"], 0, 4 / 5),
        ("上海", ["北京"], 0, 0),
        ("京北", ["北京"], 0, 1),
        ("北 京", ["北京"], 1, 1),
        ("北京大学", ["北京"], 0, 2 / 3),
        ("一一", ["一"], 0, 2 / 3),
        ("2008年", ["2008"], 0, 2 / 3),
        ("2008年8月", ["2008年"], 0, 2 / 3),
        ("iPhone手机", ["iPhone 手机"], 1, 1),
        ("the 北京", ["北京"], 0, 4 / 5),
        ("《红楼梦》", ["红楼梦"], 1, 1),
        ("，", ["。"], 1, 0),
        ("東京タワー", ["東京"], 0, 4 / 5),
        ("臺灣", ["台湾"], 0, 0),
        ("１２", ["12"], 0, 0),
    ],
    # of a pair, the context's language: the answer stands there
    "de-en": [("der Hund", ["Hund"], 1, 1)],
    "en-de": [("der Hund", ["Hund"], 0, 2 / 3)],
    "zh-es": [("北京市", ["北京"], 0, 4 / 5)],
    "es-zh": [("北京市", ["北京"], 0, 0)],
}


@pytest.mark.parametrize(
    ("language", "prediction", "golds", "exact", "f1"),
    [(language, *case) for language, cases in CASES.items() for case in cases],
)
def test_scores(language: str, prediction: str, golds: list[str], exact: float, f1: float) -> None:
    assert metrics.get("mlqa_em").score([prediction], [golds], language) == pytest.approx(100 * exact)
    assert metrics.get("mlqa_f1").score([prediction], [golds], language) == pytest.approx(100 * f1)


@pytest.mark.parametrize("name", ["mlqa_em", "mlqa_f1"])
@pytest.mark.parametrize(("prediction", "expected"), [("", 100), ("ال", 100), ("؟", 100), ("بيت", 0)])
def test_a_question_without_an_answer_wants_none(name: str, prediction: str, expected: float) -> None:
    """Not MLQA's: its script knows no such question."""
    assert metrics.get(name).score([prediction], [[]], "ar") == expected


def test_a_mean_over_questions() -> None:
    assert metrics.get("mlqa_em").score(["x", "y"], [["x"], ["z"]], "en") == 50.0


@pytest.mark.parametrize("name", ["mlqa_em", "mlqa_f1"])
def test_a_language_without_a_rule_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="MLQA has no rule for answers in 'ru'; one of: ar, de, en, es, hi, vi, zh"):
        metrics.get(name).score(["x"], [["x"]], "ru")


ARTICLES = {
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "vi": "của là cái chiếc những",
    "de": "ein eine einen einem eines einer der die das den dem des",
}


def letter_by_letter(text: str, language: str) -> list[str]:
    """Return the tokens of an answer: removal first, then articles, then words, one by one."""
    kept = ""
    for char in text.lower():
        if not unicodedata.category(char).startswith("P") and char not in string.punctuation:
            kept += char
    if language == "ar":
        kept = kept.replace("ال", " ")
    articles = ARTICLES.get(language, "").split()
    runs = ("".join(run) for _, run in groupby(kept, str.isalnum))
    kept = "".join(" " if run in articles else run for run in runs)
    tokens, word = [], ""
    for char in kept:
        han = language == "zh" and "\u4e00" <= char <= "\u9fa5"
        if han or char.isspace():
            tokens += [word] if word else []
            word = ""
            tokens += [char] if han else []
        else:
            word += char
    return [*tokens, word] if word else tokens


def shared(said: list[str], wanted: list[str]) -> int:
    left = list(wanted)
    for token in said:
        if token in left:
            left.remove(token)
    return len(wanted) - len(left)


words = st.sampled_from(
    ["the ", "der ", "des", "los ", "una ", "la ", "của ", "là", "ال", "قال ", "北", "京2", "x ", "y."]
)
answers = st.lists(words, max_size=5).map("".join) | st.text(
    st.sampled_from("aAtheé dieالв北京龦ิ、。«»'-+$€  \u00a0\n12ß家x\u0301"), max_size=14
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(LANGUAGES), answers, st.lists(answers, min_size=1, max_size=3))
def test_any_answers(language: str, prediction: str, golds: list[str]) -> None:
    said = letter_by_letter(prediction, language)
    assert normalise(prediction, language).split() == said
    wanted = [letter_by_letter(gold, language) for gold in golds]
    best = max(2 * shared(said, gold) / (len(said) + len(gold) or 1) for gold in wanted)
    assert metrics.get("mlqa_f1").score([prediction], [golds], language) == pytest.approx(100 * best)
    assert metrics.get("mlqa_em").score([prediction], [golds], language) == 100.0 * (said in wanted)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LANGUAGES), st.lists(st.lists(answers, min_size=1, max_size=3), min_size=1, max_size=4))
def test_gold_itself(language: str, golds: list[list[str]]) -> None:
    first = [texts[0] for texts in golds]
    assert metrics.get("mlqa_em").score(first, golds, language) == 100.0
    with_tokens = sum(bool(letter_by_letter(text, language)) for text in first)
    assert metrics.get("mlqa_f1").score(first, golds, language) == pytest.approx(100 * with_tokens / len(golds))
