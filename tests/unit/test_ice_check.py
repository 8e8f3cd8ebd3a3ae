"""What IceLite answers to which STUN datagram: RFC 8489 sections 6.3 and 9.1.3, RFC 8445 section 7.3."""

from __future__ import annotations

import struct

import pytest
from aioice import stun as oracle

from rtcsplit.drops import DropReason
from rtcsplit.session.ice_state import State
from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.session.stun_refusals import StunRefusals
from rtcsplit.wire.address import Address, Path
from tests.ice_peer import (
    AWAY,
    CLIENT,
    CONTROLLED,
    CONTROLLING,
    ERROR,
    HOME,
    INDICATION,
    NAMES,
    PRIORITY,
    REQUEST,
    SERVER,
    SUCCESS,
    THIRD,
    USE_CANDIDATE,
    USERNAME,
    Peer,
    attribute,
    message,
    read,
)

WRONG_KEY = b"w" * 30
UNKNOWN = (0x7FFE, b"?")
KEY = SERVER.pwd.encode()


def flip(datagram: bytes, index: int, bit: int = 0x01) -> bytes:
    return datagram[:index] + bytes([datagram[index] ^ bit]) + datagram[index + 1 :]


def errors(peer: Peer, *, key: str | None) -> list[int]:
    """Codes of all error responses so far, each of them read by aioice."""
    return [read(datagram, key).attributes["ERROR-CODE"][0] for _, datagram, _ in peer.sent]


def refused(peer: Peer, datagram: bytes, reason: DropReason, code: int | None, *, path: Path = AWAY) -> None:
    """Send, and see that nothing changed, that the reason is this, and that the answer is this error or silence."""
    before, sent = peer.snapshot(), len(peer.sent)
    assert peer.send(datagram, path) is reason
    assert peer.snapshot() == before
    if code is None:
        assert len(peer.sent) == sent
        return
    assert len(peer.sent) == sent + 1
    assert peer.sent[-1][2] == path
    answer = peer.answer(key=SERVER.pwd if code in (420, 487) else None)
    assert answer.message_class is oracle.Class.ERROR
    assert answer.transaction_id == datagram[8:20]
    assert answer.attributes["ERROR-CODE"] == (code, "")
    assert ("MESSAGE-INTEGRITY" in answer.attributes) is (code in (420, 487))
    assert "SOFTWARE" not in answer.attributes


@pytest.mark.parametrize("path", [HOME, THIRD, Path(Address.of("192.0.2.1", 1))], ids=str)
def test_a_check_is_answered_with_the_address_it_came_from(path: Path) -> None:
    """B15, A10, C2, C5: same transaction id, XOR-MAPPED-ADDRESS, integrity with the same key; before any answer SDP."""
    peer = Peer()
    datagram = peer.checks(path)
    answer = peer.answer()
    assert answer.message_class is oracle.Class.RESPONSE
    assert answer.message_method is oracle.Method.BINDING
    assert answer.transaction_id == datagram[8:20]
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == (path.client.host, path.client.port)
    assert peer.sent[-1][2] == path


@pytest.mark.parametrize(
    ("datagram", "reason", "code"),
    [
        ({"names": None, "key": None, "extra": [UNKNOWN]}, DropReason.STUN_BAD_REQUEST, 400),
        ({"key": None, "extra": [UNKNOWN], "role": CONTROLLED}, DropReason.STUN_BAD_REQUEST, 400),
        ({"key": WRONG_KEY, "extra": [UNKNOWN], "role": CONTROLLED}, DropReason.STUN_UNAUTHORIZED, 401),
        ({"names": b"who:ever", "extra": [UNKNOWN]}, DropReason.STUN_UNAUTHORIZED, 401),
        ({"extra": [UNKNOWN], "role": CONTROLLED}, DropReason.STUN_UNKNOWN_ATTRIBUTE, 420),
        ({"role": CONTROLLED}, DropReason.STUN_ROLE_CONFLICT, 487),
    ],
    ids=["400 without both", "400 without integrity", "401 integrity", "401 name", "420", "487"],
)
def test_the_first_fault_in_the_order_of_the_rfc_is_the_one_answered(
    datagram: dict[str, object], reason: DropReason, code: int
) -> None:
    """B5: credentials before unknown attributes before the role."""
    peer = Peer()
    refused(peer, peer.check(**datagram), reason, code)


