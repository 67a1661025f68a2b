"""The encoder's fixtures, here too."""

from tests.encoder.conftest import model_of, padded

__all__ = ["model_of", "padded"]
