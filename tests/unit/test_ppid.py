"""What a message is, by its PPID."""

from __future__ import annotations

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.session.ppid import Ppid, decode, encode


@pytest.mark.parametrize(
    ("data", "ppid", "octets"),
    [
        ("text", 51, b"text"),
        ("é", 51, b"\xc3\xa9"),
        (b"octets", 53, b"octets"),
        ("", 56, b"\0"),
        (b"", 57, b"\0"),
    ],
)
def test_messages_map_to_ppids_and_back(data: bytes | str, ppid: int, octets: bytes) -> None:
    """H8: an empty message is one octet that is ignored."""
    assert encode(data) == (ppid, octets)
    assert decode(ppid, octets) == data
    assert decode(56, b"ignored") == ""
    assert decode(57, b"ignored") == b""


@pytest.mark.parametrize("ppid", [0, 52, 54, 55, 58, 2**32 - 1, Ppid.DCEP])
def test_other_ppids_are_no_messages(ppid: int) -> None:
    assert decode(ppid, b"x") is None


def test_broken_text_is_read_as_browsers_do() -> None:
    assert decode(51, b"a\xffb") == "a\ufffdb"
    with pytest.raises(UsageError):
        encode("\ud800")