def test_a_wrong_fingerprint_is_silence_whatever_else_is_wrong() -> None:
    """B5, B6: FINGERPRINT is part of the format check, so it comes before the credentials."""
    peer = Peer()
    for datagram in (peer.check(), peer.check(key=WRONG_KEY), peer.check(names=None)):
        for bit in range(32):
            broken = flip(datagram, len(datagram) - 4 + bit // 8, 1 << bit % 8)
            refused(peer, broken, DropReason.STUN_FINGERPRINT, None)


def test_fingerprint_has_to_be_last() -> None:
    """B6."""
    peer = Peer()
    datagram = peer.check()
    extended = datagram[:2] + struct.pack("!H", len(datagram) - 20 + 8) + datagram[4:] + attribute(0xC057, b"tail")
    before = peer.snapshot()
    assert peer.send(extended) in (DropReason.STUN_MALFORMED, DropReason.STUN_FINGERPRINT)
    assert peer.snapshot() == before
    assert peer.sent == []


def test_a_check_without_fingerprint_is_answered_with_one() -> None:
    """B6, B7: ours always carry it, theirs need not."""
    peer = Peer()
    assert peer.send(peer.check(fingerprint=False)) is None
    assert peer.answer().attributes["FINGERPRINT"]


def test_every_response_ends_in_a_valid_fingerprint() -> None:
    """B7: success, 400, 401, 420 and 487 are all read by aioice, which verifies it; one flipped bit and it does not."""
    peer = Peer()
    for changes in ({}, {"key": None}, {"key": WRONG_KEY}, {"extra": [UNKNOWN]}, {"role": CONTROLLED}):
        peer.send(peer.check(**changes))
    assert len(peer.sent) == 5
    for _, datagram, _ in peer.sent:
        assert datagram[-8:-4] == b"\x80\x28\x00\x04"
        oracle.parse_message(datagram)
        with pytest.raises(ValueError, match="fingerprint"):
            oracle.parse_message(flip(datagram, len(datagram) - 1))


def test_any_flipped_octet_of_the_integrity_is_401_and_changes_nothing() -> None:
    """B8, T4: each of the 20 octets, before and after a first good check."""
    for started in (False, True):
        peer = Peer()
        if started:
            peer.checks(HOME)
        datagram = peer.check(fingerprint=False, nominate=True)
        for index in range(20):
            refused(peer, flip(datagram, len(datagram) - 20 + index, 0x80), DropReason.STUN_UNAUTHORIZED, 401)


def test_a_key_of_the_wrong_side_is_401() -> None:
    """B8: the key of a check is the password of the agent that answers (RFC 8445 section 7.3)."""
    peer = Peer()
    refused(peer, peer.check(key=CLIENT.pwd.encode()), DropReason.STUN_UNAUTHORIZED, 401)


@pytest.mark.parametrize(
    "late", [(USE_CANDIDATE, b""), (CONTROLLED, bytes(8)), UNKNOWN], ids=["use", "role", "unknown"]
)
def test_attributes_after_the_integrity_have_no_effect(late: tuple[int, bytes]) -> None:
    """B9: what an attacker could append without the key."""
    peer = Peer()
    assert peer.send(peer.check(after_integrity=[late])) is None
    assert [event.cause.name for _, event in peer.events] == ["PROVISIONAL"]


def test_a_username_after_the_integrity_does_not_count() -> None:
    """B9."""
    peer = Peer()
    refused(peer, peer.check(names=None, after_integrity=[(USERNAME, NAMES)]), DropReason.STUN_BAD_REQUEST, 400)


def test_the_first_of_repeated_attributes_counts() -> None:
    """B4."""
    peer = Peer()
    assert peer.send(peer.check(extra=[(USERNAME, b"other:name")])) is None
    refused(peer, peer.check(names=b"other:name", extra=[(USERNAME, NAMES)]), DropReason.STUN_UNAUTHORIZED, 401)


@pytest.mark.parametrize("missing", [{"names": None}, {"key": None}], ids=["USERNAME", "MESSAGE-INTEGRITY"])
def test_a_request_without_credentials_is_400(missing: dict[str, object]) -> None:
    """B10, T4."""
    peer = Peer()
    refused(peer, peer.check(**missing), DropReason.STUN_BAD_REQUEST, 400)


@pytest.mark.parametrize(
    "names",
    [
        b"EceMMyQBAgMEBQhiKJ1mhcEx:cLnT",
        b"eceMMyQBAgMEBQhiKJ1mhcEw:cLnT",
        b"EceMMyQBAgMEBQhiKJ1mhcEw:cLnt",
        b"EceMMyQBAgMEBQhiKJ1mhcEw:cLnT:",
        b"EceMMyQBAgMEBQhiKJ1mhcEw:",
        b"EceMMyQBAgMEBQhiKJ1mhcEw",
        b"cLnT:EceMMyQBAgMEBQhiKJ1mhcEw",
        b":",
        b"EceMMyQBAgMEBQhiKJ1mhcEw:\xc3\xa9",
        b"EceMMyQBAgMEBQhiKJ1mhcEw\0:cLnT",
    ],
    ids=repr,
)
def test_a_username_of_another_session_is_401(names: bytes) -> None:
    """B11, C4, T4: either part wrong, with integrity that would hold."""
    peer = Peer()
    refused(peer, peer.check(names=names), DropReason.STUN_UNAUTHORIZED, 401)


def test_while_the_peer_is_unknown_its_part_of_the_username_may_be_anything() -> None:
    """C4: the project's rule needs the peer's ufrag."""
    peer = Peer(remote=None)
    assert peer.send(peer.check(names=SERVER.ufrag.encode() + b":xyz")) is None
    assert peer.send(peer.check(names=b"xyz:" + SERVER.ufrag.encode())) is DropReason.STUN_UNAUTHORIZED


@pytest.mark.parametrize(
    ("length", "is_good"), [(0, False), (1, False), (508, True), (509, False), (513, False), (763, False)]
)
def test_usernames_are_read_up_to_508_octets(length: int, is_good: bool) -> None:
    """B20."""
    right = "x" * (length - len(SERVER.ufrag) - 1)
    peer = Peer(remote=IceCredentials(right, "p" * 22))
    names = f"{SERVER.ufrag}:{right}".encode() if is_good or length > 508 else b"x" * length
    assert len(names) == length
    if is_good:
        assert peer.send(peer.check(names=names)) is None
    else:
        refused(peer, peer.check(names=names), DropReason.STUN_UNAUTHORIZED, 401)


def test_unknown_required_attributes_are_named_once_each_in_a_420() -> None:
    """B13: below 0x8000 only."""
    peer = Peer()
    extra = [(0x7FFE, b"1"), (0x0031, b""), (0x8000, b"fine"), (0x7FFE, b"2")]
    refused(peer, peer.check(extra=extra), DropReason.STUN_UNKNOWN_ATTRIBUTE, 420)
    _, datagram, _ = peer.sent[-1]
    assert attribute(0x000A, b"\x7f\xfe\x00\x31") in datagram


@pytest.mark.parametrize("octets", [0, 1, 2, 3, 4, 1100])
@pytest.mark.parametrize("kind", [0xC057, 0xC059, 0xC001, 0xC070, 0x8000, 0xFFFF], ids=hex)
def test_unknown_optional_attributes_are_ignored_whatever_their_size(kind: int, octets: int) -> None:
    """B14: browsers add several, and some carry a DTLS record."""
    peer = Peer()
    assert peer.send(peer.check(extra=[(kind, b"\xff" * octets)])) is None
    assert peer.answer().message_class is oracle.Class.RESPONSE


@pytest.mark.parametrize("pad", [b"\x20", b"\xff"], ids=["0x20", "0xFF"])
def test_padding_is_ignored_coming_in_and_zero_going_out(pad: bytes) -> None:
    """B3, T30: a 420 with three unknown types has two octets of padding."""
    peer = Peer()
    assert peer.send(peer.check(pad=pad, extra=[(0xC057, b"1")])) is None
    peer.send(peer.check(pad=pad, extra=[(1 + 0x7000 + n, b"1") for n in range(3)]))
    _, datagram, _ = peer.sent[-1]
    assert attribute(0x000A, b"\x70\x01\x70\x02\x70\x03", b"\0") in datagram


def test_the_same_datagram_gets_the_same_answer_and_one_event() -> None:
    """B16."""
    peer = Peer()
    datagram = peer.check(nominate=True)
    before = None
    for _ in range(5):
        assert peer.send(datagram) is None
        assert before in (None, peer.snapshot())
        before = peer.snapshot()
    assert len(peer.sent) == 5
    assert len({answer for _, answer, _ in peer.sent}) == 1
    assert len(peer.events) == 1


def test_an_indication_is_not_answered_and_keeps_nothing_alive() -> None:
    """B17, T6: also one with good credentials."""
    peer = Peer()
    peer.checks(HOME)
    peer.at(10)
    for datagram in (
        message(INDICATION, bytes(12)),
        message(INDICATION, bytes(12), [(USERNAME, NAMES), (PRIORITY, bytes(4))], key=KEY),
    ):
        refused(peer, datagram, DropReason.STUN_INDICATION, None)
        refused(peer, datagram, DropReason.STUN_INDICATION, None, path=HOME)
    peer.at(31)
    assert peer.ice.state is State.CLOSED


@pytest.mark.parametrize("kind", [SUCCESS, ERROR], ids=["success", "error"])
def test_a_response_is_dropped(kind: int) -> None:
    """B18, T6: we ask nothing, so no response is one to a request of ours."""
    peer = Peer()
    for datagram in (message(kind, bytes(12)), message(kind, bytes(12), [(USERNAME, NAMES)], key=KEY)):
        refused(peer, datagram, DropReason.STUN_RESPONSE, None)


@pytest.mark.parametrize("kind", [0x0003, 0x0004, 0x0016, 0x0008, 0x0009, 0x0002, 0x02EE], ids=hex)
def test_methods_other_than_binding_are_dropped(kind: int) -> None:
    """B19: Allocate, Refresh, Send indication, CreatePermission, ChannelBind, and unassigned ones."""
    peer = Peer()
    refused(peer, message(kind, bytes(12), [(USERNAME, NAMES)], key=KEY), DropReason.STUN_METHOD, None)


def test_a_classic_request_without_cookie_is_dropped() -> None:
    """B19: RFC 3489."""
    peer = Peer()
    refused(peer, struct.pack("!HH", REQUEST, 0) + bytes(16), DropReason.STUN_MALFORMED, None)


def test_the_wrong_role_is_487_and_the_right_one_works_after_it() -> None:
    """C3: no tuple is made of a check that was refused."""
    peer = Peer()
    refused(peer, peer.check(role=CONTROLLED, nominate=True), DropReason.STUN_ROLE_CONFLICT, 487, path=HOME)
    assert not peer.ice.is_authenticated(HOME.client)
    peer.checks(HOME, role=CONTROLLING)
    assert peer.ice.path == HOME


def test_neither_role_is_no_conflict() -> None:
    """C2: RFC 8445 section 7.3.1.1 lets a request without either attribute pass."""
    assert Peer().send(Peer().check(role=None)) is None


@pytest.mark.parametrize("octets", [0, 3, 5, 8])
def test_a_priority_of_another_length_counts_as_absent(octets: int) -> None:
    peer = Peer()
    datagram = message(
        REQUEST, bytes(12), [(USERNAME, NAMES), (CONTROLLING, bytes(8)), (PRIORITY, b"\xff" * octets)], key=KEY
    )
    assert peer.send(datagram) is None


def test_refusals_of_strangers_are_limited_and_those_of_the_peer_are_not() -> None:
    """B8, B12: beyond the limit an unauthenticated request is counted and not answered; a 420 always is."""
    peer = Peer(refusals=StunRefusals(rate=1, burst=3))
    for _ in range(10):
        assert peer.send(peer.check(key=WRONG_KEY)) is DropReason.STUN_UNAUTHORIZED
    assert errors(peer, key=None) == [401] * 3
    peer.sent.clear()
    for _ in range(10):
        assert peer.send(peer.check(extra=[UNKNOWN])) is DropReason.STUN_UNKNOWN_ATTRIBUTE
    assert errors(peer, key=SERVER.pwd) == [420] * 10
