"""Every C parser against its short Python twin, on octets that are random, nearly right, or right."""

from __future__ import annotations

import struct

from hypothesis import example, given
from hypothesis import strategies as st

from rtcsplit._native import address as native_address
from rtcsplit._native import rtp as native_rtp
from rtcsplit._native import spp as native_spp
from rtcsplit._native import stun as native_stun
from rtcsplit._native.hint import HintKeys
from rtcsplit._native.siphash import siphash24
from rtcsplit.drops import DropReason
from rtcsplit.wire import rtp, spp, stun
from rtcsplit.wire.address import Address
from rtcsplit.wire.packet import classify
from rtcsplit.wire.rtp_extension import find_element, parse_elements
from tests import twins

UFRAG = b"EceMMyQBAgMEBQhiKJ1mhcEw"
addresses = st.builds(Address, st.binary(min_size=16, max_size=16), st.integers(0, 65535))
STUN_TYPES = (0x0001, 0x0006, 0x0008, 0x001C, 0x0024, 0x0025, 0x8022, 0x8028, 0xC057)


@st.composite
def damaged(draw: st.DrawFn, good: st.SearchStrategy[bytes]) -> bytes:
    """Octets of ``good`` with a few replaced, cut off, or added."""
    octets = bytearray(draw(good))
    for _ in range(draw(st.integers(0, 3))):
        if octets:
            octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets[: draw(st.integers(0, len(octets)))] if draw(st.booleans()) else octets) + draw(
        st.binary(max_size=4)
    )


@st.composite
def usernames(draw: st.DrawFn) -> bytes:
    ours = draw(st.sampled_from([UFRAG, UFRAG[:-1], b"", b"A" * 24, b"A" * 23 + b"\0", b"A" * 23 + b":"]))
    return ours + draw(st.sampled_from([b"", b":"])) + draw(st.one_of(st.binary(max_size=8), st.just(b"p" * 483)))


@st.composite
def stun_messages(draw: st.DrawFn) -> bytes:
    """Messages whose length field holds, with attributes that may not."""
    body = b""
    for _ in range(draw(st.one_of(st.integers(0, 6), st.integers(60, 68)))):
        this_type = draw(st.sampled_from(STUN_TYPES))
        value = draw({0x0006: usernames(), 0x0008: st.just(bytes(20)), 0x8028: st.just(bytes(4))}.get(
            this_type, st.binary(max_size=9)
        ))  # fmt: skip
        length = len(value) if draw(st.integers(0, 19)) else draw(st.integers(0, 65535))
        body += struct.pack("!HH", this_type, length) + value + b"\xff" * (-len(value) % 4)
    message_type = draw(st.sampled_from([0x0001, 0x0001, 0x0001, 0x0011, 0x0101, 0x0111, 0x0003]))
    return struct.pack("!HHI12s", message_type, len(body), 0x2112A442, bytes(range(12))) + body


@st.composite
def rtp_packets(draw: st.DrawFn) -> bytes:
    return rtp.build(
        rtp.RtpPacket(
            payload_type=draw(st.integers(0, 127)),
            sequence_number=draw(st.integers(0, 65535)),
            timestamp=draw(st.integers(0, 2**32 - 1)),
            ssrc=draw(st.integers(0, 2**32 - 1)),
            payload=draw(st.binary(max_size=20)),
            marker=draw(st.booleans()),
            csrcs=tuple(draw(st.lists(st.integers(0, 2**32 - 1), max_size=15))),
            extension_profile=(profile := draw(st.one_of(st.none(), st.integers(0, 65535)))),
            extension=b"" if profile is None else draw(st.binary(max_size=5)) * 4,
            padding=draw(st.one_of(st.just(0), st.integers(0, 255))),
        )
    )


@st.composite
def rtcp_datagrams(draw: st.DrawFn) -> bytes:
    members = []
    for _ in range(draw(st.one_of(st.integers(1, 5), st.integers(62, 66)))):
        words = draw(st.integers(0, 3))
        members.append(struct.pack("!BBH", 0x80 | draw(st.integers(0, 31)), draw(st.integers(0, 255)), words))
        members.append(bytes(4 * words))
    if draw(st.booleans()):
        octets = bytearray(b"".join(members[:-1]) + bytes(draw(st.integers(0, 20))))
        octets[-1:] = bytes([draw(st.integers(0, 16))])
        return bytes(octets)
    return b"".join(members)


@given(st.one_of(st.binary(max_size=40), damaged(stun_messages()), damaged(rtp_packets())))
@example(b"")
def test_classify_agrees_with_its_twin(data: bytes) -> None:
    """Checklist A1 to A4."""
    found = classify(data)
    expected = twins.classify(data)
    assert (found if isinstance(found, DropReason) else found.name.lower()) == expected


@given(st.one_of(stun_messages(), damaged(stun_messages()), st.binary(max_size=64)))
def test_stun_walk_agrees_with_its_twin(data: bytes) -> None:
    """Checklist B2, B4, B9: and the relay's reader refuses whatever the transceiver's refuses."""
    spans = native_stun.parse(data)
    assert (spans if isinstance(spans, DropReason) else list(spans.attributes)) == twins.stun_attributes(data)
    ufrag = native_stun.server_ufrag(data)
    assert ufrag == twins.stun_server_ufrag(data)
    if isinstance(spans, DropReason) and not isinstance(ufrag, DropReason):
        raise AssertionError("the relay would route what the transceiver cannot read")
    message = stun.parse(data)
    if isinstance(message, stun.Message) and isinstance(ufrag, bytes):
        username = message.find(stun.Attribute.USERNAME)
        assert username is not None
        assert username.split(b":")[0] == ufrag


