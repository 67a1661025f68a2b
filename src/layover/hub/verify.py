"""Verification of a package against its card, with one line for each check; the list is `CHECKS`.

It shows that the files are whole, agree with the card, and compute the values on the card. It cannot show that a module
is harmless: a module with a backdoor may pass every check. It does not compute the scores again. A field that no check
proves is a claim of the card, and is reported as a claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from layover.errors import LayoverError, MistakesError, printable
from layover.hub.checks import encoder, files, libraries, modules, weights
from layover.hub.checks._base import Check, SkippedError, Stage, Subject
from layover.packages.card import Card, read_card

CHECKS: tuple[Check, ...] = (
    Check("files", files.files, Stage.FILES),
    Check("hashes", files.hashes, Stage.CONTENT, ("files",)),
    Check("pickles", files.pickles_ignored, Stage.CONTENT),
    Check("weights", weights.complete, Stage.CONTENT, ("layout",)),
    Check("trained", weights.trained, Stage.CONTENT),
    Check("configs", weights.configs, Stage.CONTENT),
    Check("modules", modules.together, Stage.CONTENT, ("pieces.module", "pieces.weights_sha256")),
    Check("config", encoder.config, Stage.ENCODER, encoder.SIZES),
    Check("encoder", encoder.weights, Stage.ENCODER, (*encoder.SIZES, "base.weights_sha256")),
    Check("tokenizer", encoder.tokenizer, Stage.ENCODER, ("base.tokenizer_sha256",)),
    Check("probe", encoder.probe, Stage.COMPUTING, ("pieces.module", "probe")),
    Check("peft", libraries.in_peft, Stage.LIBRARIES),
    Check("adapters", libraries.in_adapters, Stage.LIBRARIES),
)
"""The checks in their order. A field that several checks name is proved if all of them pass."""
WITHOUT_ENCODER: tuple[Check, ...] = tuple(check for check in CHECKS if check.stage <= Stage.CONTENT)

State = Literal["ok", "FAIL", "skip"]


@dataclass(frozen=True)
class Result:
    """The result of a check."""

    name: str
    state: State
    message: str
    """A line for each mistake if the check failed."""

    def line(self) -> str:
        """Return the result as a line, and further mistakes as more lines: `ok    hashes      the SHA-256 of ...`."""
        return f"{self.state:<4}  {self.name:<9}  {self.message}".replace("\n", f"\n{'':<17}")


@dataclass(frozen=True)
class Verdict:
    """The results of all checks of a package."""

    folder: Path
    id: str
    results: tuple[Result, ...]
    proved: tuple[str, ...]
    """Fields of the card that were computed again here, and are right."""
    claimed: tuple[str, ...]
    """The other fields with a value, which no check proves."""

    @property
    def failed(self) -> tuple[Result, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if result.state == "FAIL")

    def refusal(self) -> str:
        """Return the failed checks and their results, as part of a message."""
        count = len(self.failed)
        lines = "\n".join(f"  {result.line()}" for result in self.failed)
        return f"{'a check' if count == 1 else f'{count} checks'} failed:\n{lines}"

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON object."""
        checks = [{"check": result.name, "state": result.state, "said": result.message} for result in self.results]
        fields = {"proved": list(self.proved), "claimed": list(self.claimed)}
        return {"folder": str(self.folder), "id": self.id, "ok": not self.failed, "checks": checks, **fields}

    def lines(self) -> list[str]:
        """Return a line for each check, and the proved and the claimed fields of the card."""
        claims = (("proved", "computed again here", self.proved), ("claimed", "not checked", self.claimed))
        fields = [f"      {name:<9}  {', '.join(names)}: {why}" for name, why, names in claims if names]
        return [*(line for result in self.results for line in result.line().split("\n")), *fields]


def verify(
    folder: Path, *, others: Iterable[Path] = (), base: str | None = None, checks: Sequence[Check] = CHECKS
) -> Verdict:
    """Return the results of the checks of a package.

    Args:
        folder: The folder of the package.
        others: Folders of packages that it may need, in addition to the folders next to it.
        base: Its encoder, if the user names one; see `encoder_for`.
        checks: The checks in their order.

    Raises:
        LayoverError: the folder is not a package, or `base` is not an encoder.
    """
    subject = Subject(folder, read_card(folder), tuple(others), base)
    if base is not None:
        _ = subject.encoder
    results: list[Result] = []
    failed: Stage | None = None
    for check in checks:
        if failed is not None and failed < check.stage:
            results.append(Result(check.name, "skip", "a check above failed"))
            continue
        result = _made(check, subject)
        results.append(result)
        if result.state == "FAIL" and failed is None:
            failed = check.stage
    passed = {result.name for result in results if result.state == "ok"}
    right = {field for check in CHECKS if check.name in passed for field in check.proves}
    right -= {field for check in CHECKS if check.name not in passed for field in check.proves}
    fields = _stated(subject.card)
    proved, claimed = (tuple(field for field in fields if (field in right) == sign) for sign in (True, False))
    return Verdict(folder, subject.card.id, tuple(results), proved, claimed)


def provable(card: Card) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the fields of a card that are proved if all checks pass, and the other fields: the claims."""
    right = {field for check in CHECKS for field in check.proves}
    fields = _stated(card)
    return tuple(field for field in fields if field in right), tuple(field for field in fields if field not in right)


def _stated(card: Card) -> list[str]:
    """Return the fields of a card that have a value; the fields of its encoder and modules are listed one by one."""
    names: dict[str, None] = {}
    for name, value in card.model_dump(exclude={"schema_version"}, by_alias=True).items():
        parts = [value] if name == "base" else value if name == "pieces" else []
        inner = [(f"{name}.{field}", content) for part in parts for field, content in part.items()]
        names |= dict.fromkeys(
            field for field, content in inner or [(name, value)] if content not in (None, "", (), {})
        )
    return list(names)


def _made(check: Check, subject: Subject) -> Result:
    state: State = "ok"
    try:
        message = check.run(subject)
    except SkippedError as reason:
        state, message = "skip", str(reason)
    except MistakesError as error:
        message = "\n".join(printable(_below(mistake, subject.folder)) for mistake in error.mistakes)
        return Result(check.name, "FAIL", message)
    except LayoverError as error:
        state, message = "FAIL", _below(str(error), subject.folder)
    except OSError as error:
        state, message = "FAIL", f"{error.filename or subject.folder}: {error.strerror or error}"
    return Result(check.name, state, printable(message))


def _below(message: str, folder: Path) -> str:
    return message.removeprefix(f"{folder}: ").removeprefix(f"{folder}/")
