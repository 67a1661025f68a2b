"""Schemes of tags: found from label sets, refused where they are ambiguous, and held to spans and to seqeval itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, IOE1, IOE2, Token

from layover import kinds, metrics, tasks
from layover.errors import DataError
from layover.metrics._detect import UPOS, detect
from layover.metrics._metric import Rules
from layover.metrics._scheme import LETTERS, Scheme

Spans = list[tuple[int, int, str]]
"""(first word, word after the last, type), from left to right."""

FOUND = [
    ("O B-PER I-PER B-LOC I-LOC", Scheme("iob2", ("O",), "-")),
    ("O I-PER I-LOC", Scheme("iob1", ("O",), "-")),
    ("O B-PER B-LOC", Scheme("iob2", ("O",), "-")),
    ("O B-PER I-LOC", Scheme("iob2", ("O",), "-")),
    ("O I-PER E-PER", Scheme("ioe2", ("O",), "-")),
    ("O B-PER I-PER E-PER S-PER", Scheme("bioes", ("O",), "-")),
    ("O B-PER I-PER S-LOC", Scheme("bioes", ("O",), "-")),
    ("O B-PER I-PER L-PER U-PER", Scheme("bilou", ("O",), "-")),
    ("O B-PER M-PER E-PER W-PER", Scheme("bmewo", ("O",), "-")),
    ("O B-PER M-PER E-PER S-PER", Scheme("bmes", ("O",), "-")),
    ("O BEGIN-PER INSIDE-PER", Scheme("iob2", ("O",), "-")),
    # other spellings
    ("O B_PER I_PER B_LOC I_LOC", Scheme("iob2", ("O",), "_")),
    ("O B_PER I_LOC", Scheme("iob2", ("O",), "_")),
    ("O B:PER I:PER", Scheme("iob2", ("O",), ":")),
    ("o b-per i-per", Scheme("iob2", ("o",), "-")),
    ("o b_per i_per", Scheme("iob2", ("o",), "_")),
    ("O PER-B PER-I LOC-B", Scheme("iob2", ("O",), "-", suffix=True)),
    ("O PER_B PER_I PER_E PER_S", Scheme("bioes", ("O",), "_", suffix=True)),
    ("o per-u per-b per-l", Scheme("bilou", ("o",), "-", suffix=True)),
    # types that hold the separator, or look like a letter
    ("O B-GPE-LOC I-GPE-LOC", Scheme("iob2", ("O",), "-")),
    ("O GPE-LOC-B GPE-LOC-I", Scheme("iob2", ("O",), "-", suffix=True)),
    ("O B-geo_loc I-geo_loc", Scheme("iob2", ("O",), "-")),
    ("O B_geo-loc I_geo-loc", Scheme("iob2", ("O",), "_")),
    ("O B-I I-I", Scheme("iob2", ("O",), "-")),
    # outside written otherwise, or nowhere
    ("OUT B-PER I-PER", Scheme("iob2", ("OUT",), "-")),
    ("_ B_PER I_PER", Scheme("iob2", ("_",), "_")),
    ("_ B-PER I-LOC", Scheme("iob2", ("_",), "-")),
    ("o B-PER I-LOC", Scheme("iob2", ("o",), "-")),
    ("- B-PER I-PER", Scheme("iob2", ("-",), "-")),
    ("0 B-PER I-PER", Scheme("iob2", ("0",), "-")),
    ("B-NP I-NP B-VP I-VP", Scheme("iob2", (), "-")),
    # letters alone
    ("O BEG-PER IN-PER", Scheme("iob2", ("O",), "-", False, "BEG-PER")),
    ("O begin_per in_per", Scheme("iob2", ("O",), "_", False, "begin_per")),
    ("O PER:BEG PER:IN", Scheme("iob2", ("O",), ":", True, "PER:BEG")),
    ("O B I", Scheme("iob2", ("O",))),
    ("o b i", Scheme("iob2", ("o",))),
    ("B I", Scheme("iob2")),
    ("B M E S", Scheme("bmes")),
    ("O B I E S", Scheme("bioes", ("O",))),
    ("O B I L U", Scheme("bilou", ("O",))),
    ("O BEGIN INSIDE", Scheme("iob2", ("O",))),
    ("o begin middle end single", Scheme("bmes", ("o",))),
    ("B M E W", Scheme("bmewo")),
    ("O I", Scheme("iob1", ("O",))),
    # bare classes
    ("O ORG PER", Scheme("io", ("O",))),
    ("O EVENT ORDINAL OBJ", Scheme("io", ("O",))),
    ("O E PER", Scheme("io", ("O",))),
    ("O E", Scheme("io", ("O",))),
    ("O S", Scheme("io", ("O",))),
    ("o per org", Scheme("io", ("o",))),
    ("OUT PER ORG", Scheme("io", ("OUT",))),
    ("0 PER ORG", Scheme("io", ("0",))),
    ("O E-mail Phone", Scheme("io", ("O",))),
    ("O bird insect", Scheme("io", ("O",))),
    ("O bird ink", Scheme("io", ("O",))),
    ("O PERSON ORG", Scheme("io", ("O",))),
    ("O Bar Inn", Scheme("io", ("O",))),
    ("O bus is", Scheme("io", ("O",))),
    ("O club alibi", Scheme("io", ("O",))),
    ("O Bran Iran Ukraine Congo", Scheme("io", ("O",))),  # not every one begins like a tag
    ("O in-law friend", Scheme("io", ("O",))),
    ("NN VB IN", Scheme("bare")),
    ("O VITAMIN-B VITAMIN-C", Scheme("io", ("O",))),
    ("PER ORG LOC", Scheme("bare")),
    ("ORG OBJ EVENT", Scheme("bare")),
    ("NN VB . , -LRB- PRP$ SYM EX", Scheme("bare")),
    ("A AP B BN CC E EA I N S SP V X", Scheme("bare")),
    (r"S\NP N NP N/N . (S\NP)/NP S/S", Scheme("bare")),
    ("N------S1D S--------- I--------- A-----FS1D", Scheme("bare")),
    ("NOUN VERB PUNCT X SYM", Scheme("xtreme")),
    ("NOUN VERB PUNCT X SYM _", Scheme("xtreme")),
    ("NOUN VERB O", Scheme("xtreme", ("O",))),
]
AMBIGUOUS = [
    ("O B-PER I-PER MISC", "'MISC' has not; correct them, write every tag outside spans in `outside`", "`scheme: io`"),
    ("B-PER I-PER MISC", "'MISC' has not; correct them, write every tag outside spans in `outside`", "`scheme: bare`"),
    ("O _ B-PER I-PER", "'_' has not", "`outside`"),
    ("O B-PER I-PER X", "'X' has not", "`outside`"),
    ("O B-PER I_PER", "'I_PER' has not", "correct them"),
    ("O B-PER I-PER E-PER L-PER", "letters of several schemes", "`scheme: io`"),
    ("O B-PER I-PER W-PER", "letters of several schemes", "`scheme: io`"),
    ("O B-cell T-cell", "'T-cell' has not", "`scheme: io`"),
    ("O S-PER S-LOC", "but may be a class", "`scheme: bioes`"),
    ("o i_phone e_mail", "but may be a class", "`scheme: ioe2`"),
    ("O BPER IPER", "without a separator", "`scheme: io`"),
    ("O bper iper", "'bper' and 'iper' may be a letter and a type without a separator", "`scheme: io`"),
    ("O PERB PERI", "'PERB' and 'PERI' may be a letter and a type without a separator", "`scheme: io`"),
    ("O perb peri locb", "'perb' and 'peri' may be a letter and a type without a separator", "`scheme: io`"),
    ("bper iper", "without a separator", "`scheme: bare`"),
    ("O b-per b-loc misc", "'misc' has not", "`scheme: io`"),
    ("O i_per misc", "'misc' has not", "`scheme: io`"),
    ("O B-I", "before or after the type", "`scheme: io`"),
    ("O B", "but may be a class", "`scheme: iob2`"),
    ("O S B", "but may be a class", "`scheme: io`"),
    ("B E", "but may be a class", "`scheme: bare`"),
    ("B M O", "but may be a class", "`scheme: io`"),
    ("O BEGIN", "but may be a class", "`scheme: io`"),
    ("_ PER ORG", "'_' may be outside every span, or a class", "write every tag outside spans in `outside`"),
    ("none PER ORG", "'none' may be outside every span, or a class", "`scheme: bare`"),
    ("0 1 2", "'0' may be outside every span, or a class", "`scheme: bare`"),
    ("O o PER", "'O' and 'o' may all be outside every span", "write every tag outside spans in `outside`"),
    ("O _ PER", "'O' and '_' may all be outside every span", "write every tag outside spans in `outside`"),
]


@pytest.mark.parametrize(("labels", "scheme"), FOUND)
def test_the_scheme_of_a_label_set(labels: str, scheme: Scheme) -> None:
    assert detect(labels.split()) == scheme
    assert detect(reversed(labels.split())) == scheme, "the order of the labels decides nothing"


@pytest.mark.parametrize(("labels", "reason", "setting"), AMBIGUOUS)
def test_what_is_ambiguous_is_refused_and_the_setting_named(labels: str, reason: str, setting: str) -> None:
    with pytest.raises(DataError) as raised:
        detect(labels.split())
    assert "can be read in more than one way" in str(raised.value)
    assert reason in str(raised.value)
    assert setting in str(raised.value)


def test_whatever_is_found_has_a_place_for_every_label() -> None:
    """Of thousands of odd label sets, each is read or refused, and what is read is read whole."""
    chance, read = chances("sets"), 0
    odd = [
        "",
        "O",
        "o",
        "_",
        "-",
        "0",
        "OUT",
        "B",
        "I",
        "E",
        "S",
        "M",
        "W",
        "U",
        "B-",
        "-B",
        "--",
        ":",
        "-LRB-",
        "BPER",
    ]
    odd += [
        "B-PER",
        "I-PER",
        "E_X",
        "B_X",
        "I_X",
        "X-B",
        "X-I",
        "L-PER",
        "U-PER",
        "W-PER",
        "a:B",
        "PER",
        "NOUN",
        "IPER",
    ]
    for _ in range(5000):
        labels = chance.sample(odd, chance.randint(1, 6))
        declared = chance.choice([None, None, None, "iob2", "bioes", "bilou", "io", "bare", "xtreme"])
        outside = chance.choice([None, None, None, labels[:1], []])
        try:
            scheme = detect(labels, scheme=declared, outside=outside)
        except DataError:
            continue
        read += 1
        canonical = [scheme.canonical(label) for label in labels]
        assert all(tag == "O" or tag[1] == "-" for tag in canonical if scheme.name != "xtreme"), labels
        assert {label for label, tag in zip(labels, canonical, strict=True) if tag == "O"} <= set(scheme.outside)
    assert read > 1000


def test_a_declared_scheme_decides() -> None:
    mixed = ["O", "B-PER", "I-PER", "MISC"]
    assert detect(mixed, scheme="io") == Scheme("io", ("O",))
    assert detect(mixed, scheme="bare") == Scheme("bare")
    assert detect(mixed, outside=["O", "MISC"]) == Scheme("iob2", ("O", "MISC"), "-")
    assert detect(mixed, scheme="iob1", outside=["O", "MISC"]) == Scheme("iob1", ("O", "MISC"), "-")
    assert detect(["O", "S-PER", "S-LOC"], scheme="iobes") == Scheme("bioes", ("O",), "-")
    assert detect(["O", "B"], scheme="iob2") == Scheme("iob2", ("O",))
    assert detect(["_", "PER", "ORG"], scheme="io") == Scheme("io", ("_",))
    assert detect(["_", "PER", "ORG"], outside=["_"]) == Scheme("io", ("_",))
    assert detect(["_", "PER", "ORG"], outside=[]) == Scheme("bare")
    assert detect(["O", "ORG", "PER"], scheme="xtreme") == Scheme("xtreme")
    assert detect(["N", "O", "V"], scheme="bare").canonical("O") != "O", "a pronoun"


@pytest.mark.parametrize(
    ("labels", "scheme", "outside", "message"),
    [
        ("O B-PER I-PER", "bilou2", None, "'bilou2' is not a scheme of tags; did you mean 'bilou'"),
        (
            "O B-PER I-PER MISC",
            "iob2",
            None,
            "'MISC' has none of its letters B, I; write every outside tag in `outside`",
        ),
        ("O B-PER I-PER S-PER", "iob2", None, "'S-PER' has none of its letters"),
        ("O B-PER I_PER", "iob2", None, "do not all have the same form"),
        ("O ORG PER", None, ["OO"], "`outside` contains 'OO', which is not a label"),
        ("PER ORG", "io", None, "have no outside tag; write it in `outside`, or write `scheme: bare`"),
        ("O PER", "bare", ["O"], "`scheme: bare` has no outside tag, but `outside` contains 'O'; write `scheme: io`"),
    ],
)
def test_what_a_declared_scheme_does_not_fit(
    labels: str, scheme: str | None, outside: list[str] | None, message: str
) -> None:
    with pytest.raises(DataError) as raised:
        detect(labels.split(), scheme=scheme, outside=outside)
    assert message in str(raised.value)


def test_a_scheme_says_how_it_reads() -> None:
    assert detect(["O", "B_PER", "I_PER"]).describe() == "IOB2, written as B_PER; outside O"
    assert detect(["B", "M", "E", "S"]).describe() == "BMES, single letters"
    assert detect(["O", "ORG", "PER"]).describe() == "IO: neighbours of one class are one span; outside O"


def test_a_tag_without_a_place_is_refused() -> None:
    scheme = detect(["O", "B_PER", "I_PER"])
    assert scheme.canonical("B_NEW").startswith("B-"), "types are open"
    for tag in ("MISC", "B-PER", "S_PER", "", "_"):
        with pytest.raises(DataError, match="is not in IOB2"):
            scheme.canonical(tag)


# --- spans ---

TYPES = ["PER", "ORG", "geo-loc", "geo_loc"]


def chances(seed: object) -> Random:
    return Random(str(seed))  # noqa: S311 - no secret


def drawn(chance: Random, words: int, *, apart: bool = False) -> Spans:
    """Return random spans of a sentence; `apart`: neighbours of one type have a word between them."""
    spans: Spans = []
    word = 0
    while word < words:
        length = chance.choice([1, 1, 2, 3])
        kind = chance.choice(TYPES)
        close = apart and spans and spans[-1][1] == word and spans[-1][2] == kind
        if chance.random() < 0.5 and word + length <= words and not close:
            spans.append((word, word + length, kind))
            word += length
        else:
            word += 1
    return spans


def lettered(spans: Spans, words: int, scheme: str) -> list[tuple[str, str]]:
    """Return the letter and the type of each word, `O` and nothing outside, as the scheme's authors define it."""
    tags = [("O", "")] * words
    begin, inside, end, single = {
        "bioes": "BIES", "bilou": "BILU", "bmewo": "BMEW", "bmes": "BMES",
        "iob2": "BIIB", "iob1": "IIII", "ioe2": "IIEE", "ioe1": "IIII",
    }[scheme]  # fmt: skip
    for first, after, kind in spans:
        letters = [single] if after - first == 1 else [begin, *[inside] * (after - first - 2), end]
        tags[first:after] = [(letter, kind) for letter in letters]
    for (_, border, kind), (first, _, following) in pairwise(spans):
        if border == first and kind == following:  # where IOB1 and IOE1 need their second letter
            if scheme == "iob1":
                tags[first] = ("B", kind)
            if scheme == "ioe1":
                tags[border - 1] = ("E", kind)
    return tags


