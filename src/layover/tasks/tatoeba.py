"""Tatoeba: which sentence of a language translates an English sentence, in 41 languages; nothing is trained.

XTREME scores 36 of the languages, and these are evaluated by default. XTREME-R added az, lt, pl, ro and uk; a recipe
can name them: `eval: {languages: [az, pl]}`.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

XTREME = {
    "af": "afr", "ar": "ara", "bg": "bul", "bn": "ben", "de": "deu", "el": "ell", "es": "spa", "et": "est",
    "eu": "eus", "fa": "pes", "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin", "hu": "hun", "id": "ind",
    "it": "ita", "ja": "jpn", "jv": "jav", "ka": "kat", "kk": "kaz", "ko": "kor", "ml": "mal", "mr": "mar",
    "nl": "nld", "pt": "por", "ru": "rus", "sw": "swh", "ta": "tam", "te": "tel", "th": "tha", "tl": "tgl",
    "tr": "tur", "ur": "urd", "vi": "vie", "zh": "cmn",
}  # fmt: skip
"""Language -> the code in the names of the official files (ISO 639-3)."""
XTREME_R = {"az": "aze", "lt": "lit", "pl": "pol", "ro": "ron", "uk": "ukr"}
CODES = XTREME | XTREME_R

PAIRS = {"jv": 205, "ka": 746, "kk": 575, "ml": 687, "sw": 390, "ta": 307, "te": 234, "th": 548}
"""The languages with fewer than 1,000 pairs."""


LINES = FileLayout(format="lines")


def _files(language: str, code: str) -> FileSource:
    stem = f"tatoeba/tatoeba.{code}-eng"
    return FileSource(path=f"{stem}.{code}", other=f"{stem}.eng", layout=LINES, languages=(language,))


BLIND = FileSource(
    path="tatoeba/{language}-en.{language}",
    other="tatoeba/{language}-en.en",
    gold="tatoeba/test-{language}.tsv",
    layout=LINES,
    languages=tuple(sorted(CODES)),
)
"""The files of XTREME's own script: sorted English lines without gold; a file of the gold may be in the same folder."""


HUB = (
    HubSource(
        path="google/xtreme",
        config={language: f"tatoeba.{code}" for language, code in XTREME.items()},
        split="validation",  # the name of its only split on the hub
        columns={"text": "source_sentence", "other": "target_sentence"},
    ),
    HubSource(
        path="mteb/tatoeba-bitext-mining",
        config={language: f"{code}-eng" for language, code in XTREME_R.items()},
        split="test",
        columns={"text": "sentence1", "other": "sentence2"},
    ),
)

TASK = Task(
    name="tatoeba",
    kind="retrieval",
    summary="translations among sentences, 41 languages, no training",
    stages=("target",),
    metrics=("retrieval_accuracy", "retrieval_accuracy_to_english"),
    columns={"text": "text"},
    languages={"test": tuple(sorted(CODES))},
    hub={"test": HUB},
    files={"test": (*(_files(language, code) for language, code in sorted(CODES.items())), BLIND)},
    counts={"test": {language: 2 * PAIRS.get(language, 1_000) for language in sorted(CODES)}},
    xtreme=tuple(sorted(XTREME)),
    shares={"ccg_pmb": ("train", "validation")},  # 8 % of its English sentences are in Tatoeba
    licence="CC-BY-2.0-FR",
    citation="Artetxe and Schwenk 2019, TACL 7, arXiv:1812.10464; sentences of tatoeba.org",
)
