"""DATA_CHANNEL_OPEN and ACK."""

from __future__ import annotations

import struct

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.session.dcep import ACK, ChannelParameters, build_open, is_ack, parse_open

WHOLE = ChannelParameters("oai-events", "json", is_ordered=False, max_retransmits=3, priority=512)


@pytest.mark.parametrize(
    "parameters",
    [
        WHOLE,
        ChannelParameters(""),
        ChannelParameters("Grüße", "x" * 65_535),
        ChannelParameters("l", max_lifetime_ms=1500),
        ChannelParameters("l", max_retransmits=0),
        ChannelParameters("l", max_lifetime_ms=0, is_ordered=False),
        ChannelParameters("l", max_retransmits=2**32 - 1),
    ],
)
def test_parse_after_build_is_identity(parameters: ChannelParameters) -> None:
    assert parse_open(build_open(parameters)) == parameters


def test_the_layout_is_that_of_the_rfc() -> None:
    """H6: RFC 8832 section 5.1, octet by octet; section 5.2 for the ACK."""
    assert build_open(WHOLE) == bytes.fromhex("03 81 0200 00000003 000a 0004") + b"oai-eventsjson"
    assert bytes([2]) == ACK
    assert is_ack(b"\x02")
    assert not is_ack(b"\x03")
    assert not is_ack(b"")


def test_lengths_stay_inside_of_the_message() -> None:
    """H6: label length 65,535 in a message of 20 octets, and every truncation."""
    whole = build_open(WHOLE)
    hostile = [whole[:n] for n in range(len(whole))]
    hostile += [whole + b"x"]
    hostile += [
        struct.pack("!BBHLHH", 3, 0, 0, 0, label, protocol) + bytes(8)
        for label, protocol in [(65_535, 0), (0, 65_535), (65_535, 65_535), (9, 0), (8, 1), (7, 0)]
    ]
    assert [octets for octets in hostile if parse_open(octets) is not None] == []


@pytest.mark.parametrize("kind", [0x03, 0x7F, 0x83, 0xFF])
def test_unknown_channel_types_are_refused(kind: int) -> None:
    assert parse_open(struct.pack("!BBHLHH", 3, kind, 0, 0, 0, 0)) is None


def test_labels_have_to_be_text() -> None:
    assert parse_open(struct.pack("!BBHLHH", 3, 0, 0, 0, 1, 0) + b"\xff") is None


@pytest.mark.parametrize(
    "options",
    [
        {"max_retransmits": 1, "max_lifetime_ms": 1},
        {"max_retransmits": -1},
        {"max_lifetime_ms": 2**32},
        {"priority": 65_536},
        {"protocol": "x" * 65_536},
        {"protocol": "ü" * 32_768},
        {"protocol": "\ud800"},
    ],
)
def test_parameters_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        ChannelParameters("label", **options)  # type: ignore[arg-type]
