"""Keys: one text per value, unknown types refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover.identity import canonical, file_sha256, key_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES))
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert key_of(value) == key_of(dict(reversed(value.items())))


def test_the_text_is_fixed() -> None:
    assert canonical({"b": [1, 2.5, None, True], "a": "ä"}) == '{"a":"ä","b":[1,2.5,null,true]}'
    assert key_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("value", [math.nan, math.inf, [1.0, -math.inf], {"a": {"b": math.nan}}])
def test_what_is_not_a_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="cannot be part of an identity"):
        key_of(value)


@pytest.mark.parametrize("value", [Path("x"), {1, 2}, {"a": object()}, {1: "a"}, b"x"])
def test_unknown_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        key_of(value)


def test_integers_and_floats_differ() -> None:
    assert key_of(1) != key_of(1.0)


def test_file_hash(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    assert file_sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
