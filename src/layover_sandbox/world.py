"""The small world of the sandbox: its concepts, their combinations, and its facts.

A concept is an English-like name that every lexicon must have. This file is independent of languages.
"""

from __future__ import annotations

from dataclasses import dataclass

GIVEN: dict[str, str] = dict.fromkeys(
    ("anna", "maria", "leyla", "amina", "sofia", "nina", "clara", "irina", "elena", "laura", "sara", "eva"), "f"
) | dict.fromkeys(
    ("omar", "viktor", "daniel", "martin", "david", "ivan", "oscar", "adam", "hassan", "peter", "simon", "robert"), "m"
)
"""Given name -> gender, for agreement of verbs, adjectives and pronouns in some languages."""

FAMILIES = ("weber", "miller", "khan", "keller", "martinez", "kaplan", "jensen", "murphy", "fischer", "novak")
CITIES = (
    *("berlin", "london", "paris", "madrid", "moscow", "ankara", "cairo", "nairobi", "beijing", "rome"),
    *("vienna", "lima", "delhi", "tokyo", "new_york", "buenos_aires"),
)
ORGS = ("lumina", "nordia", "solara", "verano", "altena", "mirova", "castor", "delphi")
ORG_SORTS = ("bank", "university", "hospital", "museum", "hotel", "company")

PLACES = (
    *("market", "school", "library", "hospital", "station", "park", "kitchen", "garden", "office", "shop"),
    *("restaurant", "beach", "forest", "village", "museum", "factory", "bakery", "airport", "farm", "harbour"),
    *("court", "prison", "police_station", "laboratory", "pharmacy"),
)
PROFESSIONS = (
    *("teacher", "farmer", "driver", "cook", "baker", "student", "singer", "painter", "writer", "gardener"),
    *("judge", "lawyer", "police_officer", "thief", "doctor", "nurse", "patient", "scientist"),
)
JOBS = tuple(name for name in PROFESSIONS if name not in {"thief", "patient"})

CATEGORIES: dict[str, tuple[str, ...]] = {
    "fruit": ("apple", "orange", "banana", "lemon", "pear", "mango"),
    "vegetable": ("tomato", "potato", "onion", "carrot"),
    "meal": ("bread", "cheese", "meat", "rice", "soup"),
    "pastry": ("egg", "cake"),
    "drink": ("water", "milk", "tea", "coffee", "juice"),
    "pet": ("dog", "cat", "horse", "cow", "goat", "donkey", "rabbit"),
    "wild": ("lion", "elephant", "mouse", "monkey"),
    "bird": ("eagle", "pigeon", "parrot"),
    "flower": ("rose", "tulip", "lily"),
    "vehicle": ("car", "bicycle", "bus", "boat", "truck"),
    "garment": ("shirt", "coat", "hat", "dress", "scarf", "shoe"),
    "furniture": ("table", "chair", "bed", "lamp", "mirror"),
    "tool": ("hammer", "saw", "axe", "needle"),
    "toy": ("ball", "doll", "kite"),
    "reading": ("book", "letter", "newspaper", "map", "ticket"),
    "dish": ("cup", "plate", "bottle", "knife"),
    "ware": ("key", "bag", "box", "clock", "umbrella", "phone", "ring", "camera", "basket", "guitar", "drum"),
    "opening": ("door", "window"),
    "building": ("house", "bridge"),
    "paper": ("contract", "document", "will", "permit"),
    "remedy": ("medicine", "vaccine", "pill", "ointment"),
    "illness": ("fever", "infection", "wound", "inflammation"),
    "germ": ("virus", "bacterium"),
}
"""Category -> nouns."""

CLASSES: dict[str, tuple[str, ...]] = {
    "fruit": ("fruit",),
    "drink": ("drink",),
    "animal": ("pet", "wild", "bird"),
    "bird": ("bird",),
    "flower": ("flower",),
    "tool": ("tool",),
    "toy": ("toy",),
}
"""Noun of a class -> the categories in it."""

NOUNS = tuple(noun for nouns in CATEGORIES.values() for noun in nouns)
MASS = frozenset((*CATEGORIES["meal"], *CATEGORIES["drink"]))
"""Mass nouns: never counted, never indefinite."""
CATEGORY_OF = {noun: category for category, nouns in CATEGORIES.items() for noun in nouns}
CLASSES_OF = {noun: tuple(name for name, cats in CLASSES.items() if CATEGORY_OF[noun] in cats) for noun in NOUNS}