def expected(predicted: list[Spans], gold: list[Spans]) -> float:
    """Return F1 in percent, by counting."""
    said = {(number, *span) for number, spans in enumerate(predicted) for span in spans}
    wanted = {(number, *span) for number, spans in enumerate(gold) for span in spans}
    return 200 * len(said & wanted) / (len(said) + len(wanted)) if said & wanted else 0.0


SPELLINGS: dict[str, Callable[[str, str], str]] = {
    "B-PER": lambda letter, kind: f"{letter}-{kind}",
    "B_PER": lambda letter, kind: f"{letter}_{kind}",
    "B:PER": lambda letter, kind: f"{letter}:{kind}",
    "PER-B": lambda letter, kind: f"{kind}-{letter}",
    "PER_B": lambda letter, kind: f"{kind}_{letter}",
    "b-PER": lambda letter, kind: f"{letter.lower()}-{kind}",
}
STRICT: dict[str, type[Token]] = {
    "iob1": IOB1, "iob2": IOB2, "ioe1": IOE1, "ioe2": IOE2, "bioes": IOBES, "bilou": BILOU,
}  # fmt: skip


def alone_before_its_like(name: str, sides: list[list[list[tuple[str, str]]]]) -> bool:
    """Return whether IOE1 marks a span of one word as the end of one, which seqeval's strict mode does not know."""
    lines = [[("O", ""), *line] for side in sides for line in side]
    pairs = [pair for line in lines for pair in pairwise(line)]
    return name == "ioe1" and any(tag[0] == "E" and (last[0] == "E" or last[1] != tag[1]) for last, tag in pairs)


