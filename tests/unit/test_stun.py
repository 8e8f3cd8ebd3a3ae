"""STUN messages: the vectors of RFC 5769, the bounded walk, integrity, fingerprint, and the way to the ufrag."""

from __future__ import annotations

import struct

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.wire import stun
from rtcsplit.wire.address import Address
from rtcsplit.wire.stun import Attribute, Message, MessageClass
from rtcsplit.wire.stun_values import decode_xor_mapped_address

UFRAG = b"EceMMyQBAgMEBQhiKJ1mhcEw"
TRANSACTION_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"

# RFC 5769 sections 2.1 to 2.3.
REQUEST = bytes.fromhex(
    "00010058 2112a442 b7e7a701bc34d686fa87dfae"
    "80220010 5354554e207465737420636c69656e74 00240004 6e0001ff 80290008 932ff9b151263b36"
    "00060009 6576746a3a68367659 202020 00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf"
)
IPV4_RESPONSE = bytes.fromhex(
    "0101003c 2112a442 b7e7a701bc34d686fa87dfae"
    "8022000b 7465737420766563746f72 20 00200008 0001a147e112a643"
    "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96"
)
IPV6_RESPONSE = bytes.fromhex(
    "01010048 2112a442 b7e7a701bc34d686fa87dfae"
    "8022000b 7465737420766563746f72 20 00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c"
)


def raw_message(*attributes: tuple[int, bytes], message_type: int = 1, pad: bytes = b"\0") -> bytes:
    """A message put together without :func:`stun.build`, in any order and with any padding."""
    body = b"".join(struct.pack("!HH", t, len(v)) + v + pad * (-len(v) % 4) for t, v in attributes)
    return struct.pack("!HHI", message_type, len(body), 0x2112A442) + TRANSACTION_ID + body


def parsed(datagram: bytes) -> Message:
    message = stun.parse(datagram)
    assert isinstance(message, Message), message
    return message


def check(username: bytes = UFRAG + b":peer", key: bytes = b"k" * 24) -> bytes:
    """A binding request as a browser sends it."""
    attributes = [
        (Attribute.USERNAME, username),
        (0xC057, bytes(4)),
        (Attribute.ICE_CONTROLLING, bytes(8)),
        (Attribute.USE_CANDIDATE, b""),
        (Attribute.PRIORITY, b"\x6e\x7f\x1e\xff"),
    ]
    return stun.build(MessageClass.REQUEST, stun.BINDING, TRANSACTION_ID, attributes, integrity_key=key)


def with_length_field(octets: bytes) -> bytes:
    return octets[:2] + struct.pack("!H", len(octets) - 20) + octets[4:]


def test_rfc5769_request_parses_and_verifies() -> None:
    """B1 (RFC 5769 section 2.1)."""
    message = parsed(REQUEST)
    assert (message.message_class, message.method) == (MessageClass.REQUEST, stun.BINDING)
    assert message.transaction_id == TRANSACTION_ID
    assert message.find(Attribute.SOFTWARE) == b"STUN test client"
    assert message.find(Attribute.USERNAME) == b"evtj:h6vY"
    assert stun.verify_integrity(message, PASSWORD)
    assert stun.verify_fingerprint(message)


@pytest.mark.parametrize(
    ("datagram", "address"),
    [
        pytest.param(IPV4_RESPONSE, Address.of("192.0.2.1", 32853), id="section 2.2"),
        pytest.param(IPV6_RESPONSE, Address.of("2001:db8:1234:5678:11:2233:4455:6677", 32853), id="section 2.3"),
    ],
)
def test_rfc5769_responses_parse_and_verify(datagram: bytes, address: Address) -> None:
    """B1 (RFC 5769 sections 2.2, 2.3)."""
    message = parsed(datagram)
    assert message.message_class is MessageClass.SUCCESS_RESPONSE
    value = message.find(Attribute.XOR_MAPPED_ADDRESS)
    assert value is not None
    assert decode_xor_mapped_address(value, message.transaction_id) == address
    assert stun.verify_integrity(message, PASSWORD)
    assert stun.verify_fingerprint(message)


@pytest.mark.parametrize("vector", [REQUEST, IPV4_RESPONSE, IPV6_RESPONSE], ids=["2.1", "2.2", "2.3"])
def test_what_we_build_equals_the_vectors_but_for_padding(vector: bytes) -> None:
    """B1, B3, B7: values, order and lengths as printed; padding is zero, so both checksums differ."""
    message = parsed(vector)
    built = stun.build(
        message.message_class, message.method, TRANSACTION_ID, message.attributes[:-2], integrity_key=PASSWORD
    )
    covered = len(vector) - 24 - 8
    unpadded = bytearray(vector[:covered])
    for at in (at for at in range(covered) if vector[at] != built[at]):
        assert (vector[at], built[at]) == (0x20, 0)  # RFC 5769 pads with spaces to test just this
        unpadded[at] = 0
    assert built[:covered] == unpadded
    assert built[covered : covered + 4] == vector[covered : covered + 4]
    assert stun.verify_integrity(parsed(built), PASSWORD)
    assert stun.verify_fingerprint(parsed(built))


