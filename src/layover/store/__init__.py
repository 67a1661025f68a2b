"""The store of finished nodes."""

from layover.store.hashes import FileHashes
from layover.store.store import Store, folder_bytes, read_json, write_json

__all__ = ["FileHashes", "Store", "folder_bytes", "read_json", "write_json"]