def scored(predictions: list[list[str]], golds: list[list[str]], scheme: Scheme) -> float:
    return metrics.get("seqeval_f1").for_task(Rules(tags=scheme))(predictions, golds, "en")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", ["iob1", "iob2", "ioe1", "ioe2", "bioes", "bilou", "bmewo", "bmes"])
def test_thousands_of_well_formed_sentences(name: str, spelling: str) -> None:
    """The score is that of the spans, and seqeval's strict one where it knows the scheme."""
    chance, write = chances(f"{name} {spelling}"), SPELLINGS[spelling]
    found = detect(labels := ["O", *(write(letter, kind) for letter in LETTERS[name] for kind in TYPES)])
    assert found.alike(detect(labels, scheme=name), labels), "declared and found schemes read the same"
    compared = 0
    for _ in range(60):
        lengths = [chance.randint(1, 9) for _ in range(chance.randint(1, 4))]
        gold = [drawn(chance, words) for words in lengths]
        said = [
            one if chance.random() < 0.4 else drawn(chance, words) for one, words in zip(gold, lengths, strict=True)
        ]
        tags = [
            [lettered(spans, words, name) for spans, words in zip(side, lengths, strict=True)] for side in (said, gold)
        ]
        own = [[[write(*tag) if tag[1] else "O" for tag in line] for line in side] for side in tags]
        assert scored(own[0], own[1], found) == pytest.approx(expected(said, gold))
        if name in STRICT and not alone_before_its_like(name, tags):
            plain = [[[f"{tag[0]}-{tag[1]}" if tag[1] else "O" for tag in line] for line in side] for side in tags]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                strict = f1_score(plain[1], plain[0], mode="strict", scheme=STRICT[name])
            assert scored(own[0], own[1], found) == pytest.approx(100 * float(strict))
            compared += 1
    assert compared > 20 or name not in STRICT


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("name", "letters"), [("iob2", "BI"), ("ioe2", "IE"), ("bioes", "BIES"), ("bilou", "BILU")])
def test_thousands_of_sentences_that_no_scheme_allows(name: str, letters: str, spelling: str) -> None:
    """Whatever a model says is read as seqeval's default mode reads it, L as E and U as S."""
    chance, write = chances(f"{name} {spelling} any"), SPELLINGS[spelling]
    every = [("O", ""), *((letter, kind) for letter in letters for kind in TYPES)]
    scheme = detect([write(*tag) if tag[1] else "O" for tag in every])
    assert scheme.name == name
    for _ in range(60):
        lines = [[chance.choice(every) for _ in range(chance.randint(1, 9))] for _ in range(chance.randint(1, 4))]
        said = [[tag if chance.random() < 0.7 else chance.choice(every) for tag in line] for line in lines]
        own = [[[write(*tag) if tag[1] else "O" for tag in line] for line in side] for side in (said, lines)]
        known = {"L": "E", "U": "S"}
        plain = [
            [[f"{known.get(tag[0], tag[0])}-{tag[1]}" if tag[1] else "O" for tag in line] for line in side]
            for side in (said, lines)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            default = f1_score(plain[1], plain[0])
        assert scored(own[0], own[1], scheme) == pytest.approx(100 * float(default))


def runs(tags: list[str], outside: str | None) -> Spans:
    """Return the runs of equal tags, without those of the outside one."""
    spans: Spans = []
    for word, tag in enumerate(tags):
        if spans and spans[-1][1:] == (word, tag):
            spans[-1] = (spans[-1][0], word + 1, tag)
        else:
            spans.append((word, word + 1, tag))
    return [span for span in spans if span[2] != outside]


@pytest.mark.parametrize(
    "labels",
    [
        "O ORG PER", "O EVENT ORDINAL OBJ OUT_OF", "O E S PER", "o per Org OBJ", "OUT B-side PER", "ORG OBJ EVENT SET",
        "NN VB . , -LRB- PRP$ SYM EX O- ''", r"S\NP N NP N/N . (S\NP)/NP S/S", "A B E I S SP O_",
    ],
)  # fmt: skip
def test_thousands_of_sentences_of_bare_classes(labels: str) -> None:
    """Neighbours of one class are one span, whatever letter it begins with."""
    names = labels.split()
    scheme = detect(names, scheme="io") if names[0] in {"O", "o", "OUT"} else detect(names)
    outside, chance = next(iter(scheme.outside), None), chances(labels)
    for _ in range(200):
        gold = [[chance.choice(names) for _ in range(chance.randint(1, 9))] for _ in range(chance.randint(1, 4))]
        said = [[tag if chance.random() < 0.6 else chance.choice(names) for tag in line] for line in gold]
        wanted = expected([runs(line, outside) for line in said], [runs(line, outside) for line in gold])
        assert scored(said, gold, scheme) == pytest.approx(wanted)


def of_xtreme(tags: list[str]) -> Spans:
    """Return the spans of seqeval 0.0.12 in bare tags: runs, but a tag in S stands alone and one in O is none."""
    return [
        span
        for first, after, tag in runs(tags, None)
        for span in (
            [(word, word + 1, tag) for word in range(first, after)] if tag[0] == "S" else [(first, after, tag)]
        )
        if tag[0] != "O"
    ]


@pytest.mark.parametrize(
    "labels", [sorted(UPOS), [*sorted(UPOS), "_"], ["NOUN", "SYM", "X", "_"], [*sorted(UPOS), "O"]]
)
def test_thousands_of_sentences_of_parts_of_speech(labels: list[str]) -> None:
    scheme, chance = detect(labels), chances(len(labels))
    assert scheme.name == "xtreme"
    for _ in range(400):
        gold = [[chance.choice(labels) for _ in range(chance.randint(1, 9))] for _ in range(chance.randint(1, 4))]
        said = [[tag if chance.random() < 0.6 else chance.choice(labels) for tag in line] for line in gold]
        wanted = expected([of_xtreme(line) for line in said], [of_xtreme(line) for line in gold])
        assert scored(said, gold, scheme) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("predicted", "gold", "f1"),
    [
        ("O O PER", "ORG O PER", 200 / 3),  # one of two spans, none wrong
        ("PER O PER", "ORG O PER", 50.0),
        ("B_PER O O B_LOC", "B_PER I_PER O B_LOC", 50.0),
        ("PER-B O O LOC-B", "PER-B PER-I O LOC-B", 50.0),
        ("o b-per", "o b-per", 100.0),
        ("o o o", "o o o", 0.0),
        ("E E O", "E E O", 100.0),
        ("E O O", "E E PER", 0.0),
        ("U-PER U-PER", "U-PER U-PER", 100.0),
        ("B-P M-P E-P O", "B-P M-P E-P O", 100.0),
    ],
)
def test_the_metric_by_itself(predicted: str, gold: str, f1: float) -> None:
    """Without a task the tags that are given say the scheme."""
    score = metrics.get("seqeval_f1").score([predicted.split()], [gold.split()], "en")
    assert score == pytest.approx(f1)