@given(
    st.sampled_from(stun.MessageClass),
    st.integers(0, 0x0FF),
    st.binary(min_size=12, max_size=12),
    st.lists(
        st.tuples(st.integers(0, 65535).filter(lambda t: t not in (0x0008, 0x001C, 0x8028)), st.binary(max_size=30)),
        max_size=62,
    ),
    st.one_of(st.none(), st.binary(min_size=1, max_size=40)),
)
def test_built_stun_parses_to_what_was_built(
    message_class: stun.MessageClass,
    method: int,
    transaction_id: bytes,
    attributes: list[tuple[int, bytes]],
    key: bytes | None,
) -> None:
    method &= 0x07F  # above, the first octet is that of no STUN message we carry
    message = stun.parse(stun.build(message_class, method, transaction_id, attributes, integrity_key=key))
    assert isinstance(message, stun.Message)
    assert (message.message_class, message.method, message.transaction_id) == (message_class, method, transaction_id)
    assert list(message.attributes[: len(attributes)]) == attributes
    assert stun.verify_fingerprint(message)
    assert stun.verify_integrity(message, key or b"x") is (key is not None)


@given(st.one_of(st.binary(max_size=60), damaged(rtp_packets())))
def test_rtp_parse_agrees_with_its_twin(data: bytes) -> None:
    """Checklist F1."""
    header = native_rtp.parse_header(data)
    if not isinstance(header, DropReason):
        assert (header.header_length, header.csrc_count, header.extension_length) == twins.rtp_header(data)
    else:
        assert header == twins.rtp_header(data)
    packet = rtp.parse(data)
    assert (packet if isinstance(packet, DropReason) else packet.payload) == twins.rtp_payload(data)


@given(rtp_packets())
def test_parsed_rtp_builds_to_what_was_parsed(data: bytes) -> None:
    packet = rtp.parse(data)
    assert isinstance(packet, rtp.RtpPacket)
    assert rtp.build(packet) == data


@given(st.binary(max_size=80), st.sampled_from((0xBEDE, 0x1000, 0x100F)))
def test_header_extensions_of_any_octets_stay_inside(data: bytes, profile: int) -> None:
    """F21, F22, T22: each element is a piece of the data, behind the one before; both readers find the same."""
    elements = parse_elements(profile, data)
    at = 0
    for value in elements.values():
        at = data.index(value, at)
    assert sum(map(len, elements.values())) <= len(data)
    assert {n: find_element(profile, data, n) for n in range(1, 15)} == {n: elements.get(n) for n in range(1, 15)}


@given(st.one_of(st.binary(max_size=60), rtcp_datagrams(), damaged(rtcp_datagrams())))
def test_rtcp_walk_agrees_with_its_twin(data: bytes) -> None:
    """Checklist F10, the walk."""
    members = native_rtp.walk_rtcp(data)
    assert (members if isinstance(members, DropReason) else list(members)) == twins.rtcp_members(data)


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=70))
def test_siphash_agrees_with_its_twin(key: bytes, data: bytes) -> None:
    assert siphash24(key, data) == twins.siphash24(key, data)


keys = st.dictionaries(
    st.integers(0, 15),
    st.tuples(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16)),
    min_size=1,
    max_size=16,
)


@given(keys, st.data())
def test_hints_agree_with_their_twin(ring: dict[int, tuple[bytes, bytes]], data: st.DataObject) -> None:
    """Checklist C21."""
    native = HintKeys(ring)
    key_id = data.draw(st.sampled_from(sorted(ring)))
    cluster, transceiver = data.draw(st.integers(0, 65535)), data.draw(st.integers(0, 65535))
    nonce = data.draw(st.binary(min_size=5, max_size=5))
    ufrag = native.mint(key_id, cluster, transceiver, nonce)
    assert ufrag == twins.mint_hint(*ring[key_id], key_id, cluster, transceiver, nonce)
    for text in (ufrag.encode(), data.draw(damaged(st.just(ufrag.encode()))), data.draw(st.binary(max_size=30))):
        hint = native.open(text)
        opened = hint and (hint.key_id, hint.cluster, hint.transceiver, hint.nonce)
        assert opened == twins.open_hint(ring, text)


@given(addresses, addresses, st.binary(max_size=4))
def test_spp_in_c_and_in_python_are_one(client: Address, proxy: Address, payload: bytes) -> None:
    """Checklist A8."""
    header = spp.build(client, proxy)
    assert header == native_spp.build(client, proxy)
    assert spp.parse(header + payload) == native_spp.parse(header + payload) or payload.startswith(spp.MAGIC)
    assert spp.parse(header) == spp.SppHeader(client, proxy)


@given(st.one_of(st.binary(max_size=80), damaged(st.builds(spp.build, addresses, addresses))))
def test_spp_readers_refuse_alike(data: bytes) -> None:
    """Checklist A8."""
    assert spp.parse(data) == native_spp.parse(data)


_PREFIXES = (bytes(12), bytes(10) + b"\xff\xff", bytes.fromhex("0064ff9b") + bytes(8), b"\x20\x02", b"\xfe\x80", b"")


@given(st.sampled_from(_PREFIXES), st.binary(min_size=16, max_size=16), st.integers(0, 65535))
@example(_PREFIXES[1], bytes(12) + bytes([169, 254, 0, 1]), 1)
def test_denied_addresses_agree_with_their_twin(prefix: bytes, rest: bytes, port: int) -> None:
    """Checklist A11."""
    ip = prefix + rest[len(prefix) :]
    assert native_address.is_denied(ip, port) == twins.is_denied(ip, port)
