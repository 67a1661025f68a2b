"""verify: does a package do what its card says? One line for each check; the list is `CHECKS`.

Verifying shows that files are whole, that they mean what the card says, and that they compute what the card says. It
cannot show that what was learned is harmless: a module that misbehaves on a secret word has a flawless format. Nor are
scores computed again: what no check proves is a claim of the card, and is called so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from layover.errors import LayoverError, MistakesError, printable
from layover.hub.checks import encoder, files, libraries, pieces, weights
from layover.hub.checks._base import Check, SkippedError, Stage, Subject
from layover.packages.card import Card, read_card

CHECKS: tuple[Check, ...] = (
    Check("files", files.files, Stage.FILES),
    Check("hashes", files.hashes, Stage.CONTENT, ("files",)),
    Check("pickles", files.pickles_ignored, Stage.CONTENT),
    Check("weights", weights.complete, Stage.CONTENT, ("layout",)),
    Check("trained", weights.trained, Stage.CONTENT),
    Check("configs", weights.configs, Stage.CONTENT),
    Check("pieces", pieces.pieces, Stage.CONTENT, ("pieces.module", "pieces.weights_sha256")),
    Check("config", encoder.config, Stage.ENCODER, encoder.SIZES),
    Check("encoder", encoder.weights, Stage.ENCODER, (*encoder.SIZES, "base.weights_sha256")),
    Check("tokenizer", encoder.tokenizer, Stage.ENCODER, ("base.tokenizer_sha256",)),
    Check("probe", encoder.probe, Stage.COMPUTING, ("pieces.module", "probe")),
    Check("peft", libraries.in_peft, Stage.LIBRARIES),
    Check("adapters", libraries.in_adapters, Stage.LIBRARIES),
)
"""In their order. A field that several of them name is proved where all of them pass."""
WITHOUT_ENCODER: tuple[Check, ...] = tuple(check for check in CHECKS if check.stage <= Stage.CONTENT)

State = Literal["ok", "FAIL", "skip"]


@dataclass(frozen=True)
class Result:
    """What one check found."""

    name: str
    state: State
    said: str
    """Of a check that failed, a line for each mistake."""

    def line(self) -> str:
        """Return it as a line, and one more for each further mistake: `ok    hashes      SHA-256 of 8 files ...`."""
        return f"{self.state:<4}  {self.name:<9}  {self.said}".replace("\n", f"\n{'':<17}")


@dataclass(frozen=True)
class Verdict:
    """What all checks found of a package."""

    folder: Path
    id: str
    results: tuple[Result, ...]
    proved: tuple[str, ...]
    """Fields of the card that were computed again here, and are right."""
    claimed: tuple[str, ...]
    """The other fields that say something: the card is all that vouches for them."""

    @property
    def failed(self) -> tuple[Result, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if result.state == "FAIL")

    def refusal(self) -> str:
        """Return that checks failed, and of each what it found, for a message."""
        count = len(self.failed)
        lines = "\n".join(f"  {result.line()}" for result in self.failed)
        return f"{'a check' if count == 1 else f'{count} checks'} failed:\n{lines}"

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        checks = [{"check": one.name, "state": one.state, "said": one.said} for one in self.results]
        fields = {"proved": list(self.proved), "claimed": list(self.claimed)}
        return {"folder": str(self.folder), "id": self.id, "ok": not self.failed, "checks": checks, **fields}

    def lines(self) -> list[str]:
        """Return a line for each check, and which fields of the card are proved or claimed."""
        claims = (("proved", "computed again here", self.proved), ("claimed", "on the word of the card", self.claimed))
        found = [f"      {name:<9}  {', '.join(fields)}: {why}" for name, why, fields in claims if fields]
        return [*(line for result in self.results for line in result.line().split("\n")), *found]


def verify(
    folder: Path, *, others: Iterable[Path] = (), base: str | None = None, checks: Sequence[Check] = CHECKS
) -> Verdict:
    """Return what the checks find of a package.

    Args:
        folder: Of the package.
        others: Folders of packages that it may need; those beside it are looked at, too.
        base: Its encoder, where a person names one; see `encoder_for`.
        checks: In their order.

    Raises:
        LayoverError: it is no package, or `base` is no encoder.
    """
    subject = Subject(folder, read_card(folder), tuple(others), base)
    if base is not None:
        _ = subject.encoder
    results: list[Result] = []
    failed: Stage | None = None
    for check in checks:
        if failed is not None and failed < check.stage:
            results.append(Result(check.name, "skip", "something above failed"))
            continue
        result = _made(check, subject)
        results.append(result)
        if result.state == "FAIL" and failed is None:
            failed = check.stage
    passed = {result.name for result in results if result.state == "ok"}
    right = {field for check in CHECKS if check.name in passed for field in check.proves}
    right -= {field for check in CHECKS if check.name not in passed for field in check.proves}
    said = _said(subject.card)
    proved, claimed = (tuple(field for field in said if (field in right) == sign) for sign in (True, False))
    return Verdict(folder, subject.card.id, tuple(results), proved, claimed)


def provable(card: Card) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the fields of a card that the checks prove where all of them pass, and the others: claims."""
    right = {field for check in CHECKS for field in check.proves}
    said = _said(card)
    return tuple(field for field in said if field in right), tuple(field for field in said if field not in right)


def _said(card: Card) -> list[str]:
    """Return the fields of a card that say something; of its encoder and its modules each by itself."""
    found: dict[str, None] = {}
    for name, value in card.model_dump(exclude={"schema_version"}, by_alias=True).items():
        parts = [value] if name == "base" else value if name == "pieces" else []
        inner = [(f"{name}.{field}", one) for part in parts for field, one in part.items()]
        found |= dict.fromkeys(field for field, one in inner or [(name, value)] if one not in (None, "", (), {}))
    return list(found)


def _made(check: Check, subject: Subject) -> Result:
    state: State = "ok"
    try:
        said = check.run(subject)
    except SkippedError as reason:
        state, said = "skip", str(reason)
    except MistakesError as error:
        said = "\n".join(printable(_below(one, subject.folder)) for one in error.mistakes)
        return Result(check.name, "FAIL", said)
    except LayoverError as error:
        state, said = "FAIL", _below(str(error), subject.folder)
    except OSError as error:
        state, said = "FAIL", f"{error.filename or subject.folder}: {error.strerror or error}"
    return Result(check.name, state, printable(said))


def _below(told: str, folder: Path) -> str:
    return told.removeprefix(f"{folder}: ").removeprefix(f"{folder}/")