@pytest.mark.parametrize(
    "name", [name for name in tasks.names() if "seqeval_f1" in tasks.get(name).metrics and tasks.get(name).labels]
)
def test_the_schemes_of_the_tasks(name: str) -> None:
    parts_of_speech = name in {"udpos", "sandbox/pos"}
    assert tasks.get(name).tags() == (Scheme("xtreme") if parts_of_speech else Scheme("iob2", ("O",), "-"))


@pytest.mark.data
@pytest.mark.parametrize("name", ["udpos", "panx", "ncbi_disease"])
def test_real_gold_keeps_its_score(name: str, data_root: Path) -> None:
    """The official number of noisy gold: seqeval's for names, and for parts of speech that of 0.0.12."""
    task, seen, chance = tasks.get(name), 0, chances(name)
    split = "validation" if name == "panx" else "test"
    for language in task.languages_of(split):
        place = task.locate(split, language, root=data_root)
        examples = [] if place is None else [one for one in task.read(place) if one.tags is not None][:300]
        if not examples:
            continue
        gold = [list(one.tags) for one in examples]
        said = [[tag if chance.random() < 0.8 else chance.choice(task.labels) for tag in line] for line in gold]
        if name == "udpos":
            official = expected([of_xtreme(line) for line in said], [of_xtreme(line) for line in gold])
        else:
            official = 100 * float(f1_score(gold, said))
        rules, kind = task.rules(), kinds.get("tagging")
        score = kind.score(said, examples, metrics=("seqeval_f1",), language=language, rules=rules)["seqeval_f1"]
        assert score == pytest.approx(official, abs=1e-12)
        assert 0 < score < 100
        seen += 1
    assert seen


def test_one_bad_class_is_never_lost() -> None:
    """With an outside tag, a class that is always wrong costs, whatever its name."""
    for name in ("ORG", "OBJ", "ORDINAL", "EVENT", "E", "S", "I", "B", "O_", "_", ".", "Other"):
        labels = ["O", name, "PER", "LOC"]
        scheme = detect(labels, outside=["O"])
        gold = [[name, "O", "PER"]] * 3
        assert scored([["O", "O", "PER"]] * 3, gold, scheme) == pytest.approx(200 / 3), name
        assert scored(gold, gold, scheme) == 100.0, name
        assert scored([[name, name]], [[name, name]], scheme) == 100.0, name
