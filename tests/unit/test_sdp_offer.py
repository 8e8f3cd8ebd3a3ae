"""Offers as typed values: numbers, names, transports, groups."""

from __future__ import annotations

import socket

import pytest

from rtcsplit.errors import SdpError
from rtcsplit.session.negotiation import Direction, IceCredentials
from rtcsplit.session.sdp import parse_offer
from rtcsplit.session.sdp.transport import Setup
from rtcsplit.wire.address import Address
from tests.offers import AUDIO, OFFER, OTHER_SHA_256, SESSION, SHA_256, changed, with_lines


def refusal(body: bytes | str) -> SdpError:
    with pytest.raises(SdpError) as caught:
        parse_offer(body)
    return caught.value


def test_minimal_offer_becomes_typed_values() -> None:
    (section,) = parse_offer(OFFER).sections
    assert (section.kind, section.port, section.protocol, section.mid) == ("audio", 9, "UDP/TLS/RTP/SAVPF", "0")
    assert section.direction is Direction.SENDRECV
    assert section.transport.ice == IceCredentials("abcd", "abcdefghijklmnopqrstuv")
    assert [str(fingerprint) for fingerprint in section.transport.fingerprints] == [SHA_256]
    assert section.transport.setup is Setup.ACTPASS
    assert [(f.payload_type, f.name, f.clock_rate, f.channels) for f in section.rtp_formats] == [
        (111, "opus", 48000, 2)
    ]


NUMBERS = ["65536", "-1", "+1", "1e9", "99999999999999999999", "", "0x9", "1.0", "\u0661", " ", "9/2"]
PLACES = {
    "port": "m=audio {} UDP/TLS/RTP/SAVPF 111",
    "payload type": "m=audio 9 UDP/TLS/RTP/SAVPF 111 {}",
    "rtpmap": "a=rtpmap:{} x/8000",
    "clock rate": "a=rtpmap:0 x/{}",
    "fmtp": "a=fmtp:{} x=1",
    "rtcp-fb": "a=rtcp-fb:{} nack",
    "extmap": "a=extmap:{} urn:x",
    "ssrc": "a=ssrc:{} cname:x",
    "candidate component": "a=candidate:1 {} udp 1 192.0.2.1 9 typ host",
    "candidate priority": "a=candidate:1 1 udp {} 192.0.2.1 9 typ host",
    "candidate port": "a=candidate:1 1 udp 1 192.0.2.1 {} typ host",
}
FITTING = {("clock rate", "65536"), ("clock rate", "9/2"), ("ssrc", "65536"), ("candidate priority", "65536")}
NO_NUMBER = {("payload type", ""), ("payload type", " ")}


@pytest.mark.parametrize("place", PLACES)
def test_numbers_are_digits_within_their_range(place: str) -> None:
    """Row G4: sign, overflow, other alphabets, empty."""
    accepted = []
    for text in NUMBERS:
        try:
            parse_offer(with_lines(PLACES[place].format(text)))
        except SdpError:
            continue
        accepted.append((place, text))
    assert set(accepted) == {pair for pair in FITTING | NO_NUMBER if pair[0] == place}


EDGES = {
    "m=audio 0 X 1": True, "m=audio 65535 X 1": True, "m=audio 65536 X 1": False,
    "m=video 9 RTP/AVP 127": True, "m=video 9 RTP/AVP 128": False, "m=video 9 RTP/AVP 96 96": False,
    "a=candidate:1 1 udp 2147483647 192.0.2.1 9 typ host": True,
    "a=candidate:1 1 udp 2147483648 192.0.2.1 9 typ host": False,
    "a=candidate:1 1 udp 0 192.0.2.1 9 typ host": False,
    "a=candidate:1 256 udp 1 192.0.2.1 9 typ host": True, "a=candidate:1 257 udp 1 192.0.2.1 9 typ host": False,
    "a=candidate:1 1 udp 1 192.0.2.1 65535 typ host": True, "a=candidate:1 1 udp 1 192.0.2.1 65536 typ host": False,
    "a=candidate:1 1 udp 1 192.0.2.1 9": False, "a=candidate:1 1 udp 1 192.0.2.1 9 of host": False,
    "a=ssrc:4294967295 cname:x": True, "a=ssrc:4294967296 cname:x": False,
    "a=rtpmap:96 opus": False, "a=rtpmap:96 opus/48000/2/1": False, "a=rtpmap:96 o pus/48000": False,
    "a=rtpmap:111 opus/48000/2": False, "m=audio 9 X": False, "m=audio": False, "m=a/b 9 X 1": False,
    "a=extmap:255 urn:x": True, "a=extmap:4352 urn:x": False, "a=extmap:0 urn:x": False, "a=extmap:1": False,
    "a=extmap:1/sideways urn:x": False, "a=recvonly": False, "a=setup:": False, "a=mid:1": False,
}  # fmt: skip


