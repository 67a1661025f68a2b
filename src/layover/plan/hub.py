"""The hub: a branch or tag to the commit it names now, without which no key is final; and single files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from layover.errors import ModelError, printable

COMMIT = re.compile(r"^[0-9a-f]{40}$")
TIMEOUT_SECONDS = 5.0
HIDDEN = "(token)"
_TOKEN = re.compile(r"hf_\w{8,}", re.ASCII)


class Revisions:
    """Resolves revisions; after a first failure to reach the hub it asks no more and uses the local cache."""

    def __init__(self) -> None:
        self.offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
        self.unresolved: list[str] = []
        """`datasets/org/name@main` for each revision that could not be resolved, with what else is to be said."""
        self._known: dict[tuple[str, str, str], str | None] = {}

    def commit(self, repository: str, revision: str, kind: str) -> str | None:
        """Return the commit of `revision`, or None when neither the hub nor the cache knows it.

        Args:
            repository: `org/name`.
            revision: Branch, tag or commit.
            kind: `model` or `dataset`.
        """
        if COMMIT.match(revision):
            return revision
        name = (repository, revision, kind)
        if name not in self._known:
            self._known[name] = self._ask(*name) or _cached(*name)
            if self._known[name] is None:
                # a model is looked for on the hub only where there is no folder of its name
                local = "; there is no folder of that name here" if kind == "model" else ""
                self.unresolved.append(f"{kind}s/{repository}@{revision}{local}")
        return self._known[name]

    def file(self, repository: str, commit: str, name: str, most: int) -> Path | None:
        """Return a file of a model's repository, downloaded where the cache does not have it; None where there is none.

        Args:
            repository: `org/name`.
            commit: Of the repository.
            name: Path of the file in it.
            most: Bytes that it may have; asked for before it is downloaded.

        Raises:
            ModelError: the hub does not let it be read, or it is too large.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

        cached = try_to_load_from_cache(repository, name, revision=commit)
        if isinstance(cached, str):
            return Path(cached)
        if cached is not None or self.offline:  # the cache knows that there is none, or nobody can be asked
            return None
        import httpx
        from huggingface_hub.errors import (
            EntryNotFoundError,
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
        )

        where = f"{repository}@{commit[:12]}: {name}"
        try:
            size = get_hf_file_metadata(hf_hub_url(repository, name, revision=commit), timeout=TIMEOUT_SECONDS).size
            if size is None or size > most:
                told = "is of an unknown size" if size is None else f"has {size} bytes"
                raise ModelError(f"{where} {told}; such a file has at most {most}")
            return Path(hf_hub_download(repository, name, revision=commit, etag_timeout=TIMEOUT_SECONDS))
        except LocalEntryNotFoundError:  # what it says when nobody answers
            self.offline = True
        except EntryNotFoundError:
            return None
        except (HfHubHTTPError, HFValidationError) as error:
            raise ModelError(f"{where} cannot be had from the hub: {without_token(str(error))}") from None
        except (OSError, httpx.HTTPError):
            self.offline = True
        return None

    def _ask(self, repository: str, revision: str, kind: str) -> str | None:
        if self.offline:
            return None
        import httpx
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

        try:
            info = HfApi().repo_info(repository, revision=revision, repo_type=kind, timeout=TIMEOUT_SECONDS)
        except (OfflineModeIsEnabled, HfHubHTTPError, HFValidationError):
            return None  # unknown there or not readable: stays unresolved, which `plan` shows and `run` refuses
        except (OSError, httpx.HTTPError):  # errors of requests, which older hub clients use, are OSErrors
            self.offline = True
            return None
        return info.sha


def without_token(text: str) -> str:
    """Return the first lines of a text, without any token of the hub in it."""
    from huggingface_hub import get_token

    token = get_token()
    if token:
        text = text.replace(token, HIDDEN)
    lines = [line.strip() for line in _TOKEN.sub(HIDDEN, text).splitlines()]
    return printable(" ".join(line for line in lines if line)[:400]) or "no reason given"


def _cached(repository: str, revision: str, kind: str) -> str | None:
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = f"{kind}s--{repository.replace('/', '--')}"
    reference = Path(HF_HUB_CACHE) / folder / "refs" / revision
    if not reference.is_file():
        return None
    text = reference.read_text(encoding="utf-8").strip()
    return text if COMMIT.match(text) else None
