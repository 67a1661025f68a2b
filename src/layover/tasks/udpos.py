"""UD-POS: universal part-of-speech tags in 38 languages, Universal Dependencies 2.5 as in XTREME.

XTREME scores 33 of them. XTREME-R added lt, pl, ro, uk and wo, from Universal Dependencies 2.7; they are not on the
hub. A recipe can name them, `eval: {languages: [pl, wo]}`, but no average of XTREME includes them.

The copy on the hub differs from XTREME's own files: it has syntactic words instead of fused forms, and drops fewer
sentences. So scores on the two are not comparable; their identities differ.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import UPOS as MEANINGS

COLUMNS = ("tokens", "pos_tags")
# fmt: off
CONFIGS = {
    "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "kk": "Kazakh", "ko": "Korean", "mr": "Marathi", "nl": "Dutch", "pt": "Portuguese", "ru": "Russian",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
}
TEST_COUNTS = {
    "ar": 1_680, "en": 5_440, "eu": 1_799, "fi": 6_544, "he": 491, "id": 1_931, "ko": 4_276, "mr": 47,
    "ta": 654, "th": 1_000, "tl": 222, "tr": 5_842, "vi": 800, "yo": 318, "zh": 3_455,
}
# fmt: on
WITHOUT_VALIDATION = {"kk", "th", "tl", "yo"}  # they have only test treebanks; Kazakh also has training data
XTREME_R = ("lt", "pl", "ro", "uk", "wo")
HUB = {language: f"udpos.{name}" for language, name in CONFIGS.items()}
UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)

TASK = Task(
    name="udpos",
    kind="tagging",
    summary="parts of speech, 33 languages and 5 of XTREME-R",
    labels=UPOS,
    meanings=dict(MEANINGS),
    metrics=("seqeval_f1", "token_accuracy"),
    columns={"tokens": "tokens", "tags": "pos_tags"},
    languages={
        "train": ("en",),
        "validation": tuple(code for code in (*CONFIGS, *XTREME_R) if code not in WITHOUT_VALIDATION),
        "test": (*CONFIGS, *XTREME_R),
    },
    hub={
        split: (HubSource(path="google/xtreme", config=HUB, split=split),) for split in ("train", "validation", "test")
    },
    files={
        "train": (FileSource(path="udpos/train-{language}.tsv", layout=FileLayout(format="conll", header=COLUMNS)),),
        "validation": (FileSource(path="udpos/dev-{language}.tsv", layout=FileLayout(format="conll", header=COLUMNS)),),
        "test": (
            FileSource(path="udpos/test-{language}.tsv", layout=FileLayout(format="conll", header=COLUMNS, optional=1)),
        ),
    },
    counts={
        "train": {"en": 21_253},
        "validation": {"en": 3_974},
        "test": TEST_COUNTS,
    },
    xtreme=tuple(CONFIGS),
    epochs=10,  # scripts/train_udpos.sh of XTREME
    licence="by treebank, mostly CC-BY-SA and CC-BY-NC-SA",
    citation="Nivre et al. 2020, arXiv:2004.10643; task: Hu et al. 2020, arXiv:2003.11080",
)