COLOURS = ("red", "blue", "green", "white", "black")
ANTONYMS = (
    *(("big", "small"), ("old", "new"), ("heavy", "light"), ("expensive", "cheap")),
    *(("clean", "dirty"), ("long", "short")),
)
ADJECTIVES = (*COLOURS, *(word for pair in ANTONYMS for word in pair), "beautiful")
VALUES = ("old", "new", "expensive", "cheap")
COMPARABLE = ("big", "small", "old", "heavy", "light", "expensive", "cheap", "fast", "slow")
"""Adjectives with a comparative: `bigger`; converse pairs are big/small, heavy/light, expensive/cheap, fast/slow."""

_MADE = ("big", "small", "old", "new", "heavy", "light", "expensive", "cheap", "beautiful")
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("fruit", "vegetable"), ("big", "small", "green")),
    **dict.fromkeys(("pet", "wild", "bird"), ("big", "small", "old", "white", "black")),
    "flower": ("red", "white", "beautiful"),
    **dict.fromkeys(("vehicle", "ware", "toy", "furniture"), (*_MADE, *COLOURS)),
    "garment": (*COLOURS, "old", "new", "expensive", "cheap", "beautiful"),
    "tool": ("big", "small", "old", "new"),
    "reading": ("old", "new", "beautiful"),
    "dish": ("big", "small", "old", "new", "clean", "dirty", "white", "blue"),
    "opening": ("big", "small", "old", "new", "white", "green"),
    "building": ("big", "small", "old", "new", "white", "beautiful"),
    "paper": ("old", "new", "long", "short"),
    "remedy": ("new", "expensive", "cheap"),
}
"""Category -> adjectives for its nouns; other categories have none."""

PERSON_STATES = ("tired", "hungry", "thirsty", "sick", "happy", "sad", "angry", "rich", "innocent", "guilty", "healthy")
THING_STATES = ("wet", "broken", "clean", "dirty", "open", "closed", "empty", "full", "hot", "cold")
STATES = (*PERSON_STATES, *THING_STATES)
STATE_OPPOSITES = (
    *(("happy", "sad"), ("innocent", "guilty"), ("sick", "healthy"), ("clean", "dirty"), ("open", "closed")),
    *(("empty", "full"), ("hot", "cold")),
)
STATES_OF: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("meat", "rice", "soup", "tea", "coffee", "milk", "water"), ("hot", "cold")),
    "garment": ("wet", "clean", "dirty"),
    "vehicle": ("broken", "clean", "dirty"),
    "dish": ("clean", "dirty", "broken"),
    "opening": ("open", "closed"),
    "furniture": ("broken", "clean", "dirty"),
}
"""Category or noun -> its possible states."""

