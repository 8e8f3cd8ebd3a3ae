"""RFC 2198 payloads: vectors, what is refused, and both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.wire.red import MAX_BLOCKS, RedBlock, build, parse

# One copy, 960 units old, of 3 octets, as Chromium sends it: 111 | 0x80, 960 << 10 | 3.
CHROMIUM = bytes.fromhex("ef0f0003 6f") + b"old" + b"primary"

octets = st.binary(max_size=1023)
block = st.builds(RedBlock, st.integers(0, 127), st.integers(0, (1 << 14) - 1), octets)


def test_copy_and_primary_are_told_apart() -> None:
    """F36: RFC 2198 section 3."""
    assert parse(CHROMIUM) == (RedBlock(111, 960, b"old"), RedBlock(111, 0, b"primary"))
    assert build([RedBlock(111, 960, b"old")], 111, b"primary") == CHROMIUM


def test_a_payload_without_copies_has_one_octet_more() -> None:
    assert parse(b"\x6fprimary") == (RedBlock(111, 0, b"primary"),)


def test_every_truncation_within_headers_and_copies_is_refused() -> None:
    """F36: the primary takes what is left, so only cuts inside of it are another valid payload."""
    outcomes = [parse(CHROMIUM[:length]) for length in range(len(CHROMIUM))]
    assert outcomes[:8] == [DropReason.RTP_MALFORMED] * 8
    assert outcomes[8] == (RedBlock(111, 960, b"old"), RedBlock(111, 0, b""))


def test_block_lengths_past_the_end_are_refused() -> None:
    """F36: a copy of 1,023 octets in a payload of 20."""
    assert parse(bytes.fromhex("ef0f03ff 6f") + bytes(15)) is DropReason.RTP_MALFORMED


def test_more_blocks_than_anybody_sends_are_refused() -> None:
    header = (1 << 31).to_bytes(4, "big")
    assert len(parse(header * (MAX_BLOCKS - 1) + b"\0")) == MAX_BLOCKS  # type: ignore[arg-type]
    assert parse(header * MAX_BLOCKS + b"\0") is DropReason.RTP_MALFORMED
    assert parse(header * 300) is DropReason.RTP_MALFORMED


@pytest.mark.parametrize(
    ("copies", "payload_type"),
    [
        ([RedBlock(111, 1 << 14, b"")], 111),
        ([RedBlock(111, -1, b"")], 111),
        ([RedBlock(128, 0, b"")], 111),
        ([RedBlock(111, 0, bytes(1024))], 111),
        ([], 128),
        ([RedBlock(111, 0, b"")] * MAX_BLOCKS, 111),
    ],
)
def test_what_does_not_fit_the_fields_is_not_built(copies: list[RedBlock], payload_type: int) -> None:
    with pytest.raises(UsageError):
        build(copies, payload_type, b"")


@given(st.lists(block, max_size=4), st.integers(0, 127), octets)
def test_parse_after_build_is_identity(copies: list[RedBlock], payload_type: int, primary: bytes) -> None:
    assert parse(build(copies, payload_type, primary)) == (*copies, RedBlock(payload_type, 0, primary))


@given(st.binary(max_size=200))
def test_any_octets_are_blocks_or_refused(payload: bytes) -> None:
    parsed = parse(payload)
    if isinstance(parsed, DropReason):
        assert parsed is DropReason.RTP_MALFORMED
    else:
        assert parsed[-1].offset == 0
        assert sum(len(one.payload) for one in parsed) + 4 * (len(parsed) - 1) + 1 == len(payload)
