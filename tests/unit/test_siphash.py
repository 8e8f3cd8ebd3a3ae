"""SipHash-2-4: vectors of its reference code, whose key is 00..0f and whose messages are 00 01 02 ..."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rtcsplit._native.siphash import siphash24
from rtcsplit.errors import UsageError
from tests import twins

VECTORS = {
    0: "310e0edd47db6f72",
    1: "fd67dc93c539f874",
    2: "5a4fa9d909806c0d",
    7: "37d1018bf50002ab",
    8: "6224939a79f5f593",
    9: "b0e4a90bdf82009e",
    15: "e545be4961ca29a1",
    16: "db9bc2577fcc2a3f",
    63: "724506eb4c328a95",
}


@pytest.mark.parametrize("implementation", [siphash24, twins.siphash24], ids=["c", "twin"])
@pytest.mark.parametrize("size", VECTORS)
def test_reference_vectors(implementation: Callable[[bytes, bytes], bytes], size: int) -> None:
    assert implementation(bytes(range(16)), bytes(range(size))).hex() == VECTORS[size]


def test_key_of_another_size_is_refused() -> None:
    with pytest.raises(UsageError):
        siphash24(bytes(15), b"")
