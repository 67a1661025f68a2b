"""Views of rows: words in other tokens or translations, and the places of tokens in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.objectives_of import toy_rewriter, toy_tokenizer

from layover.data.synonyms import read_dictionary
from layover.data.tokenizer import Tokenizer
from layover.data.views import Rewriter, SubwordSampling, Translation
from layover.errors import DataError, ModelError
from layover.stable_random import StableRandom

TOKENIZER = toy_tokenizer()
TEXT = "abc fade bed cab ace"


def row(tokenizer: Tokenizer, text: str) -> np.ndarray:
    return tokenizer.row(tokenizer.pieces([text])[text].ids)[0]


def named(*numbers: int) -> StableRandom:
    return StableRandom(tuple(map(str, numbers)))


def cut_of(sampling: SubwordSampling) -> Callable[[int], tuple[np.ndarray, Any]]:
    """Return what cuts a word at random, by a number."""

    def cut(number: int) -> tuple[np.ndarray, Any]:
        drawn = sampling("▁abcdef", named(7, number))
        assert drawn is not None
        return drawn

    return cut


def words(tokenizer: Tokenizer, ids: np.ndarray) -> list[str]:
    return "".join(tokenizer.tokens[int(token)] for token in ids if int(token) not in tokenizer.special).split("▁")


@pytest.mark.parametrize("number", range(20))
def test_a_view_has_the_same_words_and_special_tokens(number: int) -> None:
    ids = row(TOKENIZER, TEXT)
    view = toy_rewriter().view(ids, 1, 2, number)
    assert words(TOKENIZER, view.ids) == words(TOKENIZER, ids)
    assert (view.ids[0], view.ids[-1]) == (ids[0], ids[-1])
    assert len(view.origins) == len(view.ids)
    assert len(view.places) == len(ids)
    assert view.places[0] == 0
    assert view.places[-1] == len(view.ids) - 1


def test_the_place_of_a_token_holds_its_first_character() -> None:
    ids = row(TOKENIZER, TEXT)
    for number in range(50):
        view = toy_rewriter().view(ids, 1, 2, number)

        def begins(tokens: np.ndarray) -> list[int]:
            texts = [TOKENIZER.tokens[int(token)] for token in tokens[1:-1]]
            return [0, *np.cumsum([len(text) for text in texts])[:-1].tolist()]

        own, new = begins(ids), begins(view.ids)
        ends = [*new[1:], sum(len(TOKENIZER.tokens[int(token)]) for token in view.ids[1:-1])]
        for begin, place in zip(own, view.places[1:-1], strict=True):
            assert new[place - 1] <= begin < ends[place - 1]
        own_ends = [*own[1:], ends[-1]]
        for begin, origin in zip(new, view.origins[1:-1], strict=True):
            assert own[origin - 1] <= begin < own_ends[origin - 1]


def test_views_depend_on_seed_step_and_row_alone() -> None:
    ids, rewriter = row(TOKENIZER, TEXT), toy_rewriter()
    views = [rewriter.view(ids, *at).ids.tolist() for at in ((1, 2, 3), (1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4))]
    assert views[0] == views[1] == toy_rewriter().view(ids, 1, 2, 3).ids.tolist()
    assert len({tuple(view) for view in views}) > 2


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_the_share_of_words_is_rewritten(share: float) -> None:
    """The word has ten cuts or more of equal weight with a tiny exponent, so that nearly every drawn word changes."""
    ids = row(TOKENIZER, " ".join(["abcdef"] * 10))
    sampling = SubwordSampling(TOKENIZER, 1e-6)
    rewriter = Rewriter(TOKENIZER, sampling, share, 500)
    own = [tuple(part) for part in np.split(ids[1:-1], 10)]
    changed = words_in = 0
    for number in range(100):
        view = rewriter.view(ids, 0, 0, number)
        starts = [int(view.places[1 + place * len(own[0])]) for place in range(10)]
        for start, end, before in zip(starts, [*starts[1:], len(view.ids) - 1], own, strict=True):
            changed += tuple(view.ids[start:end].tolist()) != tuple(int(token) for token in before)
            words_in += 1
    chance = np.mean([tuple(cut[0].tolist()) != own[0] for cut in map(cut_of(sampling), range(500))])
    assert changed / words_in == pytest.approx(share * chance, abs=0.05)
    assert toy_rewriter(share=1e-6).view(ids, 0, 0, 0).ids.tolist() == ids.tolist()


def test_cuts_have_the_probabilities_of_their_tokens() -> None:
    """`▁ab` is one token of score -2.3, or `▁a` and `b` with -2.2 - 2.1; with an exponent of 0.5 the ratio is e."""
    sampling = SubwordSampling(TOKENIZER, 0.5)
    cuts: Counter[tuple[int, ...]] = Counter()
    for number in range(4000):
        drawn = sampling("▁ab", named(5, 0, number))
        assert drawn is not None
        cuts[tuple(drawn[0].tolist())] += 1
    token = {text: number for number, text in TOKENIZER.tokens.items()}
    whole, parts = (token["▁ab"],), (token["▁a"], token["b"])
    assert set(cuts) == {whole, parts}
    assert cuts[whole] / cuts[parts] == pytest.approx(np.exp(0.5 * (-2.3 + 2.2 + 2.1)), rel=0.1)


def test_a_view_is_not_longer_than_the_encoder_reads() -> None:
    ids = row(TOKENIZER, TEXT)
    longer = [len(toy_rewriter().view(ids, 0, 0, number).ids) for number in range(100)]
    limited = [len(toy_rewriter(longest=len(ids) + 1).view(ids, 0, 0, number).ids) for number in range(100)]
    assert max(longer) > len(ids) + 1
    assert max(limited) == len(ids) + 1


def test_a_translation_takes_the_place_of_its_word(tmp_path: Path) -> None:
    file = tmp_path / "en-xx.txt"
    file.write_text("ABC  fed\nabc bad\nbed ace\n", encoding="utf-8")
    table = read_dictionary(file)
    assert table == {"abc": ("fed", "bad"), "bed": ("ace",)}
    rewriter = Rewriter(TOKENIZER, Translation(TOKENIZER, table), 1.0, 60)
    seen = set()
    for number in range(40):
        ids = row(TOKENIZER, TEXT)
        view = rewriter.view(ids, 0, 0, number)
        first, *rest = words(TOKENIZER, view.ids)[1:]
        seen.add(first)
        assert rest == ["fade", "ace", "cab", "ace"]
        texts = [TOKENIZER.tokens[int(view.ids[place])] for place in view.places]
        assert texts[1].startswith("▁")
    assert seen == {"fed", "bad"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("a b\nc\n", "d.txt:2: the line has 1 words"), ("a b c\nd\n", "d.txt:1: .* 3 words.*d.txt:2"), ("\n", "no lines")],
)
def test_a_wrong_dictionary_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "d.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        read_dictionary(file)
    with pytest.raises(DataError, match="there is no such file"):
        read_dictionary(tmp_path / "absent.txt")
    file.write_bytes(b"\xff\xfe a")
    with pytest.raises(DataError, match="UTF-8"):
        read_dictionary(file)


def test_another_kind_of_tokenizer_is_refused() -> None:
    from layover.data.tokenizer import stand_in

    with pytest.raises(ModelError, match="unigram tokenizer, as XLM-R's, but this one is WordLevel"):
        SubwordSampling(stand_in(), 0.3)
    with pytest.raises(ModelError, match="this one is WordLevel"):
        Rewriter(stand_in(), SubwordSampling(TOKENIZER, 0.3), 0.3, 60)


@pytest.mark.data
@pytest.mark.parametrize("text", ["An example, with words.", "एक उदाहरण शब्दों के साथ", "一个没有空格的例子。", "ตัวอย่าง"])
def test_views_of_rows_of_xlmr_have_the_same_text(data_root: Path, text: str) -> None:
    tokenizer = Tokenizer.load(data_root / "xlmr_tokenizer")
    ids = row(tokenizer, text)
    rewriter = Rewriter(tokenizer, SubwordSampling(tokenizer, 0.1), 1.0, 512)
    views = [rewriter.view(ids, 0, 0, number) for number in range(10)]
    assert {tuple(words(tokenizer, view.ids)) for view in views} == {tuple(words(tokenizer, ids))}
    assert len({tuple(view.ids.tolist()) for view in views}) > 2


@pytest.mark.data
@pytest.mark.parametrize(("word", "alpha"), [("▁international", 0.6), ("▁unbelievable", 0.3), ("▁международный", 0.5)])
def test_cuts_have_the_probabilities_of_sentencepiece(data_root: Path, word: str, alpha: float) -> None:
    """Held to the library whose sampling the papers used; it draws from all cuts with `nbest_size=-1`."""
    import sentencepiece

    folder = data_root / "xlmr_tokenizer"
    tokenizer = Tokenizer.load(folder)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.bpe.model"))
    count, sampling = 4000, SubwordSampling(tokenizer, alpha)
    text = word.removeprefix("▁")
    drawn = Counter(
        tuple(theirs.encode(text, out_type=str, enable_sampling=True, alpha=alpha, nbest_size=-1)) for _ in range(count)
    )
    ours: Counter[tuple[str, ...]] = Counter()
    for number in range(count):
        cut = sampling(word, named(number))
        assert cut is not None
        ours[tuple(tokenizer.tokens[int(token)] for token in cut[0])] += 1
    assert mean_length(ours) == pytest.approx(mean_length(drawn), rel=0.05), "tokens of a cut"
    frequent = [cut for cut, times in drawn.items() if times > 40]
    assert frequent
    for cut in frequent:
        assert ours[cut] / count == pytest.approx(drawn[cut] / count, abs=0.03), cut


def mean_length(cuts: Counter[tuple[str, ...]]) -> float:
    """Return the mean number of tokens of a cut."""
    return sum(len(cut) * times for cut, times in cuts.items()) / cuts.total()