def test_ranges_end_where_they_should() -> None:
    """Row G4: each bound and the value beyond it."""
    wrong = []
    for line, is_accepted in EDGES.items():
        try:
            parse_offer(with_lines(line))
        except SdpError:
            if is_accepted:
                wrong.append(line)
        else:
            if not is_accepted:
                wrong.append(line)
    assert wrong == []


ODD_CANDIDATES = [
    "1 1 tcp 1 192.0.2.1 9 typ host tcptype active", "1 1 TCP 1 192.0.2.1 9 typ host tcptype passive",
    "1 2 udp 1 192.0.2.1 9 typ host", "1 1 udp 1 4f2b9c1e.local 9 typ host", "1 1 udp 1 example.com 9 typ host",
    "1 1 udp 1 localhost 9 typ host", "1 1 udp 1 fe80::1%eth0 9 typ host", "1 1 udp 1 192.0.2 9 typ host",
    "1 1 udp 1 0300.0.2.1 9 typ host", "1 1 udp 1 3221225985 9 typ host", "1 1 udp 1 [2001:db8::1] 9 typ host",
    "1 1 sctp 1 192.0.2.1 9 typ host", "1 1 udp 1 256.0.0.1 9 typ host", "1 1 ssltcp 1 192.0.2.1 443 typ host",
    "1 1 udp 1 :: 9 typ x y z", "1 1 udp 1 192.0.2.1 0 typ host", "1 1 UDP 1 2001:db8::1 9 typ srflx raddr :: rport 0",
    "1 1 udp 1 192.0.2.7 9 typ relay raddr host.example rport 9", "x=y 1 udp 1 192.0.2.8 9 typ prflx",
    "1 1 udp 1 ::ffff:192.0.2.9 9 typ host generation 0 network-cost 999",
]  # fmt: skip


def test_odd_candidates_are_ignored_without_a_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row G9: TCP, names, mDNS, other components; nothing asks a resolver."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a name was looked up")

    for function in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "create_connection"):
        monkeypatch.setattr(socket, function, refuse)
    (section,) = parse_offer(with_lines(*(f"a=candidate:{text}" for text in ODD_CANDIDATES))).sections
    assert [candidate.address for candidate in section.candidates] == [
        Address.of("::", 9),
        Address.of("192.0.2.1", 0),
        Address.of("2001:db8::1", 9),
        Address.of("192.0.2.7", 9),
        Address.of("192.0.2.8", 9),
        Address.of("192.0.2.9", 9),
    ]


UFRAG, PWD = "a=ice-ufrag:abcd\n", "a=ice-pwd:abcdefghijklmnopqrstuv\n"


def test_media_level_credentials_win() -> None:
    """Row G10."""
    at_session = SESSION + "a=ice-ufrag:sess\na=ice-pwd:sessionsessionsessionse\n"
    assert parse_offer(at_session + AUDIO).sections[0].transport.ice == IceCredentials("abcd", "abcdefghijklmnopqrstuv")
    bare = changed(UFRAG + PWD, "", AUDIO)
    assert parse_offer(at_session + bare).sections[0].transport.ice == IceCredentials("sess", "sessionsessionsessionse")


