"""Perturbations: what every one of them keeps, how many words change, and what each does."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover import perturbations
from layover.errors import LayoverError
from layover.perturbations import Perturber
from layover.perturbations._graphemes import graphemes
from layover.perturbations._keyboards import _LAYOUTS, neighbours
from layover.perturbations._perturber import spoken
from layover.perturbations._split import is_word, words_of

NAMES = perturbations.names()
TEXTS = {
    "en": "Yesterday, Amina's well-known brother bought 3.5 kilos of rice (and beans) at the old market.",
    "de": "Die größte Brücke über den Fluß wurde früher täglich geöffnet; heute ist sie geschlossen!",
    "ru": "Вчера моя сестра купила большую красную книгу, а потом читала её в саду.",
    "ar": "ذهبت أختي إلى السوق القديم، ثم اشترت كتابا كبيرا وعادت إلى البيت.",
    "hi": "मेरी बहन कल पुराने बाज़ार में क्षत्रिय की किताब ख़रीदने गई थी।",
    "th": "เมื่อวานนี้น้องสาวของฉันซื้อหนังสือเล่มใหญ่ที่ตลาดเก่าแล้วกลับบ้าน",
    "zh": "昨天我的妹妹在老市场买了一本很大的红色的书，然后回家了。",
    "ja": "昨日、妹は古い市場でコンピューターの本を買って、家に帰りました。",
    "ko": "어제 내 여동생은 오래된 시장에서 큰 책을 샀다.",
    "tr": "Kız kardeşim dün İstanbul'daki eski ışıklı çarşıdan büyük bir kitap aldı.",
}
CASED = {"en", "de", "ru", "tr"}
EMOJI = ("👩‍👩‍👧‍👦", "🇰🇪", "👍🏽", "❤️")


def perturber(label: str, language: str = "en", seed: int = 1) -> Perturber:
    return Perturber(perturbations.of(label), seed, language)


def many(language: str, count: int = 300) -> list[str]:
    """Return texts of words of a language in random order."""
    drawn = random.Random(language)  # noqa: S311
    text = TEXTS[language]
    words = [text[word.start : word.end] for word in words_of(text)]
    between = "" if language in ("th", "zh", "ja") else " "
    return [between.join(drawn.choices(words, k=20)) + "." for _ in range(count)]


def test_there_are_four() -> None:
    assert NAMES == ("case", "punctuation", "typos", "words")


@pytest.mark.parametrize("percent", perturbations.PERCENTS)
@pytest.mark.parametrize("name", NAMES)
def test_the_rate_is_reached(name: str, percent: int) -> None:
    words = changes = 0
    for language in TEXTS:
        by, texts = perturber(f"{name}-{percent}", language), many(language, 60)
        changed = [by.text("first", text) for text in texts]
        if name == "case" and language not in CASED:
            assert (by.words, changed) == (0, texts)
            continue
        assert by.words >= 600, language
        assert by.changed / by.words == pytest.approx(percent / 100, rel=0.5), language
        words, changes = words + by.words, changes + by.changed
    assert changes / words == pytest.approx(percent / 100, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_every_change_is_seen(name: str) -> None:
    for text in [*TEXTS.values(), *many("en", 50)]:
        by = perturber(f"{name}-20")
        assert (by.text("first", text) != text) == (by.changed > 0), text


@pytest.mark.parametrize("name", ["case", "punctuation", "typos"])
def test_a_higher_rate_changes_the_same_words_and_more(name: str) -> None:
    """The words that a rate selects are a part of those of a higher rate."""
    counts = []
    for percent in perturbations.PERCENTS:
        by = perturber(f"{name}-{percent}")
        counts.append([by.text("first", text) == text for text in many("en", 200)])
    for low, high in pairwise(counts):
        assert not any(same_high and not same_low for same_low, same_high in zip(low, high, strict=True))


@pytest.mark.parametrize("label", [f"{name}-20" for name in NAMES])
def test_seed_language_field_and_text_decide(label: str) -> None:
    texts = many("en", 30)
    first = [perturber(label).text("first", text) for text in texts]
    one_by_one = perturber(label)
    assert [one_by_one.text("first", text) for text in reversed(texts)] == first[::-1], "the order is of no effect"
    assert [perturber(label, seed=2).text("first", text) for text in texts] != first
    assert [perturber(label, "sw").text("first", text) for text in texts] != first
    assert [perturber(label).text("second", text) for text in texts] != first


EXPECTED = "849fd61e59a1"
"""The first digits of the hash of what all perturbations make of all texts."""


def fingerprint() -> str:
    made = [
        perturber(f"{name}-20", language, seed).text("first", text)
        for name in NAMES
        for language, text in TEXTS.items()
        for seed in range(5)
    ]
    return hashlib.sha256("\n".join(made).encode()).hexdigest()


def test_the_same_texts_on_every_machine_and_in_every_process() -> None:
    assert fingerprint()[:12] == EXPECTED, "results were kept under other texts: raise `version` of what changed"
    program = "from tests.perturbations.test_perturbations import fingerprint; print(fingerprint())"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        told = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == fingerprint()


@pytest.mark.parametrize("text", ["", " ", "\n\t", "...", "👍🏽", "?!", "— «»"])
@pytest.mark.parametrize("name", NAMES)
def test_a_text_without_words_stays(name: str, text: str) -> None:
    for seed in range(20):
        assert perturber(f"{name}-20", seed=seed).text("first", text) == text


@pytest.mark.parametrize("text", ["a", "Hello", "你", "क्ष", "ที่", "é", "7", "I?", "好。", " word "])
@pytest.mark.parametrize("name", NAMES)
def test_one_word_never_disappears(name: str, text: str) -> None:
    changed = {perturber(f"{name}-20", seed=seed).text("first", text) for seed in range(60)}
    assert all(words_of(each) for each in changed)
    assert text in changed


@pytest.mark.parametrize("name", NAMES)
def test_short_texts_keep_a_word(name: str) -> None:
    for seed in range(400):
        for text in ("a b", "yes, no", "你好。", "one two three"):
            assert words_of(perturber(f"{name}-20", seed=seed).text("first", text))


@pytest.mark.parametrize("name", NAMES)
def test_graphemes_are_never_split(name: str) -> None:
    """No part of an emoji, a flag or a letter with marks stands alone."""
    text = f"{EMOJI[0]} नमस्ते क्षत्रिय{EMOJI[1]} e\u0301te\u0301 {EMOJI[2]} ที่นี่เก่ง {EMOJI[3]} स्कूल में"
    whole = {*graphemes(text)}
    for seed in range(100):
        changed = perturber(f"{name}-20", seed=seed).text("first", text)
        for emoji in EMOJI:
            assert changed.count(emoji) == text.count(emoji)
        signs = set(",.;?!।") if name == "punctuation" else set()
        latin = {letter for part in ("e", "t") for letter in neighbours(part)} | {"É", "T", "t", "e\u0301", "E\u0301"}
        assert {*graphemes(changed)} <= whole | signs | latin


def test_graphemes() -> None:
    assert graphemes("".join(EMOJI)) == list(EMOJI)
    assert graphemes("क्षत्रिय") == ["क्ष", "त्रि", "य"]
    assert graphemes("เก่ง ที่นี่ น้ำ") == ["เก่", "ง", " ", "ที่", "นี่", " ", "น้ำ"]
    assert graphemes("e\u0301\r\na") == ["e\u0301", "\r\n", "a"]
    assert graphemes("\u1112\u1161\u11ab글") == ["\u1112\u1161\u11ab", "글"]
    assert graphemes("🇰🇪🇹🇿") == ["🇰🇪", "🇹🇿"]


@given(st.text())
def test_graphemes_joined_are_the_text(text: str) -> None:
    assert "".join(graphemes(text)) == text
    for word in words_of(text):
        assert is_word(text[word.start : word.end])


def test_words() -> None:
    def split(text: str) -> list[str]:
        return [text[word.start : word.end] for word in words_of(text)]

    assert split("“Don't!” (3.5) well-known… a.b://c") == ["Don't", "3.5", "well-known", "a.b", "c"]
    assert split("我在GDP大学看3部电影。") == ["我在", "GDP", "大学", "看", "3", "部电", "影"]
    assert split("私はコンピューターを使います") == ["私", "は", "コンピューター", "を", "使", "いま", "す"]
    assert split("กรุงเทพ") == ["กรุง", "เทพ"]
    assert [word.spaced for word in words_of("a 我")] == [True, False]


MIXED = st.text(st.sampled_from("abz ,.?éñпвعب人好กที่เक्षित 😀👍🏽\u0301\u200d3'"), max_size=60)


@pytest.mark.parametrize("name", NAMES)
@given(text=MIXED, seed=st.integers(0, 50), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_spans_stay_and_their_places_move(name: str, text: str, seed: int, cuts: list[int]) -> None:
    places = sorted(min(cut, len(text)) for cut in cuts)
    spans = [(start, end) for start, end in zip(places[::2], places[1::2], strict=False) if start < end]
    changed, starts = perturber(f"{name}-20", seed=seed).around("context", text, spans)
    assert len(starts) == len(spans)
    for (start, end), moved in zip(spans, starts, strict=True):
        assert changed[moved : moved + end - start] == text[start:end]
    assert starts == sorted(starts)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_text_that_is_gold_stays(name: str) -> None:
    for text in TEXTS.values():
        by = perturber(f"{name}-20")
        assert by.around("context", text, [(0, len(text))]) == (text, [0])
        assert (by.words, by.changed) == (0, 0)


@pytest.mark.parametrize("name", NAMES)
def test_entities_stay_and_are_never_joined(name: str) -> None:
    """Kept words are all there, in their order, and two entities with a word between them have one between them."""
    tokens = ["Adam", "and", "Eva", "met", "soon", "Ali", ",", "who", "saw", "old", "Asha", "."]
    kept = [token[0].isupper() for token in tokens]
    seen = set[str]()
    for seed in range(300):
        changed = perturber(f"{name}-20", seed=seed).tokens(tokens, kept)
        assert [tokens[source] for source, word in changed if kept[source]] == ["Adam", "Eva", "Ali", "Asha"]
        assert all(tokens[source] == word for source, word in changed if kept[source])
        assert all(word and not word.isspace() for _, word in changed)
        beside = pairwise(changed)
        assert not any(kept[before] and kept[after] for (before, _), (after, _) in beside)
        seen.add(" ".join(word for _, word in changed))
    assert len(seen) > 50


@pytest.mark.parametrize("name", NAMES)
def test_only_words_deletes_moves_or_repeats(name: str) -> None:
    tokens = TEXTS["de"].split()
    for seed in range(50):
        changed = perturber(f"{name}-20", seed=seed).tokens(tokens, [False] * len(tokens))
        if name != "words":
            assert [source for source, _ in changed] == list(range(len(tokens)))
        else:
            assert all(tokens[source] == word for source, word in changed)


def test_typos_are_five_operations() -> None:
    made = {perturber("typos-20", seed=seed).text("first", "stone") for seed in range(3000)} - {"stone"}
    lengths = Counter(len(word) for word in made)
    assert set(lengths) == {4, 5, 6}
    assert {"tone", "stoen", "sstone"} <= made
    assert {f"st{key}ne" for key in neighbours("o")} <= made, "a key beside o"
    assert {f"sto{key}ne" for key in neighbours("o")} <= made


def test_a_typo_without_a_known_keyboard_is_of_the_same_script() -> None:
    text = "बाज़ार abc किताब"
    for seed in range(300):
        changed = perturber("typos-20", seed=seed).text("first", text)
        latin = "".join(part for part in changed if part.isascii()).split()
        assert len(latin) == 1, changed


def test_keyboards() -> None:
    assert set(neighbours("g")) == set("fhtyvb")
    assert set(neighbours("G")) == set("FHTYVB")
    assert neighbours("ह") == neighbours("好") == ()
    letters = {letter for rows in _LAYOUTS for row in rows for letter in row if letter != " "}
    assert all(letter in neighbours(other) for letter in letters for other in neighbours(letter))


def test_words_deletes_swaps_and_repeats_with_clean_spaces() -> None:
    made = {perturber("words-20", seed=seed).text("first", "the old, red house.") for seed in range(400)}
    assert {"old, red house.", "the red, old house.", "the old, red red house.", "the old, red."} <= made
    assert not any("  " in text or text != text.strip() for text in made)


def test_a_script_without_spaces_gets_none() -> None:
    for language in ("zh", "th", "ja"):
        for seed in range(30):
            assert " " not in perturber("words-20", language, seed).text("first", TEXTS[language])


def test_case_knows_the_turkish_letters() -> None:
    assert {perturber("case-20", "tr", seed).text("first", "ışık İzmir iyi") for seed in range(300)} >= {
        "IŞIK İzmir iyi",
        "ışık İZMİR iyi",
        "ışık izmir iyi",
        "ışık İzmir İyi",
    }


def test_case_keeps_the_letters() -> None:
    for language in CASED:
        for seed in range(30):
            changed = perturber("case-20", language, seed).text("first", TEXTS[language])
            fold = [text.casefold().replace("i̇", "i").replace("ı", "i") for text in (changed, TEXTS[language])]
            assert fold[0] == fold[1]


def test_punctuation_keeps_the_words() -> None:
    def letters(text: str) -> str:
        return "".join(part for part in text if is_word(part) or part.isspace())

    signs = Counter[str]()
    for language, text in TEXTS.items():
        for seed in range(40):
            changed = perturber("punctuation-20", language, seed).text("first", text)
            assert letters(changed) == letters(text)
            signs.update(f"{language}{sign}" for sign in set(changed) - set(text))
    assert {"ar؛", "ar؟", "zh？", "ja？", "en?", "hi?"} <= set(signs)


def test_an_unknown_label_has_the_nearest() -> None:
    assert perturbations.of("typos-10").label == "typos-10"
    for wrong, nearest in (("typo-10", "typos-10"), ("typos-15", "typos-5"), ("words", "words-5")):
        with pytest.raises(LayoverError, match=f"'{wrong}' is no perturbation; did you mean '{nearest}'"):
            perturbations.of(wrong)


@pytest.mark.parametrize("label", perturbations.labels())
def test_a_canonical_form_is_read_back(label: str) -> None:
    made = perturbations.of(label)
    assert made.canonical() == {"name": made.name, "version": 1, "percent": made.percent}
    assert perturbations.parse(made.canonical()) == made  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="version 2 of"):
        perturbations.parse({**made.canonical(), "version": 2})


def test_the_texts_of_a_pair_have_their_own_languages() -> None:
    """Turkish has a dotted and a dotless i; a pair of languages must not lose it."""
    for language, field, expected in (
        ("tr-en", "first", "tr"),
        ("tr-en", "second", "en"),
        ("de-tr", "context", "de"),
        ("de-tr", "question", "tr"),
        ("pt-BR", "first", "pt-BR"),
        ("tr", "second", "tr"),
    ):
        assert spoken(language, field) == expected
    texts = {
        side: Perturber(perturbations.of("case-20"), 1, language).text(side, "istanbul ilinde iyi bir iz " * 20)
        for side, language in (("first", "tr-en"), ("second", "en-tr"))
    }
    for text in texts.values():
        assert "İ" in text
        assert "I" not in text
