"""The store of finished nodes."""

from layover.store.files import folder_bytes, read_json, write_json
from layover.store.hashes import FileHashes
from layover.store.look import Look
from layover.store.memory import Memory
from layover.store.store import Store

__all__ = ["FileHashes", "Look", "Memory", "Store", "folder_bytes", "read_json", "write_json"]