CREDENTIALS: dict[str, tuple[str, str]] = {
    "ufrag of 3": (changed(UFRAG, "a=ice-ufrag:abc\n"), "ice_ufrag"),
    "ufrag of 257": (changed(UFRAG, f"a=ice-ufrag:{'a' * 257}\n"), "ice_ufrag"),
    "ufrag with a hyphen": (changed(UFRAG, "a=ice-ufrag:ab-d\n"), "ice_ufrag"),
    "ufrag with a space": (changed(UFRAG, "a=ice-ufrag:ab d\n"), "ice_ufrag"),
    "ufrag of other letters": (changed(UFRAG, "a=ice-ufrag:\u00e9\u00e9\u00e9\u00e9\n"), "ice_ufrag"),
    "ufrag twice": (changed(UFRAG, UFRAG + UFRAG), "duplicate_attribute"),
    "ufrag alone": (changed(PWD, ""), "ice_credentials"),
    "pwd alone": (changed(UFRAG, ""), "ice_credentials"),
    "pwd of 21": (changed(PWD, f"a=ice-pwd:{'a' * 21}\n"), "ice_pwd"),
    "pwd of 257": (changed(PWD, f"a=ice-pwd:{'a' * 257}\n"), "ice_pwd"),
    "pwd with a colon": (changed(PWD, f"a=ice-pwd:{'a:' * 11}\n"), "ice_pwd"),
}


@pytest.mark.parametrize(("body", "code"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_bad_credentials_are_malformed(body: str, code: str) -> None:
    """Row G10."""
    error = refusal(body)
    assert (error.code, error.is_malformed) == (code, True)


@pytest.mark.parametrize(("ufrag", "pwd"), [(4, 22), (256, 256)])
def test_longest_and_shortest_credentials_are_taken(ufrag: int, pwd: int) -> None:
    """Row G10."""
    body = changed(PWD, f"a=ice-pwd:{'/' * pwd}\n", changed(UFRAG, f"a=ice-ufrag:{'+' * ufrag}\n"))
    assert parse_offer(body).sections[0].transport.ice == IceCredentials("+" * ufrag, "/" * pwd)


def test_ice_lite_offer_is_refused() -> None:
    """Row G7: two lite agents never send the check that the relay needs."""
    for body in (changed("t=0 0\n", "t=0 0\na=ice-lite\n"), with_lines("a=ice-lite")):
        error = refusal(body)
        assert (error.code, error.is_malformed, error.line) == ("ice_lite", False, "a=ice-lite")


SHA_1 = "sha-1 " + ":".join(["AB"] * 20)
SHA_384 = "sha-384 " + ":".join(["AB"] * 48)
SHA_512 = "sha-512 " + ":".join(["AB"] * 64)
LINE = f"a=fingerprint:{SHA_256}\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([SHA_256.lower()], [SHA_256]),
        (["SHA-256 " + SHA_256[8:]], [SHA_256]),
        ([SHA_384], [SHA_384]),
        ([SHA_512], [SHA_512]),
        ([SHA_1, SHA_256], [SHA_256]),
        ([OTHER_SHA_256, SHA_256], [OTHER_SHA_256, SHA_256]),
        (["sha3-256 zz", SHA_256, SHA_256], [SHA_256]),
    ],
    ids=["lower case", "upper case hash", "sha-384", "sha-512", "sha-1 beside", "two", "unknown beside, repeated"],
)
def test_supported_fingerprints_are_kept(lines: list[str], expected: list[str]) -> None:
    """Row D6."""
    body = changed(LINE, "".join(f"a=fingerprint:{line}\n" for line in lines))
    assert [str(found) for found in parse_offer(body).sections[0].transport.fingerprints] == expected


@pytest.mark.parametrize("text", [SHA_1, "md5 " + ":".join(["AB"] * 16), "", "sha-999 AB"])
def test_fingerprints_of_other_hashes_alone_are_unsupported(text: str) -> None:
    """Row D6: md5 and sha-1 are refused."""
    error = refusal(changed(LINE, f"a=fingerprint:{text}\n"))
    assert (error.code, error.is_malformed) == ("fingerprint_hash", False)


@pytest.mark.parametrize(
    "text",
    [SHA_256[:-3], SHA_256 + ":00", SHA_256.replace(":", ""), SHA_256.replace("00", "0G"), "sha-256", "sha-256 "],
)
def test_broken_fingerprints_are_malformed(text: str) -> None:
    """Row D6."""
    error = refusal(changed(LINE, f"a=fingerprint:{text}\n"))
    assert (error.code, error.is_malformed) == ("fingerprint", True)