@pytest.mark.parametrize("length", [1, 5, 0xFF, 0x7FFF, 0x8000, 0xFFFC, 0xFFFD, 0xFFFF])
def test_attribute_that_leaves_the_message_is_malformed(length: int) -> None:
    """B2 (RFC 8489 section 14): also a length that would wrap when padded."""
    datagram = raw_message((Attribute.USERNAME, b"a:b"), (0x8022, b""))
    broken = datagram[:-2] + struct.pack("!H", length)
    assert stun.parse(broken) is DropReason.STUN_MALFORMED
    assert stun.server_ufrag(broken) is DropReason.STUN_MALFORMED
    assert parsed(datagram).attributes == ((6, b"a:b"), (0x8022, b""))


def test_every_truncation_is_refused_and_the_length_field_does_not_help() -> None:
    """B2: a message cut anywhere, with its own length field and with one made to fit."""
    whole = check()
    wrong = [size for size in range(len(whole)) if not isinstance(stun.parse(whole[:size]), DropReason)]
    assert not wrong
    ends = {20}
    for _, value in parsed(whole).attributes:
        ends.add(max(ends) + 4 + len(value) + -len(value) % 4)
    for size in range(20, len(whole)):
        result = stun.parse(with_length_field(whole[:size]))
        assert isinstance(result, Message) is (size in ends), size


@pytest.mark.parametrize("pad", [b"\x20", b"\xff"])
def test_padding_is_ignored_on_input(pad: bytes) -> None:
    """B3."""
    message = parsed(raw_message((Attribute.USERNAME, b"abcde"), (0x8022, b"x"), pad=pad))
    assert message.attributes == ((6, b"abcde"), (0x8022, b"x"))


@pytest.mark.parametrize("size", range(5))
def test_padding_is_zero_on_output(size: int) -> None:
    """B3."""
    built = stun.build(MessageClass.INDICATION, 1, TRANSACTION_ID, [(0x8022, b"\xff" * size)], fingerprint=False)
    assert built[24:] == b"\xff" * size + bytes(-size % 4)


def test_first_of_repeated_attributes_counts_for_both_readers() -> None:
    """B4: the relay and the transceiver take the same USERNAME."""
    other = b"GqbPKtWgscLT5MyAF6PvU1jV"
    datagram = raw_message((Attribute.USERNAME, UFRAG + b":p"), (Attribute.USERNAME, other + b":q"))
    assert stun.server_ufrag(datagram) == UFRAG.decode()
    assert parsed(datagram).find(Attribute.USERNAME) == UFRAG + b":p"


def test_fingerprint_must_be_last() -> None:
    """B6 (RFC 8489 section 14.7)."""
    good = stun.build(MessageClass.REQUEST, 1, TRANSACTION_ID)
    assert stun.verify_fingerprint(parsed(good))
    followed = with_length_field(good + struct.pack("!HH", 0x8022, 0))
    assert stun.parse(followed) is DropReason.STUN_FINGERPRINT
    assert stun.parse(raw_message((Attribute.FINGERPRINT, bytes(8)))) is DropReason.STUN_FINGERPRINT