TIMES = (
    *("yesterday", "today", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    *("morning", "evening", "night", "last_week", "last_month", "last_year", "summer", "winter"),
)
YEARS = tuple(range(1950, 2021))
WEATHER = ("rain", "snow", "storm", "dark")
"""It rained; it snowed; there was a storm; it became dark."""
_DAYS = ("yesterday", "today", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TIMES_OF = {
    "dark": _DAYS,
    "snow": (*_DAYS, "morning", "evening", "night", "last_week", "last_month", "winter"),
    **dict.fromkeys(("rain", "storm"), (*_DAYS, "morning", "evening", "night", "last_week", "last_month")),
}
"""Weather -> its possible times."""
LASTING_STATES = ("rich", "innocent", "guilty", "healthy")
"""States that last longer than a day."""
LASTING = ("live", "be_employed")
"""Predicates that last for years."""
NUMBERS = tuple(range(3, 10))

GOODS = "fruit vegetable pastry pet flower vehicle garment furniture tool toy reading dish ware"
PORTABLE = "garment toy reading dish ware tool flower"


@dataclass(frozen=True, slots=True)
class Predicate:
    """The frame of a verb: categories, single nouns, or `person`, `profession`, `org`, `city`, `place`, `animal`.

    `role` is the role of `third`: a recipient (`to`), a source (`from`), a goal (`into`), a location (`at`).
    """

    name: str
    subject: str = "person profession"
    object: str = ""
    third: str = ""
    role: str = ""
    converse: str = ""
    """The predicate with the same meaning for exchanged subject and third (or object); its own name if symmetric."""
    result: str = ""
    """The state of the object afterwards."""
    domain: str = "general"


_PEOPLE = "person profession"
PREDICATES: dict[str, Predicate] = {
    predicate.name: predicate
    for predicate in (
        *(Predicate(name, "person profession animal") for name in ("sleep", "run", "swim", "fall")),
        *(Predicate(name) for name in ("laugh", "cry", "sing", "dance", "wait", "work", "rest")),
        Predicate("read", object="reading paper"),
        Predicate("write", object="book letter document"),
        Predicate("open", object="opening", result="open"),
        Predicate("close", object="opening", result="closed"),
        Predicate("wash", object="garment vehicle dish", result="clean"),
        Predicate("break", object="dish furniture", result="broken"),
        Predicate("repair", object="vehicle furniture opening building"),
        Predicate("cook", object="meat rice soup egg potato"),
        Predicate("eat", "person profession animal", "fruit vegetable meal pastry"),
        Predicate("drink", object="drink"),
        Predicate("cut", object="fruit vegetable bread cheese meat cake"),
        Predicate("carry", object=PORTABLE),
        Predicate("find", object=f"{PORTABLE} pet"),
        Predicate("lose", object="garment toy reading ware"),
        Predicate("hide", object=PORTABLE),
        Predicate("forget", object="garment reading ware"),
        Predicate("paint", object="opening building table chair bed"),
        Predicate("build", object="building table chair bed boat"),
        Predicate("need", object=f"{PORTABLE} remedy"),
        *(Predicate(name, object=_PEOPLE) for name in ("see", "help", "thank", "call", "visit", "teach", "hug")),
        Predicate("follow", "person profession animal", f"{_PEOPLE} pet"),
        Predicate("meet", object="person", converse="meet"),
        Predicate("hit", object=_PEOPLE),
        Predicate("invite", object="person"),
        Predicate("buy", "person profession org", f"{GOODS} house", "person org", "from", "sell"),
        Predicate("sell", "person profession org", f"{GOODS} house", "person org", "to", "buy"),
        Predicate("receive", object=PORTABLE, third="person", role="from", converse="give"),
        Predicate("give", object=PORTABLE, third="person", role="to", converse="receive"),
        Predicate("borrow", object="garment toy reading dish ware tool", third="person", role="from", converse="lend"),
        Predicate("lend", object="garment toy reading dish ware tool", third="person", role="to", converse="borrow"),
        Predicate("send", object="reading ware flower toy", third="person org", role="to"),
        Predicate("show", object=f"{PORTABLE} pet house", third="person", role="to"),
        Predicate("bring", object=PORTABLE, third="person", role="to"),
        Predicate("steal", object="ware vehicle garment pet", third="person org", role="from"),
        Predicate("go", third="place", role="into"),
        Predicate("travel", third="city", role="into"),
        Predicate("return", third="place city", role="into"),
        Predicate("come", third="city", role="from"),
        Predicate("live", third="city", role="at"),
        Predicate("be_employed", third="org", role="at"),
        Predicate("sign", object="paper", domain="legal"),
        Predicate("forge", object="paper", domain="legal"),
        Predicate("sue", "person org", "person org", domain="legal"),
        Predicate("accuse", object=_PEOPLE, domain="legal"),
        Predicate("arrest", "police_officer", _PEOPLE, domain="legal"),
        Predicate("defend", "lawyer", _PEOPLE, domain="legal"),
        Predicate("convict", "judge", _PEOPLE, domain="legal"),
        Predicate("acquit", "judge", _PEOPLE, domain="legal"),
        Predicate("question", "police_officer judge lawyer", _PEOPLE, domain="legal"),
        Predicate("examine", "doctor nurse", _PEOPLE, domain="biomedical"),
        Predicate("treat", "doctor nurse", "person patient illness", domain="biomedical"),
        Predicate("cure", "doctor medicine", "person patient illness", domain="biomedical"),
        Predicate("vaccinate", "doctor nurse", _PEOPLE, domain="biomedical"),
        Predicate("infect", "germ", _PEOPLE, domain="biomedical"),
        Predicate("cause", "germ", "fever infection inflammation", domain="biomedical"),
        Predicate("take_medicine", "person patient", "medicine pill", domain="biomedical"),
        Predicate("prescribe", "doctor", "medicine pill ointment", "person", "to", domain="biomedical"),
        Predicate("discover", "scientist doctor", "germ medicine vaccine", domain="biomedical"),
        Predicate("cough", "person patient", domain="biomedical"),
    )
}
_WORK = {
    "legal": ("court", "office", "police_station"),
    "biomedical": ("hospital", "laboratory", "village", "school"),
}
PLACES_OF: dict[str, tuple[str, ...]] = {
    **{name: _WORK[predicate.domain] for name, predicate in PREDICATES.items() if predicate.domain in _WORK},
    **dict.fromkeys(("buy", "sell"), ("market", "shop", "station", "airport", "village", "harbour", "farm")),
    **dict.fromkeys(("cook", "wash"), ("kitchen", "restaurant", "village", "farm")),
    "swim": ("beach", "harbour"),
}
"""Predicate -> the places where it happens; other predicates happen anywhere."""
MAKING = ("build", "cook", "write", "forge")
"""Predicates whose object is created now, so that adjectives of age and price do not fit."""

MATERIALS = ("wood", "glass", "paper", "metal", "gold", "wool", "leather", "stone")
PURPOSES = (
    *("cut_bread", "open_door", "stay_dry", "drive_nail", "sew_shirt", "chop_wood", "drink_tea"),
    *("tell_time", "take_photos", "make_music", "carry_shopping", "see_oneself", "make_light"),
    *("travel_sea", "sleep_on"),
    *("cure_wound", "prevent_disease"),
)

_PLACED = {
    "school": ("teacher", "student"),
    "library": ("book",),
    "hospital": ("doctor", "nurse", "patient"),
    "station": ("ticket",),
    "garden": ("flower", "gardener"),
    "kitchen": ("plate",),
    "bakery": ("cake", "baker"),
    "restaurant": ("cook",),
    "forest": ("lion", "monkey"),
    "harbour": ("boat",),
    "farm": ("cow", "goat", "farmer"),
    "village": ("donkey",),
    "court": ("judge", "lawyer"),
    "prison": ("thief",),
    "police_station": ("police_officer",),
    "laboratory": ("scientist",),
    "pharmacy": ("pill", "ointment"),
    "market": ("onion",),
    "shop": ("newspaper",),
    "park": ("pigeon",),
}
FOUND = {noun: place for place, nouns in _PLACED.items() for noun in nouns}
"""Noun -> its typical place."""
USED = dict(
    zip(
        (
            *("knife", "key", "umbrella", "hammer", "needle", "axe", "cup", "clock", "camera", "guitar", "basket"),
            *("mirror", "lamp", "boat", "bed", "ointment", "vaccine"),
        ),
        PURPOSES,
        strict=True,
    )
)
"""Noun -> its purpose."""
_MATERIAL = {
    "wood": ("table", "chair", "door", "guitar"),
    "glass": ("window", "bottle", "mirror"),
    "paper": ("book", "newspaper", "map", "letter"),
    "metal": ("hammer", "needle", "key", "axe"),
    "gold": ("ring",),
    "wool": ("scarf", "coat"),
    "leather": ("shoe", "bag"),
    "stone": ("bridge", "house"),
}
MADE = {noun: material for material, nouns in _MATERIAL.items() for noun in nouns}
"""Noun -> its material."""
ALSO_FOUND: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("teacher", "student"), ("library", "museum", "park", "laboratory", "office")),
    "book": ("school", "office", "shop", "market", "museum", "laboratory", "airport", "station"),
    **dict.fromkeys(("doctor", "nurse", "patient"), ("pharmacy", "laboratory", "village", "school", "prison")),
    "ticket": ("airport", "museum", "harbour", "office", "shop"),
    "flower": ("park", "market", "shop", "forest", "village", "farm"),
    "gardener": ("park", "farm", "village"),
    "plate": ("restaurant", "shop", "market", "museum"),
    **dict.fromkeys(("cake", "baker", "cook"), ("kitchen", "restaurant", "shop", "market", "bakery")),
    **dict.fromkeys(("lion", "monkey"), ("park",)),
    "boat": ("beach", "museum"),
    **dict.fromkeys(("cow", "goat", "donkey", "farmer"), ("village", "farm", "market", "garden")),
    **dict.fromkeys(("judge", "lawyer"), ("office", "prison", "police_station", "court")),
    **dict.fromkeys(("thief", "police_officer"), ("court", "prison", "police_station", "station", "airport", "market")),
    "scientist": ("hospital", "museum", "library", "office"),
    **dict.fromkeys(("pill", "ointment"), ("hospital", "laboratory", "shop")),
    "onion": ("kitchen", "garden", "shop", "farm", "restaurant"),
    "newspaper": ("library", "office", "station", "market", "airport", "park", "hospital", "restaurant", "kitchen"),
    "pigeon": ("station", "market", "village", "farm", "garden", "forest", "harbour", "beach"),
}
"""Noun -> other plausible places, which must not be wrong answers."""
ALSO_MADE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("table", "door", "house", "bridge"), ("metal", "glass", "stone", "wood")),
    "chair": ("metal", "stone", "leather"),
    "guitar": ("metal",),
    **dict.fromkeys(("window", "mirror", "bottle"), ("wood", "metal")),
    **dict.fromkeys(("hammer", "axe", "needle"), ("wood", "stone")),
    **dict.fromkeys(("key", "ring"), ("metal", "gold")),
    **dict.fromkeys(("scarf", "coat", "shoe", "bag", "book"), ("wool", "leather", "paper")),
}
ALSO_USED: dict[str, tuple[str, ...]] = {
    "cut_bread": ("axe",),
    "chop_wood": ("knife",),
    "see_oneself": ("camera",),
    "prevent_disease": ("ointment",),
    "cure_wound": ("vaccine", "needle"),
}
"""Purpose -> other nouns that could serve it."""
ALSO_KIND: dict[str, tuple[str, ...]] = {
    "tool": ("dish", "ware"),
    "drink": ("meal",),
    "toy": ("ware", "vehicle"),
    "fruit": ("vegetable",),
}
"""Class -> categories that could be counted in it."""