SECOND = changed("a=mid:0", "a=mid:1", AUDIO).replace("audio", "video")
TWO = changed("BUNDLE 0", "BUNDLE 0 1", OFFER) + SECOND


def test_conflicting_fingerprints_in_a_bundle_are_refused() -> None:
    """Row G16."""
    assert refusal(TWO + f"a=fingerprint:{OTHER_SHA_256}\n").code == "fingerprint_conflict"


def test_session_level_fingerprint_and_setup_hold_for_all_sections() -> None:
    """Row G16."""
    body = changed(LINE, LINE + "a=setup:passive\n", TWO).replace("a=setup:actpass\n", "")
    for section in parse_offer(body).sections:
        assert section.transport.setup is Setup.PASSIVE
        assert [str(found) for found in section.transport.fingerprints] == [SHA_256]


@pytest.mark.parametrize(
    "tail",
    ["", changed("m=video 9", "m=video 0", SECOND) + f"a=fingerprint:{OTHER_SHA_256}\n"],
    ids=["equal", "different, but refused by the offerer"],
)
def test_fingerprints_that_do_not_conflict_are_taken(tail: str) -> None:
    """Row G16."""
    assert len(parse_offer(changed("BUNDLE 0", "BUNDLE 0 1") + (tail or SECOND)).sections) == 2


@pytest.mark.parametrize(
    "group", ["BUNDLE 0 0", "BUNDLE 0 7", "BUNDLE 7"], ids=["repeated mid", "unknown mid", "only unknown"]
)
def test_group_names_sections_once(group: str) -> None:
    """Row G12."""
    assert refusal(changed("BUNDLE 0", group)).code == "group"


def test_duplicate_mid_is_malformed() -> None:
    """Row G13."""
    error = refusal(OFFER + AUDIO)
    assert (error.code, error.is_malformed) == ("duplicate_mid", True)


@pytest.mark.parametrize(
    "mid", ["", "a" * 33, "a b", "a/b", "\u00e9", "0\ta=ice-lite", "a:b"], ids=lambda mid: ascii(mid)[:12]
)
def test_mid_outside_its_alphabet_is_malformed(mid: str) -> None:
    """Rows G13, G23."""
    error = refusal(changed("a=mid:0", f"a=mid:{mid}"))
    assert (error.code, error.is_malformed) == ("mid", True)


@pytest.mark.parametrize("value", ["x" * 19, "x" * 256, "x" * 19 + " ", "x" * 19 + "="])
def test_bad_tls_id_is_malformed(value: str) -> None:
    """Row D26."""
    assert refusal(with_lines(f"a=tls-id:{value}")).code == "tls_id"


def test_direction_of_the_session_is_the_default() -> None:
    """Row G17: Firefox writes one at the session level."""
    body = changed("a=sendrecv\n", "", changed("t=0 0\n", "t=0 0\na=recvonly\n"))
    assert parse_offer(body).sections[0].direction is Direction.RECVONLY


def test_ssrc_lines_are_read_once_each_and_bounded() -> None:
    """Row G21: with msid and rid lines; none of them is required."""
    lines = [f"a=ssrc:{n} cname:x" for n in range(100)] * 2 + ["a=msid:a b", "a=rid:1 send", "a=rid:2 send pt=111"]
    assert parse_offer(with_lines(*lines)).sections[0].ssrcs == tuple(range(64))
    assert parse_offer(OFFER).sections[0].ssrcs == ()


def test_transport_of_a_bundled_section_may_stand_in_another() -> None:
    """Row G12: a bundled section need not repeat ICE and DTLS attributes."""
    bare = changed(UFRAG + PWD, "", changed("a=setup:actpass\n", "", SECOND))
    offer = parse_offer(changed("BUNDLE 0", "BUNDLE 0 1") + bare)
    assert offer.sections[1].transport.ice is None
    assert offer.transport_of(offer.sections[1]) == offer.sections[0].transport