def test_any_flipped_bit_breaks_the_fingerprint() -> None:
    """B6: each bit of the message and of the value."""
    good = check()
    survived = []
    for bit in range(8 * len(good)):
        octets = bytearray(good)
        octets[bit // 8] ^= 1 << bit % 8
        message = stun.parse(bytes(octets))
        if isinstance(message, Message) and stun.verify_fingerprint(message):
            survived.append(bit)
    assert not survived


def test_message_without_fingerprint_or_integrity_verifies_neither() -> None:
    message = parsed(raw_message())
    assert not stun.verify_fingerprint(message)
    assert not stun.verify_integrity(message, b"")


def test_any_changed_octet_of_the_integrity_is_noticed() -> None:
    """B8 (RFC 8489 section 14.5)."""
    good = check(key=b"right password of 24 oct")
    assert stun.verify_integrity(parsed(good), b"right password of 24 oct")
    assert not stun.verify_integrity(parsed(good), b"wrong password of 24 oct")
    at = len(good) - 8 - 20
    for octet in range(20):
        changed = good[: at + octet] + bytes([good[at + octet] ^ 0x40]) + good[at + octet + 1 :]
        assert not stun.verify_integrity(parsed(changed), b"right password of 24 oct"), octet


@pytest.mark.parametrize("size", [0, 1, 19, 21, 32])
def test_integrity_of_another_size_is_malformed(size: int) -> None:
    """B8: HMAC-SHA1 has 20 octets, and a shorter one must not verify by its prefix."""
    assert stun.parse(raw_message((Attribute.MESSAGE_INTEGRITY, bytes(size)))) is DropReason.STUN_MALFORMED


@pytest.mark.parametrize(
    "late",
    [(Attribute.USE_CANDIDATE, b""), (Attribute.USERNAME, UFRAG + b":p"), (Attribute.PRIORITY, bytes(4))],
    ids=lambda attribute: attribute[0].name,
)
def test_what_follows_the_integrity_has_no_effect(late: tuple[Attribute, bytes]) -> None:
    """B9 (RFC 8489 section 14.5): except MESSAGE-INTEGRITY-SHA256 and FINGERPRINT."""
    sealed = stun.build(MessageClass.REQUEST, 1, TRANSACTION_ID, integrity_key=b"k", fingerprint=False)
    integrity = sealed[24:]
    datagram = raw_message((8, integrity), late, (0x001C, bytes(32)), late, (0x8028, bytes(4)))
    message = parsed(datagram)
    assert [this_type for this_type, _ in message.attributes] == [8, 0x001C, 0x8028]
    assert stun.verify_integrity(message, b"k")
    assert stun.server_ufrag(datagram) is DropReason.USERNAME_INVALID


def test_responses_and_indications_name_no_ufrag() -> None:
    """B17, B18: the relay can tell them from a binding request, and never routes them by hint."""
    for message_class in (MessageClass.INDICATION, MessageClass.SUCCESS_RESPONSE, MessageClass.ERROR_RESPONSE):
        datagram = stun.build(message_class, stun.BINDING, TRANSACTION_ID, [(Attribute.USERNAME, UFRAG + b":p")])
        assert parsed(datagram).message_class is message_class
        assert stun.server_ufrag(datagram) is DropReason.STUN_METHOD


@pytest.mark.parametrize("method", [0x003, 0x004, 0x006, 0x007, 0x008, 0x009], ids=hex)
def test_other_methods_name_no_ufrag(method: int) -> None:
    """B19: Allocate, Refresh, Send, Data, CreatePermission, ChannelBind."""
    datagram = stun.build(MessageClass.REQUEST, method, TRANSACTION_ID, [(Attribute.USERNAME, UFRAG + b":p")])
    assert parsed(datagram).method == method
    assert stun.server_ufrag(datagram) is DropReason.STUN_METHOD


def test_username_lengths() -> None:
    """B20 (RFC 8489 section 14.3): 508 octets are read, more are invalid; the message itself stays well formed."""
    wrong = []
    for size in (0, 1, 25, 26, 507, 508, 509, 513, 763, 65500):
        datagram = raw_message((Attribute.USERNAME, (UFRAG + b":" + b"p" * 65535)[:size]))
        expected = UFRAG.decode() if 26 <= size <= 508 else DropReason.USERNAME_INVALID
        if stun.server_ufrag(datagram) != expected or len(parsed(datagram).find(6) or b"") != size:
            wrong.append(size)
    assert not wrong


@pytest.mark.parametrize(
    "username",
    [
        *(b":x", b"x:", b"x", b"x:y:z", b"", UFRAG, UFRAG + b":", UFRAG + b"::", UFRAG + b":a:b"),
        *(UFRAG[:-1] + b":peer", UFRAG + b"x:peer", UFRAG[:4] + b":" + UFRAG[5:] + b":p"),
        *(UFRAG + b":a\0b", UFRAG[:-1] + b"\0:p", UFRAG + b":" + b"p" * 484),
    ],
)
def test_unusable_usernames(username: bytes) -> None:
    """B21."""
    assert stun.server_ufrag(raw_message((Attribute.USERNAME, username))) is DropReason.USERNAME_INVALID


def test_peer_part_of_a_username_may_be_utf8() -> None:
    """B21: the right part is the peer's, and any octets but ':' and NUL pass."""
    assert stun.server_ufrag(raw_message((Attribute.USERNAME, UFRAG + ":é\x7f".encode() + b"\xff"))) == UFRAG.decode()


@pytest.mark.parametrize("count", [63, 64, 65, 345])
def test_no_more_than_64_attributes_are_walked(count: int) -> None:
    """B22: 345 attributes of length zero fill 1,400 octets."""
    datagram = raw_message(*[(0x8022, b"")] * count)
    result = stun.parse(datagram)
    if count <= 64:
        assert isinstance(result, Message)
        assert len(result.attributes) == count
    else:
        assert result is DropReason.STUN_MALFORMED
        assert stun.server_ufrag(datagram) is DropReason.STUN_MALFORMED


@pytest.mark.parametrize(
    "arguments",
    [
        (0x1000, TRANSACTION_ID, []),
        (-1, TRANSACTION_ID, []),
        (1, TRANSACTION_ID[:-1], []),
        (1, TRANSACTION_ID, [(0x10000, b"")]),
        (1, TRANSACTION_ID, [(0x8022, bytes(65536))]),
        (1, TRANSACTION_ID, [(0x8022, bytes(40000)), (0x8022, bytes(40000))]),
    ],
    ids=["method", "negative method", "transaction id", "type", "value", "whole"],
)
def test_what_cannot_be_said_is_a_usage_error(arguments: tuple[int, bytes, list[tuple[int, bytes]]]) -> None:
    with pytest.raises(UsageError):
        stun.build(MessageClass.REQUEST, *arguments)


def test_types_below_0x8000_need_to_be_understood() -> None:
    """B13 (RFC 8489 section 14), the rule itself."""
    assert [stun.is_comprehension_required(t) for t in (0x0000, 0x7FFF, 0x8000, 0xFFFF)] == [True, True, False, False]
